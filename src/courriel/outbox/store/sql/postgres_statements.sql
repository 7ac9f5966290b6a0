-- What is said to PostgreSQL alone, most of it in pipelines: whole transactions in one round trip.

-- What is said of many mails at once is one statement, so that the triggers count once: their values come as JSON. Never
-- with another join than one that looks each of them up; see the settings of a pipeline.

-- A lane that is missing is made by the same statement: tables may be emptied, or restored, under a running process.

-- name: put_mail
WITH lane AS (
    INSERT INTO outbox_lane (name) SELECT :lane::text
    WHERE NOT EXISTS (SELECT 1 FROM outbox_lane WHERE name = :lane::text) ON CONFLICT (name) DO NOTHING)
INSERT INTO outbox_mail (id, key, lane, prio, state, due, created, expires, on_unsure, msgid, sender, rcpts, options,
                         size, changed)
VALUES (:id, :key, :lane::text, :prio, 0, :now + :delay, :now, :now + :lifetime, :on_unsure, :msgid, :sender, :rcpts,
        :options, :size, :now)
ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING;

-- name: put_mails
WITH lane AS (
    INSERT INTO outbox_lane (name) SELECT DISTINCT lane FROM json_to_recordset(:mails::json) AS put (lane text)
    WHERE NOT EXISTS (SELECT 1 FROM outbox_lane WHERE name = put.lane) ON CONFLICT (name) DO NOTHING)
INSERT INTO outbox_mail (id, key, lane, prio, state, due, created, expires, on_unsure, msgid, sender, rcpts, options,
                         size, changed)
SELECT id, key, lane, prio, 0, :now + n * 1e-6 + delay, :now + n * 1e-6, :now + lifetime, on_unsure, msgid, sender,
       rcpts::json, options::json, size, :now
FROM json_to_recordset(:mails::json) AS put (n integer, id text, key text, lane text, prio integer, delay float8, lifetime float8,
       on_unsure integer, msgid text, sender text, rcpts text, options text, size bigint)
ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING
RETURNING id;

-- name: put_body_of_key
-- Nothing when the key is known: its first mail stays.
INSERT INTO outbox_body (mail, seq, chunk)
SELECT :mail::text, :seq::integer, :chunk::bytea WHERE EXISTS (SELECT 1 FROM outbox_mail WHERE id = :mail::text);

-- name: id_of_mail
-- Of one that may have been put already, by a commit whose answer was lost. Locked, so that there is something to commit,
-- and the commit waits for the disk, and for a synchronous standby: then both have the mail as well.
SELECT id FROM outbox_mail WHERE id = :id OR key = :key FOR UPDATE;

-- name: forget_bodies
DELETE FROM outbox_body WHERE mail = ANY (:ids);

-- name: forget_mails
DELETE FROM outbox_mail WHERE id = ANY (:ids) AND state > 3;

-- name: small_bodies
SELECT mail, chunk FROM outbox_body WHERE seq = 0 AND mail = ANY (:ids);

-- name: look
-- A lane as it is, whether something on it is late, and whether it is plain: without limits, failures, and mails whose
-- lease ran out. What comes after it in the same transaction does nothing unless it is. Something due is looked for only
-- where it is not.
SELECT lane.name, lane.stopped, lane.paused - :now, lane.fails, lane.why, lane.cap, lane.gap, lane.tat - :now,
       leases.late, noted.plain, NOT noted.plain AND (
           EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = 0 AND due <= :now)
        OR EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = 1 AND due <= :now)
        OR EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = 2 AND due <= :now)
        OR leases.lost)
FROM (SELECT 1) AS one
LEFT JOIN outbox_lane AS lane ON lane.name = :lane
CROSS JOIN LATERAL (SELECT
    EXISTS (SELECT 1 FROM outbox_mail WHERE state IN (1, 2) AND lane = :lane AND lease < :now) AS late,
    EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost > 0 AND lane = :lane AND due <= :now) AS lost) AS leases
CROSS JOIN LATERAL (SELECT set_config('courriel.plain', CASE
    WHEN leases.late OR leases.lost THEN '0'
    WHEN lane.stopped <> 0 OR lane.paused > :now OR lane.fails > 0 OR lane.cap IS NOT NULL OR lane.gap > 0 THEN '0'
    ELSE '1' END, true) = '1' AS plain) AS noted;

-- name: look_briefly
-- The same without asking whether something is due: for who goes on anyway, and where nothing is prepared, since most of
-- its price is the plan.
SELECT lane.name, lane.stopped, lane.paused - :now, lane.fails, lane.why, lane.cap, lane.gap, lane.tat - :now,
       leases.late, set_config('courriel.plain', CASE
    WHEN leases.late OR leases.lost THEN '0'
    WHEN lane.stopped <> 0 OR lane.paused > :now OR lane.fails > 0 OR lane.cap IS NOT NULL OR lane.gap > 0 THEN '0'
    ELSE '1' END, true) = '1'
FROM (SELECT
    EXISTS (SELECT 1 FROM outbox_mail WHERE state IN (1, 2) AND lane = :lane AND lease < :now) AS late,
    EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost > 0 AND lane = :lane AND due <= :now) AS lost) AS leases
LEFT JOIN outbox_lane AS lane ON lane.name = :lane;

