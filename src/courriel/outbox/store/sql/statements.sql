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

-- name: known
SELECT id, sender, rcpts, results, options FROM outbox_mail WHERE key = :key;

-- name: whole_body
SELECT chunk FROM outbox_body WHERE mail = :id ORDER BY seq;

-- name: put_body
INSERT INTO outbox_body (mail, seq, chunk) VALUES (:mail, :seq, :chunk);

-- name: stage
INSERT INTO outbox_staged (mail, begun) VALUES (:mail, :now);

-- name: unstage
DELETE FROM outbox_staged WHERE mail = :mail AND begun > 0;

-- name: stale
-- Whoever wrote this content ahead is gone: nobody takes an hour for one mail.
SELECT mail FROM outbox_staged WHERE begun < :now - 3600 LIMIT 1 /*pg FOR UPDATE SKIP LOCKED */;

-- name: condemn
-- Its content is taken away piece by piece, and is nobody's any more.
INSERT INTO outbox_staged (mail, begun) VALUES (:mail, 0) ON CONFLICT (mail) DO UPDATE SET begun = 0;

-- name: forget_pieces
DELETE FROM outbox_body WHERE mail = :mail
AND seq IN (SELECT seq FROM outbox_body WHERE mail = :mail ORDER BY seq DESC LIMIT :pieces);

-- name: unstage_condemned
DELETE FROM outbox_staged WHERE mail = :mail;

-- name: is_anything_due
-- Of those that were never lost, and of those that were. Asked before any lock is taken: an idle worker costs next to
-- nothing.
SELECT EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = 0 AND due <= :now)
    OR EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = 1 AND due <= :now)
    OR EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = 2 AND due <= :now),
       EXISTS (SELECT 1 FROM outbox_mail WHERE state = 0 AND lost > 0 AND lane = :lane AND due <= :now);

-- name: is_anything_late
SELECT EXISTS (SELECT 1 FROM outbox_mail WHERE state IN (1, 2) AND lane = :lane AND lease < :now);

-- name: recover
-- The lease is over. In LEASED it was certainly not delivered; in IN_FLIGHT it may have been. Lost once, a mail keeps its place
-- in the queue; lost again it goes to the end, so that one that kills its workers keeps nobody from being served.
UPDATE outbox_mail
SET state = CASE WHEN lost + 1 >= :poison OR (state = 2 AND on_unsure = 1) THEN 3 ELSE 0 END,
    why = CASE WHEN state = 2 THEN 'unsure' WHEN lost + 1 >= :poison THEN 'poison' ELSE 'lost' END,
    unsure = unsure + CASE WHEN state = 2 THEN 1 ELSE 0 END,
    news = CASE WHEN state = 2 THEN 1 ELSE news END,
    due = CASE WHEN lost = 0 THEN due ELSE :now END,
    lost = lost + 1, token = NULL, lease = NULL, holder = ''
WHERE id IN (SELECT id FROM outbox_mail WHERE lane = :lane AND state IN (1, 2) AND lease < :now
             LIMIT 100 /*pg FOR UPDATE SKIP LOCKED */)
RETURNING id, state, why;

-- name: take_over
-- The worker is proved to be gone: the same, at once. What may have been delivered rests for :wait seconds.
UPDATE outbox_mail
SET state = CASE WHEN lost + 1 >= :poison OR (state = 2 AND on_unsure = 1) THEN 3 ELSE 0 END,
    why = CASE WHEN state = 2 THEN 'unsure' WHEN lost + 1 >= :poison THEN 'poison' ELSE 'lost' END,
    unsure = unsure + CASE WHEN state = 2 THEN 1 ELSE 0 END,
    news = CASE WHEN state = 2 THEN 1 ELSE news END,
    due = CASE WHEN state = 2 THEN :now + :wait WHEN lost = 0 THEN due ELSE :now END,
    lost = lost + 1, token = NULL, lease = NULL, holder = ''
WHERE id IN (SELECT id FROM outbox_mail WHERE state IN (1, 2) AND holder = :holder
             LIMIT 100 /*pg FOR UPDATE SKIP LOCKED */)
RETURNING id, state, why;

-- name: enlist
INSERT INTO outbox_worker (id, folder, inode, process, seen) VALUES (:id, :folder, :inode, :process, :now)
ON CONFLICT (id) DO UPDATE SET seen = excluded.seen;

-- name: workers
SELECT id, folder, inode, process, :now - seen FROM outbox_worker ORDER BY id;

