-- The tables of the outbox in PostgreSQL, as they are made: version 100. No extension, and no right but that to make tables.
-- Times are seconds since 1970 by the server's clock, so that the statements are those of every engine.

CREATE TABLE outbox_mail (
    id        text PRIMARY KEY,
    key       text,                         -- the caller's own
    lane      text NOT NULL,
    prio      integer NOT NULL,             -- 0 first, 2 last
    state     integer NOT NULL,
    due       double precision NOT NULL,
    created   double precision NOT NULL,
    expires   double precision NOT NULL,
    token     text,
    lease     double precision,
    holder    text NOT NULL DEFAULT '',
    tries     integer NOT NULL DEFAULT 0,
    lost      integer NOT NULL DEFAULT 0,
    unsure    integer NOT NULL DEFAULT 0,
    on_unsure integer NOT NULL,
    msgid     text NOT NULL,
    sender    text NOT NULL,
    rcpts     json NOT NULL,                -- still to be tried
    options   json NOT NULL,                -- what else is in the envelope, known of the content, and the way of several
    results   json NOT NULL DEFAULT '{}',   -- address -> [code, enhanced, text, time]; json keeps their order, jsonb does not
    why       text NOT NULL DEFAULT '',
    size      bigint NOT NULL,
    news      integer NOT NULL DEFAULT 0,   -- 1 until whoever wanted to hear of its end has heard
    changed   double precision NOT NULL
) WITH (fillfactor = 80,                    -- every mail is written to some four times: room for that on its own page
        autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Never changed once it is there: a change of state does not write a body again.
CREATE TABLE outbox_body (
    mail  text NOT NULL,
    seq   integer NOT NULL,
    chunk bytea NOT NULL,
    PRIMARY KEY (mail, seq)
);
ALTER TABLE outbox_body ALTER chunk SET STORAGE EXTERNAL;  -- attachments are compressed already, and base64 hides it

-- Mails whose content is written ahead of them, piece by piece. Who dies meanwhile leaves a row here, and it is swept up.
CREATE TABLE outbox_staged (
    mail  text PRIMARY KEY,
    begun double precision NOT NULL
);

CREATE TABLE outbox_lane (
    name    text PRIMARY KEY,
    stopped integer NOT NULL DEFAULT 0,
    paused  double precision NOT NULL DEFAULT 0,
    fails   integer NOT NULL DEFAULT 0,
    why     text NOT NULL DEFAULT '',
    cap     integer,
    gap     double precision,                     -- of a rate: mean seconds between two mails
    per     double precision,                     -- of a rate: no more than per / gap mails in any so many seconds
    tat     double precision NOT NULL DEFAULT 0,  -- when the next mail may leave, by the gap (GCRA)
    free    double precision NOT NULL DEFAULT 0,  -- the same, by what left within the last `per` seconds
    error   text NOT NULL DEFAULT '',             -- the last thing that went wrong on it, and when; kept when it works again
    erred   double precision NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Mails of a lane with a rate that left lately, or may leave by then: `until` is the last moment at which they can have
-- reached the server. Few rows: what is over is rounded up to a small part of `per`.
CREATE TABLE outbox_slot (
    lane  text NOT NULL,
    until double precision NOT NULL,
    mails bigint NOT NULL,
    PRIMARY KEY (lane, until)
) WITH (fillfactor = 50);

CREATE TABLE outbox_worker (
    id      text PRIMARY KEY,               -- what stands in `holder` of its mails
    folder  text NOT NULL,                  -- of the file that it has locked for as long as it lives
    inode   bigint NOT NULL,
    process text NOT NULL,
    seen    double precision NOT NULL
);

CREATE UNIQUE INDEX outbox_key ON outbox_mail (key) WHERE key IS NOT NULL;
CREATE INDEX outbox_ready   ON outbox_mail (lane, prio, due) WHERE state = 0 AND lost = 0;
CREATE INDEX outbox_suspect ON outbox_mail (lane, prio, due) WHERE state = 0 AND lost > 0;
CREATE INDEX outbox_busy    ON outbox_mail (lane, lease)     WHERE state IN (1, 2);
CREATE INDEX outbox_done    ON outbox_mail (state, changed)  WHERE state > 3;
CREATE INDEX outbox_news    ON outbox_mail (created, id)     WHERE news > 0;
CREATE INDEX outbox_order   ON outbox_mail (state, created, id) WHERE state NOT IN (1, 2);
CREATE INDEX outbox_ended   ON outbox_mail (lane, state, created, id) WHERE state = 3 OR state > 4;
CREATE INDEX outbox_unsure  ON outbox_mail (created, id)     WHERE unsure > 0;

-- How many mails are where: counted as they come and go, because nobody waits for a million to be counted. Not those in
-- hand (1 and 2), which are few, and change often. A lane and state has as many rows as there were transactions at a
-- time: one row would have them all wait for each other's commit. Their sum is what counts; one alone may be negative.
CREATE TABLE outbox_count (
    slot   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane   text NOT NULL,
    state  integer NOT NULL,
    mails  bigint NOT NULL,
    unsure bigint NOT NULL
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX outbox_count_of ON outbox_count (lane, state);

CREATE FUNCTION outbox_count_one(its_lane text, its_state integer, more bigint, more_unsure bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    free bigint;
BEGIN
    -- In a caller's transaction that sees nothing new, a row that others have changed is an error: it gets one of its own.
    IF current_setting('transaction_isolation') = 'read committed' THEN
        SELECT slot INTO free FROM outbox_count WHERE lane = its_lane AND state = its_state
        LIMIT 1 FOR UPDATE SKIP LOCKED;
    END IF;
    IF free IS NULL THEN
        INSERT INTO outbox_count (lane, state, mails, unsure) VALUES (its_lane, its_state, more, more_unsure);
    ELSE
        UPDATE outbox_count SET mails = mails + more, unsure = unsure + more_unsure WHERE slot = free;
    END IF;
END $$;

CREATE FUNCTION outbox_count_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM outbox_count_one(lane, state, count(*), count(*) FILTER (WHERE unsure > 0))
        FROM new_rows WHERE state NOT IN (1, 2) GROUP BY lane, state;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM outbox_count_one(lane, state, -count(*), -count(*) FILTER (WHERE unsure > 0))
        FROM old_rows WHERE state NOT IN (1, 2) GROUP BY lane, state;
    ELSE
        PERFORM outbox_count_one(lane, state, CAST(sum(one) AS bigint), CAST(sum(doubt) AS bigint))
        FROM (SELECT lane, state, 1 AS one, CAST(unsure > 0 AS integer) AS doubt FROM new_rows
              UNION ALL SELECT lane, state, -1, -CAST(unsure > 0 AS integer) FROM old_rows) AS changes
        WHERE state NOT IN (1, 2) GROUP BY lane, state HAVING sum(one) <> 0 OR sum(doubt) <> 0;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER outbox_count_put AFTER INSERT ON outbox_mail
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION outbox_count_changes();
CREATE TRIGGER outbox_count_change AFTER UPDATE ON outbox_mail
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION outbox_count_changes();
CREATE TRIGGER outbox_count_forget AFTER DELETE ON outbox_mail
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION outbox_count_changes();

-- The name tells one outbox from another: whether a caller's own connection leads to this one.
CREATE TABLE outbox_version (version integer NOT NULL, name text NOT NULL DEFAULT gen_random_uuid()::text);
INSERT INTO outbox_version (version) VALUES (100);
