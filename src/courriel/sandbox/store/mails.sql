-- Mails of one practice server. The content stands last, so that the other columns are read without it.
CREATE TABLE IF NOT EXISTS mails (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice
    received   TEXT NOT NULL,                       -- ISO 8601, UTC
    sender     TEXT NOT NULL,                       -- of the envelope
    recipients TEXT NOT NULL,                       -- of the envelope, as JSON
    facts      TEXT NOT NULL,                       -- findings and facts of the session, as JSON
    seen       INTEGER NOT NULL DEFAULT 0,
    size       INTEGER NOT NULL,                    -- octets
    content    BLOB NOT NULL
);
