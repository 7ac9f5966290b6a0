// Every recipient is taken of example.org, and no other.

exports.hook_rcpt = (next, connection, params) => {
  if (params[0].host !== 'example.org') return next(DENY, 'no relaying')
  next(OK)
}