-- name: resign
DELETE FROM outbox_worker
WHERE id = :id AND NOT EXISTS (SELECT 1 FROM outbox_mail WHERE state IN (1, 2) AND holder = :id);

-- name: forget_workers
-- Nobody could prove them gone, and they have not been heard of for a week.
DELETE FROM outbox_worker
WHERE seen < :now - 604800
  AND NOT EXISTS (SELECT 1 FROM outbox_mail WHERE state IN (1, 2) AND holder = outbox_worker.id);

-- name: taken
SELECT lane, holder, count(*), max(lease) - :now FROM outbox_mail
WHERE state IN (1, 2) AND (:id = '' OR id = :id) GROUP BY lane, holder ORDER BY lane, holder;

-- name: lane
SELECT name, stopped, paused - :now, fails, why, cap, gap, tat - :now, per FROM outbox_lane WHERE name = :lane
/*pg FOR UPDATE */;

-- name: lanes
SELECT name, stopped, paused - :now, fails, why, cap, gap, tat - :now, per FROM outbox_lane ORDER BY name;

-- name: due_lanes
-- The lanes on which something is to be done, and when their rate lets the next mail leave; one question for all of them.
-- Lanes without mails that wait cost nothing: from one that has some to the next leads the index.
WITH RECURSIVE calm (lane) AS (
    SELECT min(lane) FROM outbox_mail WHERE state = 0 AND lost = 0
    UNION ALL
    SELECT (SELECT min(m.lane) FROM outbox_mail AS m WHERE m.state = 0 AND m.lost = 0 AND m.lane > calm.lane)
    FROM calm WHERE calm.lane IS NOT NULL),
due (lane, prio) AS (
    SELECT lane, CASE
        WHEN EXISTS (SELECT 1 FROM outbox_mail AS m
                     WHERE m.state = 0 AND m.lost = 0 AND m.lane = calm.lane AND m.prio = 0 AND m.due <= :now) THEN 0
        WHEN EXISTS (SELECT 1 FROM outbox_mail AS m
                     WHERE m.state = 0 AND m.lost = 0 AND m.lane = calm.lane AND m.prio = 1 AND m.due <= :now) THEN 1
        WHEN EXISTS (SELECT 1 FROM outbox_mail AS m
                     WHERE m.state = 0 AND m.lost = 0 AND m.lane = calm.lane AND m.prio = 2 AND m.due <= :now) THEN 2
        END
    FROM calm WHERE lane IS NOT NULL
    UNION ALL
    SELECT lane, min(prio) FROM outbox_mail WHERE state = 0 AND lost > 0 AND due <= :now GROUP BY lane)
SELECT l.name, l.gap, l.tat - :now, l.per, l.free - :now, due.prio
FROM due JOIN outbox_lane AS l ON l.name = due.lane
WHERE due.prio IS NOT NULL AND l.stopped = 0 AND l.paused <= :now
UNION ALL
SELECT lane, NULL /*pg ::double precision */, 0.0, NULL /*pg ::double precision */, 0.0, min(prio)
FROM outbox_mail WHERE state IN (1, 2) AND lease < :now GROUP BY lane
ORDER BY 1;

-- name: count_busy
SELECT count(*) FROM outbox_mail WHERE state IN (1, 2) AND lane = :lane;

-- name: claim
-- :until is NULL, or a moment in the past: no mail that was due later is claimed.
UPDATE outbox_mail
SET state = 1, token = :token, lease = :now + :lease, holder = :holder, tries = tries + 1
WHERE id IN (SELECT id FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = :lane AND prio = :prio
                                            AND due <= CASE WHEN :until /*pg ::double precision */ IS NULL THEN :now ELSE :until END
             ORDER BY due LIMIT :most /*pg FOR UPDATE SKIP LOCKED */)
RETURNING due, id, token, lane, prio, tries, lost, unsure, on_unsure, :now - created, changed - created, expires - :now,
          msgid, sender, rcpts, options, results, size;

-- name: first_suspect
-- Of the mails that were lost before the one whose turn is next.
SELECT prio, lost, due FROM outbox_mail WHERE state = 0 AND lost > 0 AND lane = :lane AND due <= :now
ORDER BY prio, due LIMIT 1;

