// nodemailer with `pool: true` and one connection, a few mails always waiting for it (more of them made it slower).
// (Without the pool it would open a connection for every mail.)
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { performance } from 'node:perf_hooks';

const [folder, modules] = process.argv.slice(2);
const nodemailer = createRequire(path.join(modules, 'package.json'))('nodemailer');
const FROM = 'bench@example.org';
const TO = 'someone@example.org';
const WAITING = 5;

const pattern = fs.readFileSync(path.join(folder, 'ready.eml'), 'latin1');
const ready = Array.from({ length: 1000 }, (_, n) =>
    Buffer.from(pattern.replaceAll('000000', String(n).padStart(6, '0')), 'latin1'));
const read = (name) => fs.readFileSync(path.join(folder, name), 'utf8');
const text = read('text.txt'), mergeText = read('merge.txt'), mergeHtml = read('merge.html');

const filled = (template, name, number) => template.replace('{name}', name).replace('{number}', number);

const mails = {
    ready: (n, job) => ({ envelope: { from: FROM, to: recipients(job) }, raw: ready[n % 1000] }),
    built: () => ({ from: FROM, to: TO, subject: 'A mail that was built', text }),
    merge: (n) => {
        const name = `Zoé Lefèvre ${n}`, number = `2026-${String(n).padStart(5, '0')}`;
        return {
            from: FROM, to: `zoe${n}@example.org`, subject: `Commande ${number} prête`,
            text: filled(mergeText, name, number), html: filled(mergeHtml, name, number),
        };
    },
    attachment: (n, job) => ({
        from: FROM, to: TO, subject: 'A mail that was built', text: 'Attached.\n',
        attachments: [{ filename: 'file.bin', path: job.file }],
    }),
};
mails.single = mails.ready;
mails.many = mails.ready;

function recipients(job) {
    const many = Number(job.recipients || 1);
    return many === 1 ? [TO] : Array.from({ length: many }, (_, n) => `s${n}@example.org`);
}

async function work(job) {
    const make = mails[job.work];
    if (!make) return `skip does not do ${job.work}`;
    const count = Number(job.count), sessions = Number(job.sessions || 1);
    const transport = nodemailer.createTransport({
        pool: true, maxConnections: sessions, maxMessages: Infinity, host: '127.0.0.1', port: Number(job.port),
        name: 'bench', secure: false, ignoreTLS: true,
    });
    // Open, before the clock starts, by a first mail, as the others have opened theirs.
    await transport.sendMail(mails.ready(0, {}));
    let next = 0;
    const worker = async () => { while (next < count) await transport.sendMail(make(next++, job)); };
    const waiting = job.work === 'single' ? 1 : Math.max(WAITING, 2 * sessions);
    const used = process.cpuUsage(), begun = performance.now();
    await Promise.all(Array.from({ length: Math.min(waiting, count) }, worker));
    const seconds = (performance.now() - begun) / 1000;
    const { user, system } = process.cpuUsage(used);
    transport.close();
    const peak = /VmHWM:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1];
    return `ok seconds=${seconds} core=${(user + system) / 1e6} sent=${count} peak=${peak} extra=1`;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
    const job = Object.fromEntries(line.trim().split(/\s+/).map((pair) => {
        const at = pair.indexOf('=');
        return [pair.slice(0, at), pair.slice(at + 1)];
    }));
    try {
        console.log(await work(job));
    } catch (error) {
        console.log(`error ${error}`.replaceAll('\n', ' '));
    }
}
process.exit(0);
