-- What the outbox says to its store, the same for every engine; each statement stands under its name.
--
-- :name is a parameter. :now is the store's own clock, in seconds since 1970: SQLite is given it, PostgreSQL replaces it
-- by clock_timestamp(). A comment of the form /*pg ... */ is said to PostgreSQL only.

-- name: put_lane
INSERT INTO outbox_lane (name) VALUES (:lane) ON CONFLICT (name) DO NOTHING;

-- name: put_mail
INSERT INTO outbox_mail (id, key, lane, prio, state, due, created, expires, on_unsure, msgid, sender, rcpts, options,
                         size, changed)
VALUES (:id, :key, :lane, :prio, 0, :now + :delay, :now, :now + :lifetime, :on_unsure, :msgid, :sender, :rcpts,
        :options, :size, :now)
ON CONFLICT (key) WHERE key IS NOT NULL DO NOTHING;

-- name: id_of_key
SELECT id FROM outbox_mail WHERE key = :key;

-- name: put_body
INSERT INTO outbox_body (mail, seq, chunk) VALUES (:mail, :seq, :chunk);

-- name: is_anything_due
-- Asked before any lock is taken: an idle worker costs next to nothing.
SELECT EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = 0 AND due <= :now)
    OR EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = 1 AND due <= :now)
    OR EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = 2 AND due <= :now)
    OR EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost > 0 AND lane = :lane AND due <= :now);

-- name: is_anything_late
SELECT EXISTS (SELECT 1 FROM outbox_mail WHERE state IN (1, 2) AND lane = :lane AND lease < :now);

-- name: recover
-- The lease is over. In LEASED it was certainly not delivered; in DOT it may have been.
UPDATE outbox_mail
SET state = CASE WHEN lost + 1 >= :poison OR (state = 2 AND on_unsure = 1) THEN 3 ELSE 0 END,
    why = CASE WHEN state = 2 THEN 'unsure' WHEN lost + 1 >= :poison THEN 'poison' ELSE 'lost' END,
    unsure = unsure + CASE WHEN state = 2 THEN 1 ELSE 0 END,
    news = CASE WHEN state = 2 THEN 1 ELSE news END,
    lost = lost + 1, token = NULL, lease = NULL, holder = '', due = :now
WHERE id IN (SELECT id FROM outbox_mail WHERE lane = :lane AND state IN (1, 2) AND lease < :now
             LIMIT 100 /*pg FOR UPDATE SKIP LOCKED */)
RETURNING id, state, why;

-- name: lane
SELECT name, stopped, paused - :now, fails, why, cap, gap, tat - :now FROM outbox_lane WHERE name = :lane
/*pg FOR UPDATE */;

-- name: lanes
SELECT name, stopped, paused - :now, fails, why, cap, gap, tat - :now FROM outbox_lane ORDER BY name;

-- name: count_busy
SELECT count(*) FROM outbox_mail WHERE state IN (1, 2) AND lane = :lane;

-- name: claim
UPDATE outbox_mail
SET state = 1, token = :token, lease = :now + :lease, holder = :holder, tries = tries + 1
WHERE id IN (SELECT id FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = :prio AND due <= :now
             ORDER BY due LIMIT :most /*pg FOR UPDATE SKIP LOCKED */)
RETURNING due, id, token, lane, prio, tries, lost, unsure, on_unsure, :now - created, changed - created, expires - :now,
          msgid, sender, rcpts, options, results, size;

-- name: claim_suspect
UPDATE outbox_mail
SET state = 1, token = :token, lease = :now + :lease, holder = :holder, tries = tries + 1
WHERE id IN (SELECT id FROM outbox_mail WHERE state = 0 AND lost > 0 AND lane = :lane AND due <= :now
             ORDER BY due LIMIT 1 /*pg FOR UPDATE SKIP LOCKED */)
RETURNING due, id, token, lane, prio, tries, lost, unsure, on_unsure, :now - created, changed - created, expires - :now,
          msgid, sender, rcpts, options, results, size;

-- name: spend
-- So many mails were claimed under a rate: the next one may leave so many gaps later.
UPDATE outbox_lane SET tat = CASE WHEN tat > :now THEN tat ELSE :now END + :seconds WHERE name = :lane;

-- name: mark
-- The fence: who does not get one row here must not let the end of the mail leave.
UPDATE outbox_mail SET state = 2, lease = :now + :lease
WHERE id = :id AND token = :token AND state IN (1, 2) AND lease > :now;