-- name: claim_suspect
-- Those that were lost as often as the one whose turn it is: no others are drawn into the next death.
UPDATE outbox_mail
SET state = 1, token = :token, lease = :now + :lease, holder = :holder, tries = tries + 1
WHERE id IN (SELECT id FROM outbox_mail WHERE state = 0 AND lost > 0 AND lane = :lane AND prio = :prio AND lost = :lost
                                            AND due <= :now
             ORDER BY due LIMIT :most /*pg FOR UPDATE SKIP LOCKED */)
RETURNING due, id, token, lane, prio, tries, lost, unsure, on_unsure, :now - created, changed - created, expires - :now,
          msgid, sender, rcpts, options, results, size;

-- name: moment
SELECT :now;

-- name: pace_lane
-- The next mail may leave in so many seconds, by the gap of its rate, and by what left lately.
UPDATE outbox_lane SET tat = :now + :tat, free = :now + :free WHERE name = :lane;

-- name: slots
-- When the next mail of a lane may leave by the gap of its rate; how many count, and when the first and the last are over.
SELECT (SELECT tat - :now FROM outbox_lane WHERE name = :lane),
       CAST(sum(mails) AS bigint), min(until) - :now, max(until) - :now
FROM outbox_slot WHERE lane = :lane AND until > :now - :per;

-- name: forget_slots
DELETE FROM outbox_slot WHERE lane = :lane AND until <= :now - :per;

-- name: forget_slot
DELETE FROM outbox_slot WHERE lane = :lane AND until = :until AND mails <= 0;

-- name: forget_later_slots
DELETE FROM outbox_slot WHERE lane = :lane AND until > :until;

-- name: free_lane
-- What counts has changed: it is looked at anew when the next mail may leave.
UPDATE outbox_lane SET free = 0 WHERE name = :lane;

-- name: take_slots
INSERT INTO outbox_slot (lane, until, mails) VALUES (:lane, :until, :mails)
ON CONFLICT (lane, until) DO UPDATE SET mails = outbox_slot.mails + excluded.mails;

-- name: leave_slots
UPDATE outbox_slot SET mails = mails - :mails WHERE lane = :lane AND until = :until;

-- name: mark
-- The fence: who does not get one row here must not let the end of the mail leave.
UPDATE outbox_mail SET state = 2, lease = :now + :lease
WHERE id = :id AND token = :token AND state IN (1, 2) AND lease > :now;

-- name: extend
UPDATE outbox_mail SET lease = CASE WHEN state = 1 THEN :now + :lease ELSE lease END
WHERE id = :id AND token = :token AND state IN (1, 2) AND lease > :now;

-- name: settle
-- A mail that was given back without an attempt has proved nothing: it stays as often lost as it was.
UPDATE outbox_mail
SET state = :state, results = :results, rcpts = :rcpts, due = :now + :delay, why = :why, tries = tries - :uncounted,
    unsure = unsure + :unsure, lost = CASE WHEN :uncounted = 1 AND :state = 0 THEN lost ELSE 0 END, news = :news,
    token = NULL, lease = NULL, holder = '', changed = :now
WHERE id = :id AND token = :token AND state IN (1, 2);

-- name: set_aside
-- Nobody can read what stands there: it is left as it is, for a person.
UPDATE outbox_mail
SET state = 3, why = :why, tries = tries - 1, token = NULL, lease = NULL, holder = '', changed = :now
WHERE id = CAST(:id AS text) AND token = :token;

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

-- name: retry_failed
-- By the wish of a person, with as long to live as it had when it was put.
UPDATE outbox_mail
SET state = 0, rcpts = :rcpts, due = :now, expires = :now + (expires - created), why = '', lost = 0, changed = :now
WHERE id = :id AND state = 5;

-- name: begin_with
-- Ids that begin alike: :first is what they begin with, :last is that with a letter behind it that is in no id.
SELECT id FROM outbox_mail WHERE id >= :first AND id < :last ORDER BY id LIMIT 2;

-- name: found
UPDATE outbox_mail SET state = 4, why = 'found', changed = :now
WHERE id = :id AND state = 3 AND why = 'unsure';

-- name: not_found
UPDATE outbox_mail SET why = 'unsure, and not found', changed = :now WHERE id = :id AND state = 3 AND why = 'unsure';

-- name: find
SELECT created, id, key, lane, prio, state, due, expires, changed, tries, lost, unsure, on_unsure, msgid, sender, rcpts,
       options, results, why, size, holder, fates
FROM outbox_mail WHERE id = :id OR key = :key;

