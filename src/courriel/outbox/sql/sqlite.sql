-- The tables of the outbox in SQLite, as they are made: version 1.
-- Their names keep out of the way of an application that has us in its own file.

CREATE TABLE outbox_mail (
    id        TEXT PRIMARY KEY,
    key       TEXT,                        -- the caller's own
    lane      TEXT NOT NULL,
    prio      INTEGER NOT NULL,            -- 0 first, 2 last
    state     INTEGER NOT NULL,
    due       REAL NOT NULL,               -- seconds since 1970, like all times here
    created   REAL NOT NULL,
    expires   REAL NOT NULL,
    token     TEXT,
    lease     REAL,
    holder    TEXT NOT NULL DEFAULT '',
    tries     INTEGER NOT NULL DEFAULT 0,
    lost      INTEGER NOT NULL DEFAULT 0,
    unsure    INTEGER NOT NULL DEFAULT 0,
    on_unsure INTEGER NOT NULL,
    msgid     TEXT NOT NULL,
    sender    TEXT NOT NULL,
    rcpts     TEXT NOT NULL,               -- JSON: still to be tried
    options   TEXT NOT NULL,               -- JSON: what else is in the envelope, and known of the content
    results   TEXT NOT NULL DEFAULT '{}',  -- JSON: address -> [code, enhanced, text, time]
    why       TEXT NOT NULL DEFAULT '',
    size      INTEGER NOT NULL,
    news      INTEGER NOT NULL DEFAULT 0,  -- 1 until whoever wanted to hear of its end has heard
    changed   REAL NOT NULL
);

-- Never changed once it is there: a change of state does not write a body again. With a rowid, on purpose: contents are
-- appended then, and not put between others, which is two thirds of the time.
CREATE TABLE outbox_body (
    mail  TEXT NOT NULL,
    seq   INTEGER NOT NULL,
    chunk BLOB NOT NULL,
    PRIMARY KEY (mail, seq)
);

CREATE TABLE outbox_lane (
    name    TEXT PRIMARY KEY,
    stopped INTEGER NOT NULL DEFAULT 0,
    paused  REAL NOT NULL DEFAULT 0,
    fails   INTEGER NOT NULL DEFAULT 0,
    why     TEXT NOT NULL DEFAULT '',
    cap     INTEGER,
    gap     REAL,
    tat     REAL NOT NULL DEFAULT 0        -- when the next mail may leave, by the rate (GCRA)
);

CREATE TABLE outbox_worker (
    id      TEXT PRIMARY KEY,              -- what stands in `holder` of its mails
    folder  TEXT NOT NULL,                 -- of the file that it has locked for as long as it lives
    inode   INTEGER NOT NULL,
    process TEXT NOT NULL,
    seen    REAL NOT NULL
);

CREATE UNIQUE INDEX outbox_key ON outbox_mail (key) WHERE key IS NOT NULL;
CREATE INDEX outbox_ready   ON outbox_mail (lane, prio, due) WHERE state = 0 AND lost = 0;
CREATE INDEX outbox_suspect ON outbox_mail (lane, prio, due) WHERE state = 0 AND lost > 0;
CREATE INDEX outbox_busy    ON outbox_mail (lane, lease)     WHERE state IN (1, 2);
CREATE INDEX outbox_done    ON outbox_mail (state, changed)  WHERE state > 3;
CREATE INDEX outbox_news    ON outbox_mail (created, id)     WHERE news > 0;
CREATE INDEX outbox_order   ON outbox_mail (created, id);

CREATE TABLE outbox_version (version INTEGER NOT NULL);
INSERT INTO outbox_version VALUES (1);