-- name: settle_if_plain
UPDATE outbox_mail
SET state = :state, results = :results, rcpts = :rcpts, due = :now + :delay, why = :why, tries = tries - :uncounted,
    unsure = unsure + :unsure, lost = CASE WHEN :uncounted = 1 AND :state = 0 THEN lost ELSE 0 END, news = :news,
    token = NULL, lease = NULL, holder = '', changed = :now
WHERE id = :id AND token = :token AND state IN (1, 2) AND current_setting('courriel.plain') = '1';

-- name: settle_all_if_plain
UPDATE outbox_mail AS mail
SET state = ended.state, results = ended.results::json, rcpts = ended.rcpts::json, due = :now + ended.delay,
    why = ended.why, tries = mail.tries - ended.uncounted, unsure = mail.unsure + ended.unsure,
    lost = CASE WHEN ended.uncounted = 1 AND ended.state = 0 THEN mail.lost ELSE 0 END,
    news = ended.news, token = NULL, lease = NULL, holder = '', changed = :now
FROM json_to_recordset(:mails::json) AS ended (n integer, id text, token text, state integer, results text, rcpts text,
     delay float8, why text, uncounted integer, unsure integer, news integer)
WHERE mail.id = ended.id AND mail.token = ended.token AND mail.state IN (1, 2)
  AND current_setting('courriel.plain') = '1'
RETURNING ended.n;

-- name: unclaim
UPDATE outbox_mail SET state = 0, token = NULL, lease = NULL, holder = '', tries = tries - 1
WHERE state IN (1, 2) AND lane = :lane AND token = :token;

-- name: mark_all
UPDATE outbox_mail AS mail SET state = 2, lease = :now + leased.lease
FROM json_to_recordset(:mails::json) AS leased (n integer, id text, token text, lease float8)
WHERE mail.id = leased.id AND mail.token = leased.token AND mail.state IN (1, 2) AND mail.lease > :now
RETURNING leased.n;

-- name: extend_all
UPDATE outbox_mail AS mail SET lease = CASE WHEN mail.state = 1 THEN :now + leased.lease ELSE mail.lease END
FROM json_to_recordset(:mails::json) AS leased (n integer, id text, token text, lease float8)
WHERE mail.id = leased.id AND mail.token = leased.token AND mail.state IN (1, 2) AND mail.lease > :now
RETURNING leased.n;

-- name: told_all
UPDATE outbox_mail AS mail SET news = 0 FROM json_to_recordset(:mails::json) AS heard (n integer, id text)
WHERE mail.id = heard.id RETURNING heard.n;

-- name: claim_if_plain
-- As `claim` three times, the urgent ones first, with the bodies that are small; the first :ahead of them are marked. The
-- ids as an array and not as a join, which without statistics reads the whole table.
WITH urgent AS MATERIALIZED (
    SELECT id, prio, due FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = 0 AND due <= :now
           AND current_setting('courriel.plain') = '1'
    ORDER BY due LIMIT :most::bigint FOR UPDATE SKIP LOCKED),
usual AS MATERIALIZED (
    SELECT id, prio, due FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = 1 AND due <= :now
           AND current_setting('courriel.plain') = '1'
    ORDER BY due LIMIT :most::bigint - (SELECT count(*) FROM urgent) FOR UPDATE SKIP LOCKED),
unhurried AS MATERIALIZED (
    SELECT id, prio, due FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = 2 AND due <= :now
           AND current_setting('courriel.plain') = '1'
    ORDER BY due LIMIT :most::bigint - (SELECT count(*) FROM urgent) - (SELECT count(*) FROM usual)
    FOR UPDATE SKIP LOCKED),
picked AS MATERIALIZED (
    SELECT array_agg(id ORDER BY prio, due, id COLLATE "C") AS ids
    FROM (TABLE urgent UNION ALL TABLE usual UNION ALL TABLE unhurried) AS each)
UPDATE outbox_mail
SET state = CASE WHEN array_position((SELECT ids FROM picked), id) <= :ahead::integer THEN 2 ELSE 1 END,
    lease = :now + CASE WHEN array_position((SELECT ids FROM picked), id) <= :ahead::integer
                        THEN :mark::float8 ELSE :lease::float8 END,
    token = :token, holder = :holder, tries = tries + 1
WHERE id = ANY ((SELECT ids FROM picked)::text[])
RETURNING due, id, token, lane, prio, tries, lost, unsure, on_unsure, :now - created, changed - created, expires - :now,
          msgid, sender, rcpts::text, options::text, results::text, size, state,
          (SELECT chunk FROM outbox_body WHERE mail = outbox_mail.id AND seq = 0 AND outbox_mail.size <= :carried);

-- name: suppressed
SELECT shown, reason, stream, note, mail, added, address FROM outbox_suppressed
WHERE address IN (SELECT json_array_elements_text(:addresses::json)) ORDER BY address COLLATE "C", reason, stream;

-- name: suppressions
SELECT shown, reason, stream, note, mail, added, address FROM outbox_suppressed
WHERE (address COLLATE "C", reason COLLATE "C", stream COLLATE "C") > (:address, :after_reason, :after_stream)
  AND (:reason = '' OR reason = :reason)
ORDER BY address COLLATE "C", reason COLLATE "C", stream COLLATE "C" LIMIT :most;