-- name: extend
UPDATE outbox_mail SET lease = CASE WHEN state = 1 THEN :now + :lease ELSE lease END
WHERE id = :id AND token = :token AND state IN (1, 2) AND lease > :now;

-- name: settle
UPDATE outbox_mail
SET state = :state, results = :results, rcpts = :rcpts, due = :now + :delay, why = :why, tries = tries - :uncounted,
    unsure = unsure + :unsure, lost = 0, news = :news, token = NULL, lease = NULL, holder = '', changed = :now
WHERE id = :id AND token = :token AND state IN (1, 2);

-- name: told
UPDATE outbox_mail SET news = 0 WHERE id = :id;

-- name: cancel
-- A leased mail loses its token: whoever has it in hand fails at the mark, and nothing is sent.
UPDATE outbox_mail SET state = 6, why = 'canceled', token = NULL, lease = NULL, holder = '', changed = :now
WHERE id = :id AND state IN (0, 1, 3);

-- name: hold
UPDATE outbox_mail SET state = 3, why = 'operator', token = NULL, lease = NULL, holder = '', changed = :now
WHERE id = :id AND state IN (0, 1);

-- name: release
UPDATE outbox_mail SET state = 0, why = '', due = :now, lost = CASE WHEN lost > 0 THEN 1 ELSE 0 END, changed = :now
WHERE id = :id AND state = 3;

-- name: retry_now
UPDATE outbox_mail SET due = :now WHERE id = :id AND state = 0;

-- name: found
UPDATE outbox_mail SET state = 4, why = 'found', rcpts = '[]', changed = :now
WHERE id = :id AND state = 3 AND why = 'unsure';

-- name: not_found
UPDATE outbox_mail SET why = 'unsure, and not found', changed = :now WHERE id = :id AND state = 3 AND why = 'unsure';

-- name: find
SELECT created, id, key, lane, prio, state, due, expires, changed, tries, lost, unsure, on_unsure, msgid, sender, rcpts,
       options, results, why, size, holder
FROM outbox_mail WHERE id = :id OR key = :key;

-- name: read
-- A page of them, after the last one of the page before.
SELECT created, id, key, lane, prio, state, due, expires, changed, tries, lost, unsure, on_unsure, msgid, sender, rcpts,
       options, results, why, size, holder
FROM outbox_mail
WHERE (created > :created OR (created = :created AND id > :id))
  AND (:state = -1 OR state = :state) AND (:lane = '' OR lane = :lane) AND created >= :since
  AND (:unsure = -1 OR (unsure > 0) = (:unsure = 1))
ORDER BY created, id LIMIT :most;

-- name: read_news
-- The same, of those whose end somebody wants to hear of, and has not: few among very many.
SELECT created, id, key, lane, prio, state, due, expires, changed, tries, lost, unsure, on_unsure, msgid, sender, rcpts,
       options, results, why, size, holder
FROM outbox_mail
WHERE news > 0 AND (created > :created OR (created = :created AND id > :id))
ORDER BY created, id LIMIT :most;

-- name: counts
SELECT lane, state, count(*), min(created), sum(CASE WHEN unsure > 0 THEN 1 ELSE 0 END)
FROM outbox_mail GROUP BY lane, state ORDER BY lane, state;

-- name: chunk
SELECT chunk FROM outbox_body WHERE mail = :mail AND seq = :seq;

-- name: set_lane
UPDATE outbox_lane SET stopped = :stopped, cap = :cap, gap = :gap WHERE name = :lane;

-- name: lane_failed
UPDATE outbox_lane SET fails = fails + 1, paused = :now + :pause, why = :why WHERE name = :lane AND fails = :fails;

-- name: lane_works
UPDATE outbox_lane SET fails = 0, paused = 0, why = '' WHERE name = :lane AND fails > 0;

-- name: old
SELECT id FROM outbox_mail
WHERE state > 3 AND ((state IN (4, 6) AND changed < :now - :sent) OR (state = 5 AND changed < :now - :failed))
LIMIT :most /*pg FOR UPDATE SKIP LOCKED */;

-- name: forget_body
DELETE FROM outbox_body WHERE mail = :id;

-- name: forget_mail
DELETE FROM outbox_mail WHERE id = :id AND state > 3;

-- name: version
SELECT version FROM outbox_version;
