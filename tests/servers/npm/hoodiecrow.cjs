// hoodiecrow, an IMAP server for tests of clients, in memory. Its only argument is JSON:
// {modules, host, port, user, password, plugins}.

const path = require('node:path')

const settings = JSON.parse(process.argv[2])
const hoodiecrow = require(path.join(settings.modules, 'hoodiecrow-imap'))

const server = hoodiecrow({
  plugins: settings.plugins,
  storage: {
    INBOX: {
      messages: [1, 2, 3].map(number => ({
        raw: `From: ada@example.org\r\nTo: bob@example.org\r\nSubject: letter ${number}\r\n` +
          `Date: ${4 - number} Nov 2026 10:00:00 +0000\r\nMessage-ID: <${number}@example.org>\r\n` +
          `${number > 1 ? `References: <${number - 1}@example.org>\r\n` : ''}\r\nBonjour ${number}.\r\n`,
        flags: number === 1 ? ['\\Seen'] : [],
      })),
    },
    '': { separator: '/', folders: { Sent: { 'special-use': '\\Sent', messages: [] } } },
  },
})
server.users[settings.user] = { password: settings.password }
server.listen(settings.port, settings.host)
