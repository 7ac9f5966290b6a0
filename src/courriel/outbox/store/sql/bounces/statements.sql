-- What is said of reports and of suppressed addresses, the same for every engine; see `statements.sql` of the outbox.

-- name: suppressed
-- Of some addresses, which come as a JSON array.
SELECT shown, reason, stream, note, mail, added, address FROM outbox_suppressed
WHERE address IN (SELECT value FROM json_each(:addresses)) ORDER BY address, reason, stream;

-- name: suppress
INSERT INTO outbox_suppressed (address, reason, stream, shown, note, mail, added)
VALUES (:address, :reason, :stream, :shown, :note, :mail, CASE WHEN :added > 0 THEN :added ELSE :now END)
ON CONFLICT (address, reason, stream) DO NOTHING;

-- name: lift
-- '' is any reason; a stream of '*' is any stream.
DELETE FROM outbox_suppressed
WHERE address = :address AND (:reason = '' OR reason = :reason) AND (:stream = '*' OR stream = :stream);

-- name: suppressions
-- A page of them, after the last one of the page before.
SELECT shown, reason, stream, note, mail, added, address FROM outbox_suppressed
WHERE (address, reason, stream) > (:address, :after_reason, :after_stream) AND (:reason = '' OR reason = :reason)
ORDER BY address, reason, stream LIMIT :most;

-- name: count_suppressed
SELECT count(*) FROM outbox_suppressed;

-- name: leave_out
-- Of a mail that was put in this transaction: recipients that get no mail.
UPDATE outbox_mail SET rcpts = :rcpts, results = :results, state = :state, why = :why
WHERE id = :id AND state = 0;

-- name: flags
SELECT * FROM outbox_version;

-- name: setting
SELECT value FROM outbox_setting WHERE name = :name;

-- name: set_setting
INSERT INTO outbox_setting (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: reported_mail
-- The mail that a report is about, for as long as the report is being written down.
SELECT fates, rcpts, results FROM outbox_mail WHERE id = :id /*pg FOR UPDATE */;

-- name: note_report
INSERT INTO outbox_report (mail, digest, at, event, recipient, action, status, diagnostic, source, found_by, proven, told)
VALUES (:mail, :digest, :now, :event, :recipient, :action, :status, :diagnostic, :source, :found_by, :proven, :told)
ON CONFLICT (mail, digest) DO NOTHING;

-- name: set_fates
UPDATE outbox_mail SET fates = :fates WHERE id = :id;

-- name: history
SELECT at, event, recipient, action, status, diagnostic, source, found_by, proven, digest
FROM outbox_report WHERE mail = :mail ORDER BY at, digest;

-- name: untold
SELECT mail, digest, event FROM outbox_report WHERE told = 0 ORDER BY at LIMIT :most;

-- name: told_report
UPDATE outbox_report SET told = 1 WHERE mail = :mail AND digest = :digest;

-- name: mails_of_message
-- A Message-ID is not unique: the same mail may have been put by two ways.
SELECT id FROM outbox_mail WHERE msgid = :msgid ORDER BY id LIMIT 11;
