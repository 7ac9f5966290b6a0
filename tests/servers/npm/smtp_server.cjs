// nodemailer's smtp-server, that keeps each message as a file. Its only argument is JSON:
// {modules, host, port, certificate, key, mail}.

const fs = require('node:fs')
const path = require('node:path')

const settings = JSON.parse(process.argv[2])
const { SMTPServer } = require(path.join(settings.modules, 'smtp-server'))

let number = 0

const server = new SMTPServer({
  name: 'mx.example.org',
  cert: fs.readFileSync(settings.certificate),
  key: fs.readFileSync(settings.key),
  authOptional: true,
  disableReverseLookup: true,
  onRcptTo(address, session, done) {
    if (!address.address.endsWith('@example.org')) return done(Object.assign(new Error('no relaying'), { responseCode: 550 }))
    done()
  },
  onData(stream, session, done) {
    number += 1
    const name = String(number).padStart(6, '0')
    const unfinished = path.join(settings.mail, `.${name}`)
    const file = fs.createWriteStream(unfinished)
    file.on('finish', () => {
      fs.renameSync(unfinished, path.join(settings.mail, name))
      done()
    })
    stream.pipe(file)
  },
})
server.on('error', () => {})
server.listen(settings.port, settings.host)
