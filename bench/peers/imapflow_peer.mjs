// imapflow: one connection, all letters by one `fetch`, as its documentation shows it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';
import { performance } from 'node:perf_hooks';

const [folder, modules] = process.argv.slice(2);
const { ImapFlow } = createRequire(path.join(modules, 'package.json'))('imapflow');

async function work(job) {
    if (job.work !== 'imap') return `skip does not do ${job.work}`;
    const box = new ImapFlow({
        host: '127.0.0.1', port: Number(job.port), secure: false, doSTARTTLS: false, logger: false,
        disableAutoIdle: true, auth: { user: 'ada', pass: 'secret' },
    });
    await box.connect();
    await box.mailboxOpen('INBOX', { readOnly: true });
    const used = process.cpuUsage(), begun = performance.now();
    const letters = [];
    for await (const letter of box.fetch(`1:${job.count}`, { source: true }, { uid: true })) {
        letters.push(letter.source);
    }
    const seconds = (performance.now() - begun) / 1000;
    const { user, system } = process.cpuUsage(used);
    await box.logout();
    // Compared as everybody does, once the clock has stopped.
    const pattern = readFileSync(path.join(folder, 'letter.eml'), 'latin1');
    letters.forEach((letter, place) => {
        if (letter.toString('latin1') !== pattern.replace('000000', String(place + 1).padStart(6, '0'))) {
            throw new Error(`letter ${place + 1} is not the one that was in the mailbox`);
        }
    });
    return `ok seconds=${seconds} core=${(user + system) / 1e6} sent=${letters.length}`;
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
