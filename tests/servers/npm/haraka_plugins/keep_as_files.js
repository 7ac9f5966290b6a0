// Keep each message as a file of its own below mail/, whole before it gets its name.

const fs = require('node:fs')
const path = require('node:path')

exports.hook_queue = function (next, connection) {
  const folder = path.join(process.env.HARAKA, 'mail')
  const name = connection.transaction.uuid
  const unfinished = path.join(folder, `.${name}`)
  const file = fs.createWriteStream(unfinished)
  file.on('finish', () => {
    fs.renameSync(unfinished, path.join(folder, name))
    next(OK, 'kept')
  })
  connection.transaction.message_stream.pipe(file, { line_endings: '\r\n' })
}
