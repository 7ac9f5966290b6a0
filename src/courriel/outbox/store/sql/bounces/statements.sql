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
