-- The tables of the outbox in PostgreSQL, as they are made: version 1. No extension, and no right but that to make tables.
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
    options   json NOT NULL,                -- what else is in the envelope, and known of the content
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

CREATE TABLE outbox_lane (
    name    text PRIMARY KEY,
    stopped integer NOT NULL DEFAULT 0,
    paused  double precision NOT NULL DEFAULT 0,
    fails   integer NOT NULL DEFAULT 0,
    why     text NOT NULL DEFAULT '',
    cap     integer,
    gap     double precision,
    tat     double precision NOT NULL DEFAULT 0  -- when the next mail may leave, by the rate (GCRA)
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
CREATE INDEX outbox_order   ON outbox_mail (created, id);

-- The name tells one outbox from another: whether a caller's own connection leads to this one.
CREATE TABLE outbox_version (version integer NOT NULL, name text NOT NULL DEFAULT gen_random_uuid()::text);
INSERT INTO outbox_version (version) VALUES (1);