-- name: read_state
-- A page of them, after the last one of the page before. What looks superfluous names the index (it is a partial one).
SELECT created, id, key, lane, prio, state, due, expires, changed, tries, lost, unsure, on_unsure, msgid, sender, rcpts,
       options, results, why, size, holder, fates
FROM outbox_mail
WHERE state = :state AND state NOT IN (1, 2) AND (created, id) > (:created, :id)
  AND (:lane = '' OR lane = :lane) AND (:unsure = -1 OR (unsure > 0) = (:unsure = 1))
ORDER BY created, id LIMIT :most;

-- name: read_ended
-- The same of one lane, in one of the states that few are in: HELD, FAILED, CANCELED.
SELECT created, id, key, lane, prio, state, due, expires, changed, tries, lost, unsure, on_unsure, msgid, sender, rcpts,
       options, results, why, size, holder, fates
FROM outbox_mail
WHERE state = :state AND (state = 3 OR state > 4) AND lane = :lane AND (created, id) > (:created, :id)
  AND (:unsure = -1 OR (unsure > 0) = (:unsure = 1))
ORDER BY created, id LIMIT :most;

-- name: read_ready
-- The same of a lane where few wait: all of them are put in order.
SELECT created, id, key, lane, prio, state, due, expires, changed, tries, lost, unsure, on_unsure, msgid, sender, rcpts,
       options, results, why, size, holder, fates
FROM outbox_mail
WHERE state = :state AND lane = :lane
  AND ((state = 0 AND lost = 0 AND prio IN (0, 1, 2)) OR (state = 0 AND lost > 0))
  AND (created, id) > (:created, :id) AND (:unsure = -1 OR (unsure > 0) = (:unsure = 1))
ORDER BY created, id LIMIT :most;

-- name: read_in_hand
-- The same of those that workers have, which are never many.
SELECT created, id, key, lane, prio, state, due, expires, changed, tries, lost, unsure, on_unsure, msgid, sender, rcpts,
       options, results, why, size, holder, fates
FROM outbox_mail
WHERE state IN (1, 2) AND (:state = -1 OR state = :state) AND (created, id) > (:created, :id)
  AND (:lane = '' OR lane = :lane) AND (:unsure = -1 OR (unsure > 0) = (:unsure = 1))
ORDER BY created, id LIMIT :most;

-- name: read_unsure
-- The same of those that are unsure, or were.
SELECT created, id, key, lane, prio, state, due, expires, changed, tries, lost, unsure, on_unsure, msgid, sender, rcpts,
       options, results, why, size, holder, fates
FROM outbox_mail
WHERE unsure > 0 AND (:state = -1 OR state = :state) AND (created, id) > (:created, :id)
  AND (:lane = '' OR lane = :lane)
ORDER BY created, id LIMIT :most;

-- name: read_news
-- The same, of those whose end somebody wants to hear of, and has not: few among very many.
SELECT created, id, key, lane, prio, state, due, expires, changed, tries, lost, unsure, on_unsure, msgid, sender, rcpts,
       options, results, why, size, holder, fates
FROM outbox_mail
WHERE news > 0 AND (created > :created OR (created = :created AND id > :id))
ORDER BY created, id LIMIT :most;

-- name: counts
-- What triggers have counted; those in hand are never many, and counted here.
SELECT c.lane, c.state, c.mails,
       CASE c.state
         WHEN 0 THEN (SELECT min(due) FROM (
           SELECT min(due) AS due FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = c.lane AND prio = 0
           UNION ALL SELECT min(due) FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = c.lane AND prio = 1
           UNION ALL SELECT min(due) FROM outbox_mail WHERE state = 0 AND lost = 0 AND lane = c.lane AND prio = 2
           UNION ALL SELECT min(due) FROM outbox_mail WHERE state = 0 AND lost > 0 AND lane = c.lane) AS each)
         WHEN 3 THEN (SELECT min(created) FROM outbox_mail WHERE state = 3 AND (state = 3 OR state > 4) AND lane = c.lane)
       END,
       c.unsure
FROM (SELECT lane, state, CAST(sum(mails) AS bigint) AS mails, CAST(sum(unsure) AS bigint) AS unsure
      FROM outbox_count GROUP BY lane, state HAVING sum(mails) > 0) AS c
UNION ALL
SELECT lane, state, count(*), min(created), sum(CASE WHEN unsure > 0 THEN 1 ELSE 0 END)
FROM outbox_mail WHERE state IN (1, 2) GROUP BY lane, state
ORDER BY 1, 2;

