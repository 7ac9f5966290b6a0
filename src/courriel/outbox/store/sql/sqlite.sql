-- The tables of the outbox in SQLite, as they are made: version 100.
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
    options   TEXT NOT NULL,               -- JSON: what else is in the envelope, known of the content, and the way of several
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

-- Mails whose content is written ahead of them, piece by piece. Who dies meanwhile leaves a row here, and it is swept up.
CREATE TABLE outbox_staged (
    mail  TEXT PRIMARY KEY,
    begun REAL NOT NULL
);

CREATE TABLE outbox_lane (
    name    TEXT PRIMARY KEY,
    stopped INTEGER NOT NULL DEFAULT 0,
    paused  REAL NOT NULL DEFAULT 0,
    fails   INTEGER NOT NULL DEFAULT 0,
    why     TEXT NOT NULL DEFAULT '',
    cap     INTEGER,
    gap     REAL,                          -- of a rate: mean seconds between two mails
    per     REAL,                          -- of a rate: no more than per / gap mails in any so many seconds
    tat     REAL NOT NULL DEFAULT 0,       -- when the next mail may leave, by the gap (GCRA)
    free    REAL NOT NULL DEFAULT 0,       -- when the next mail may leave, by what left within the last `per` seconds
    error   TEXT NOT NULL DEFAULT '',      -- the last thing that went wrong on it, and when; kept when it works again
    erred   REAL NOT NULL DEFAULT 0
);

-- Mails of a lane with a rate that left lately, or may leave by then: `until` is the last moment at which they can have
-- reached the server. Few rows: what is over is rounded up to a small part of `per`.
CREATE TABLE outbox_slot (
    lane  TEXT NOT NULL,
    until REAL NOT NULL,
    mails INTEGER NOT NULL,
    PRIMARY KEY (lane, until)
) WITHOUT ROWID;

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
CREATE INDEX outbox_order   ON outbox_mail (state, created, id) WHERE state NOT IN (1, 2);
CREATE INDEX outbox_ended   ON outbox_mail (lane, state, created, id) WHERE state = 3 OR state > 4;
CREATE INDEX outbox_unsure  ON outbox_mail (created, id)     WHERE unsure > 0;

-- How many mails are where: counted as they come and go, because nobody waits for a million to be counted. Not those in
-- hand (1 and 2), which are few, and change often.
CREATE TABLE outbox_count (
    lane   TEXT NOT NULL,
    state  INTEGER NOT NULL,
    mails  INTEGER NOT NULL,
    unsure INTEGER NOT NULL,
    PRIMARY KEY (lane, state)
) WITHOUT ROWID;

CREATE TRIGGER outbox_count_put AFTER INSERT ON outbox_mail WHEN NEW.state NOT IN (1, 2)
BEGIN
    INSERT INTO outbox_count VALUES (NEW.lane, NEW.state, 1, NEW.unsure > 0)
    ON CONFLICT (lane, state) DO UPDATE SET mails = mails + 1, unsure = unsure + excluded.unsure;
END;

CREATE TRIGGER outbox_count_leave AFTER UPDATE OF state, unsure, lane ON outbox_mail
WHEN OLD.state NOT IN (1, 2)
     AND (OLD.state <> NEW.state OR (OLD.unsure > 0) <> (NEW.unsure > 0) OR OLD.lane <> NEW.lane)
BEGIN
    UPDATE outbox_count SET mails = mails - 1, unsure = unsure - (OLD.unsure > 0)
    WHERE lane = OLD.lane AND state = OLD.state;
END;

CREATE TRIGGER outbox_count_come AFTER UPDATE OF state, unsure, lane ON outbox_mail
WHEN NEW.state NOT IN (1, 2)
     AND (OLD.state <> NEW.state OR (OLD.unsure > 0) <> (NEW.unsure > 0) OR OLD.lane <> NEW.lane)
BEGIN
    INSERT INTO outbox_count VALUES (NEW.lane, NEW.state, 1, NEW.unsure > 0)
    ON CONFLICT (lane, state) DO UPDATE SET mails = mails + 1, unsure = unsure + excluded.unsure;
END;

CREATE TRIGGER outbox_count_forget AFTER DELETE ON outbox_mail WHEN OLD.state NOT IN (1, 2)
BEGIN
    UPDATE outbox_count SET mails = mails - 1, unsure = unsure - (OLD.unsure > 0)
    WHERE lane = OLD.lane AND state = OLD.state;
END;

-- `opened` is a random mark in the file itself, and not only in its log, while there is a log beside it that belongs to
-- it: a copy without the log says so, and has -1 from its first opening on.
CREATE TABLE outbox_version (version INTEGER NOT NULL, opened INTEGER NOT NULL DEFAULT 0);
INSERT INTO outbox_version (version) VALUES (100);
