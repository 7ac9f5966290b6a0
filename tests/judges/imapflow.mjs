// One session of imapflow with the practice server; what it found, as JSON.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";

const settings = JSON.parse(process.argv[2]);
const { ImapFlow } = createRequire(settings.modules + "/")("imapflow");

const client = new ImapFlow({
  host: settings.host,
  port: settings.port,
  secure: settings.security === "tls",
  doSTARTTLS: settings.security === "starttls",
  auth: { user: settings.user, pass: settings.password },
  tls: { ca: readFileSync(settings.ca), servername: "localhost" },
  logger: false,
});
const told = {};

function sendOne() {
  return new Promise((resolve) => {
    const line = createConnection(settings.smtp, settings.host);
    const words = [
      "EHLO x.org", "MAIL FROM:<a@b.org>", `RCPT TO:<${settings.user}>`, "DATA",
      "Subject: new\r\n\r\nx\r\n.", "QUIT",
    ];
    line.setEncoding("latin1");
    line.on("data", (text) => { if (/(^|\n)\d{3} .*\r\n$/.test(text) && words.length) line.write(words.shift() + "\r\n"); });
    line.on("close", resolve);
  });
}

await client.connect();
const lock = await client.getMailboxLock("INBOX");
const letters = [];
for await (const letter of client.fetch("1:*", { uid: true, envelope: true, bodyStructure: true, source: true, flags: true })) {
  letters.push(letter);
}
told.subjects = letters.map((letter) => letter.envelope.subject);
told.sources = letters.map((letter) => letter.source.length);
told.found = await client.search({ subject: "1" }, { uid: true });
const part = letters[0].bodyStructure.childNodes.find((node) => node.type === "application/pdf").part;
const { content } = await client.download("1", part);
let octets = 0;
for await (const block of content) octets += block.length;
told.attachment = octets;
await client.messageFlagsAdd({ uid: "2" }, ["\\Flagged"], { uid: true });
told.flags = [...(await client.fetchOne("2", { flags: true }, { uid: true })).flags];
told.moved = (await client.messageMove("1", "Archive", { uid: true })).uidMap.size;
told.special = (await client.list()).map((folder) => folder.specialUse).filter(Boolean).sort();
told.appended = (await client.append("Drafts", "Subject: x\r\n\r\nhi\r\n", ["\\Draft"])).uid;
const arrived = new Promise((resolve) => client.on("exists", (data) => resolve(data.count)));
const idle = client.idle();
await sendOne();
told.arrived = await arrived;
lock.release();
await client.logout();
await idle;
console.log(JSON.stringify(told));
