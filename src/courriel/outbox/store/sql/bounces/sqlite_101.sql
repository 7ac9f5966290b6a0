-- Version 101 in SQLite: addresses that get no more mail, reports about sent mails, and the key that signs their tokens.

-- Who gets no more mail, and why. The same address may be there for several reasons, each with a row of its own.
CREATE TABLE outbox_suppressed (
    address TEXT NOT NULL,             -- as it is compared: local part in small letters, domain in ASCII
    reason  TEXT NOT NULL,             -- 'bounce', 'complaint', 'unsubscribe' or 'manual'
    stream  TEXT NOT NULL DEFAULT '',  -- of an unsubscription: what it is from; '' is everything
    shown   TEXT NOT NULL,             -- as it was given
    note    TEXT NOT NULL DEFAULT '',
    mail    TEXT NOT NULL DEFAULT '',  -- the one that came back
    added   REAL NOT NULL,
    PRIMARY KEY (address, reason, stream)
) WITHOUT ROWID;

-- Whether there is anybody in that table: in the row that every transaction reads anyway, so that nobody asks for nothing.
ALTER TABLE outbox_version ADD COLUMN suppressing INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER outbox_suppressed_put AFTER INSERT ON outbox_suppressed
BEGIN
    UPDATE outbox_version SET suppressing = 1 WHERE suppressing = 0;
END;

CREATE TRIGGER outbox_suppressed_lift AFTER DELETE ON outbox_suppressed
BEGIN
    UPDATE outbox_version SET suppressing = EXISTS (SELECT 1 FROM outbox_suppressed);
END;

-- Who said what about a mail that a server had accepted. The digest is that of what was said: told twice, it stands once.
CREATE TABLE outbox_report (
    mail       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    at         REAL NOT NULL,
    event      TEXT NOT NULL,             -- 'returned', 'complained' or 'reported'
    recipient  TEXT NOT NULL,
    action     TEXT NOT NULL,             -- as the report has it: 'failed', 'delayed', 'delivered'; '' in a complaint
    status     TEXT NOT NULL,
    diagnostic TEXT NOT NULL,
    source     TEXT NOT NULL,             -- the server that reports, or the person who has applied it
    found_by   TEXT NOT NULL,             -- 'envid', 'verp', 'message-id' or 'person'
    proven     INTEGER NOT NULL,          -- 1 when a signed token of ours came back with it
    told       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (mail, digest)
) WITHOUT ROWID;
CREATE INDEX outbox_untold ON outbox_report (at) WHERE told = 0;
CREATE INDEX outbox_msgid ON outbox_mail (msgid);

CREATE TRIGGER outbox_report_forget AFTER DELETE ON outbox_mail
BEGIN
    DELETE FROM outbox_report WHERE mail = OLD.id;
END;

-- JSON: address -> [fate, status, text, time], of recipients whose mail came back, or who complained.
ALTER TABLE outbox_mail ADD COLUMN fates TEXT NOT NULL DEFAULT '{}';

CREATE TABLE outbox_setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO outbox_setting (name, value) VALUES ('token key', lower(hex(randomblob(32))));
