-- Version 101 in PostgreSQL: addresses that get no more mail, reports about sent mails, and the key that signs their tokens.

-- Who gets no more mail, and why. The same address may be there for several reasons, each with a row of its own.
CREATE TABLE outbox_suppressed (
    address text NOT NULL,             -- as it is compared: local part in small letters, domain in ASCII
    reason  text NOT NULL,             -- 'bounce', 'complaint', 'unsubscribe' or 'manual'
    stream  text NOT NULL DEFAULT '',  -- of an unsubscription: what it is from; '' is everything
    shown   text NOT NULL,             -- as it was given
    note    text NOT NULL DEFAULT '',
    mail    text NOT NULL DEFAULT '',  -- the one that came back
    added   double precision NOT NULL,
    PRIMARY KEY (address, reason, stream)
);

-- Whether there is anybody in that table: in the row that every transaction reads anyway, so that nobody asks for nothing.
ALTER TABLE outbox_version ADD COLUMN suppressing integer NOT NULL DEFAULT 0;

CREATE FUNCTION outbox_note_suppressed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Who adds and who lifts wait for each other at this row: what is looked at afterwards is committed.
    IF TG_OP = 'INSERT' THEN
        UPDATE outbox_version SET suppressing = 1;
    ELSE
        PERFORM 1 FROM outbox_version FOR UPDATE;
        UPDATE outbox_version SET suppressing = CAST(EXISTS (SELECT 1 FROM outbox_suppressed) AS integer);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER outbox_suppressed_put AFTER INSERT ON outbox_suppressed
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_note_suppressed();
CREATE TRIGGER outbox_suppressed_lift AFTER DELETE ON outbox_suppressed
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_note_suppressed();

-- Who said what about a mail that a server had accepted. The digest is that of what was said: told twice, it stands once.
CREATE TABLE outbox_report (
    mail       text NOT NULL,
    digest     text NOT NULL,
    at         double precision NOT NULL,
    event      text NOT NULL,             -- 'returned', 'complained' or 'reported'
    recipient  text NOT NULL,
    action     text NOT NULL,             -- as the report has it: 'failed', 'delayed', 'delivered'; '' in a complaint
    status     text NOT NULL,
    diagnostic text NOT NULL,
    source     text NOT NULL,             -- the server that reports, or the person who has applied it
    found_by   text NOT NULL,             -- 'envid', 'verp', 'message-id' or 'person'
    proven     integer NOT NULL,          -- 1 when a signed token of ours came back with it
    told       integer NOT NULL DEFAULT 0,
    PRIMARY KEY (mail, digest)
);
CREATE INDEX outbox_untold ON outbox_report (at) WHERE told = 0;
CREATE INDEX outbox_msgid ON outbox_mail (msgid);

CREATE FUNCTION outbox_forget_reports() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM outbox_report WHERE mail IN (SELECT id FROM old_rows);
    RETURN NULL;
END $$;

CREATE TRIGGER outbox_report_forget AFTER DELETE ON outbox_mail
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION outbox_forget_reports();

-- JSON: address -> [fate, status, text, time], of recipients whose mail came back, or who complained.
ALTER TABLE outbox_mail ADD COLUMN fates json NOT NULL DEFAULT '{}';

CREATE TABLE outbox_setting (
    name  text PRIMARY KEY,
    value text NOT NULL
);
INSERT INTO outbox_setting (name, value)
VALUES ('token key', md5(gen_random_uuid()::text) || md5(gen_random_uuid()::text));