-- name: counts_of
SELECT state, CAST(sum(mails) AS bigint) FROM outbox_count WHERE lane = :lane GROUP BY state HAVING sum(mails) > 0;

-- name: chunk
SELECT chunk FROM outbox_body WHERE mail = :mail AND seq = :seq;

-- name: set_lane
UPDATE outbox_lane SET stopped = :stopped, cap = :cap, gap = :gap, per = :per, free = 0,
       tat = CASE WHEN :gap /*pg ::double precision */ IS NULL OR gap IS NULL OR gap <> :gap THEN 0 ELSE tat END
WHERE name = :lane;

-- name: lane_failed
UPDATE outbox_lane SET fails = fails + 1, paused = :now + :pause, why = :why, error = :why, erred = :now
WHERE name = :lane AND fails = :fails;

-- name: note_error
UPDATE outbox_lane SET error = :why, erred = :now WHERE name = :lane;

-- name: last_error
SELECT name, error, erred FROM outbox_lane WHERE erred > 0 ORDER BY erred DESC, name LIMIT 1;

-- name: sent_lately
-- Of the last :most at most, so that it costs the same on a busy day. What looks superfluous names the index.
SELECT count(*), :now - min(changed) FROM (
    SELECT changed FROM outbox_mail WHERE state = 4 AND state > 3 AND changed > :now - :window
    ORDER BY changed DESC LIMIT :most) AS lately;

-- name: lane_works
UPDATE outbox_lane SET fails = 0, paused = 0, why = '' WHERE name = :lane AND fails > 0;

-- name: old
-- The longest ended first. What looks superfluous names the index (it is a partial one).
SELECT id, size FROM outbox_mail WHERE state = :state AND state > 3 AND changed < :now - :age
ORDER BY changed LIMIT :most /*pg FOR UPDATE SKIP LOCKED */;

-- name: fold_counts
-- PostgreSQL only: the rows of one lane and state become one again, where they have become many.
WITH gone AS (
    DELETE FROM outbox_count
    WHERE (SELECT count(*) > 100 + 2 * count(DISTINCT (lane, state)) FROM outbox_count)
      AND slot IN (SELECT slot FROM outbox_count FOR UPDATE SKIP LOCKED)
    RETURNING lane, state, mails, unsure)
INSERT INTO outbox_count (lane, state, mails, unsure)
SELECT lane, state, sum(mails), sum(unsure) FROM gone GROUP BY lane, state HAVING sum(mails) <> 0 OR sum(unsure) <> 0;

-- name: forget_body
DELETE FROM outbox_body WHERE mail = :id;

-- name: forget_mail
DELETE FROM outbox_mail WHERE id = :id AND state > 3;

-- name: version
SELECT version FROM outbox_version;

-- name: find_incomplete
-- What follows is asked by who checks an outbox, and reads all of it.
SELECT count(*), min(id) FROM outbox_mail
WHERE state < 4
  AND size <> (SELECT coalesce(sum(length(chunk)), 0) FROM outbox_body WHERE mail = outbox_mail.id);

-- name: find_orphan
SELECT count(DISTINCT mail), min(mail) FROM outbox_body
WHERE NOT EXISTS (SELECT 1 FROM outbox_mail WHERE id = outbox_body.mail)
  AND NOT EXISTS (SELECT 1 FROM outbox_staged WHERE outbox_staged.mail = outbox_body.mail);

-- name: find_lane
SELECT count(*), min(lane) FROM outbox_mail
WHERE state < 4 AND NOT EXISTS (SELECT 1 FROM outbox_lane WHERE name = outbox_mail.lane);

-- name: find_value
SELECT count(*), min(id) FROM outbox_mail
WHERE state NOT BETWEEN 0 AND 6 OR prio NOT BETWEEN 0 AND 2 OR on_unsure NOT BETWEEN 0 AND 1;

-- name: find_counters
SELECT count(*), min(lane) FROM (
    SELECT lane, state FROM (
        SELECT lane, state, mails, unsure FROM outbox_count
        UNION ALL
        SELECT lane, state, -count(*), -sum(CASE WHEN unsure > 0 THEN 1 ELSE 0 END)
        FROM outbox_mail WHERE state NOT IN (1, 2) GROUP BY lane, state) AS both_sides
    GROUP BY lane, state HAVING sum(mails) <> 0 OR sum(unsure) <> 0) AS differences;
