// The npm client `mailpit-api`, as a test suite uses it, against the server of the address given; prints one JSON.
"use strict";
const { MailpitClient } = require(process.argv[2]);

async function main() {
  const client = new MailpitClient(process.argv[3]);
  const said = {};
  const attempt = async (name, call) => {
    try { said[name] = await call(); } catch (error) { said[name] = { failed: String(error.message).slice(0, 200) }; }
  };
  await attempt("info", () => client.getInfo());
  await attempt("configuration", () => client.getConfiguration());
  await attempt("list", () => client.listMessages(0, 2));
  await attempt("search", () => client.searchMessages({ query: 'to:bob@example.org subject:"invoice 2"' }));
  await attempt("summary", () => client.getMessageSummary());
  await attempt("headers", () => client.getMessageHeaders());
  await attempt("source", () => client.getMessageSource());
  await attempt("html", () => client.renderMessageHTML());
  await attempt("text", () => client.renderMessageText());
  await attempt("attachment", async () => {
    const mail = await client.getMessageSummary();
    const blob = await client.getMessageAttachment(mail.ID, mail.Attachments[0].PartID);
    return await blob.text();
  });
  await attempt("waited", () => client.waitForMessage({ query: "subject:invoice" }, { timeout: 5000, interval: 50 }));
  await attempt("counted", () => client.waitForMessages({ count: 3, exact: true }, { timeout: 5000, interval: 50 }));
  await attempt("read", () => client.setReadStatus({ IDs: ["1"], Read: true }));
  await attempt("tags", () => client.getTags());
  await attempt("deleted by search", () => client.deleteMessagesBySearch({ query: 'subject:"invoice 2"' }));
  await attempt("deleted", () => client.deleteMessages({ IDs: ["1"] }));
  await attempt("left", () => client.listMessages());
  await attempt("all deleted", () => client.deleteMessages());
  await attempt("none", () => client.waitForMessages({ count: 0 }, { timeout: 5000, interval: 50 }));
  await attempt("missing", () => client.getMessageSummary("latest"));
  console.log(JSON.stringify(said));
}

main();
