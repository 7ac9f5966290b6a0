// hoodiecrow-imap with an empty mailbox and what the client of the bench asks for; it prints its port.
const hoodiecrow = require(process.argv[2]);

const server = hoodiecrow({
  plugins: ["LITERALPLUS", "UIDPLUS"],
  users: { ada: { password: "secret" } },
  storage: { INBOX: { messages: [] } },
});
server.listen(0, "127.0.0.1", () => console.log(server.server.address().port));
process.stdin.on("end", () => process.exit(0)).resume();
