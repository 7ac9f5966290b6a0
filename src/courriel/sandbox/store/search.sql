-- Index of the mails: facts to compare, words to find. It can be thrown away and is made again.
CREATE TABLE IF NOT EXISTS facts (
    number      INTEGER PRIMARY KEY,
    received    REAL NOT NULL,      -- seconds since 1970
    size        INTEGER NOT NULL,   -- octets
    attachments INTEGER NOT NULL,   -- count
    html        INTEGER NOT NULL,   -- 1: there is a part of HTML
    text        INTEGER NOT NULL    -- 1: there is a text that is not made from the HTML
);
CREATE TABLE IF NOT EXISTS boxes (
    address TEXT NOT NULL,          -- recipient of the envelope, in lower case
    number  INTEGER NOT NULL,
    PRIMARY KEY (address, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS boxes_by_number ON boxes (number);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
    subject, sender, recipients, id, names, body,
    tokenize = "unicode61 remove_diacritics 2",
    prefix = "1 2 3"
);
