-- What people said of alerts, and what that leaves to be told.

-- Somebody has taken a series on. Rows are never deleted.
CREATE TABLE acks (
    id          INTEGER PRIMARY KEY,              -- given once, never reused
    instance_id INTEGER NOT NULL REFERENCES instances (id),-- instances.id; of a pool the one named (pools)
    series      INTEGER NOT NULL,                 -- series.number
    made_at     INTEGER NOT NULL,                 -- when it was made
    made_by     TEXT    NOT NULL,                 -- who made it
    note        TEXT    NOT NULL,                 -- '' where none
    quantity    INTEGER,                          -- how many were ordered, where that was said
    eta         INTEGER,                          -- when they are to be there, where that was said
    arrived     INTEGER NOT NULL DEFAULT 0,       -- how many came since: the sum of all rises
    overdue_at  INTEGER,                          -- when it was found that the time for it had passed
    ended_at    INTEGER,                          -- when it ended; null while in force
    ended_why   TEXT                              -- recovered, arrived, withdrawn, replaced or ended
) STRICT;

-- One of a series is in force at most.
CREATE UNIQUE INDEX acks_in_force ON acks (instance_id, series) WHERE ended_at IS NULL;
-- When the last one of a series ended.
CREATE INDEX acks_ended ON acks (instance_id, series, ended_at) WHERE ended_at IS NOT NULL;

-- Series that are not to be told of for a while. Rows are never deleted.
CREATE TABLE silences (
    id        INTEGER PRIMARY KEY,                -- given once, never reused
    matcher   TEXT    NOT NULL,                   -- JSON: which series; numbers are ids, texts names
    made_at   INTEGER NOT NULL,                   -- when it was made
    starts_at INTEGER NOT NULL,                   -- from when on
    ends_at   INTEGER NOT NULL,                   -- until when, exclusive
    made_by   TEXT    NOT NULL,                   -- who made it
    comment   TEXT    NOT NULL,                   -- '' where none
    ended_at  INTEGER,                            -- when somebody ended it before its time
    noted     INTEGER NOT NULL DEFAULT 0          -- 1: the history says that it ended
) STRICT;

-- Those of which the history does not say yet that they ended; those in force are among them.
CREATE INDEX silences_open ON silences (ends_at) WHERE noted = 0;

-- What a series remembers of mutes, of flapping, and since when somebody should take it on.
ALTER TABLE series ADD COLUMN mute TEXT; -- JSON: kind, id, who and comment of the mute that last held it back, until a message says so
ALTER TABLE series ADD COLUMN muted INTEGER NOT NULL DEFAULT 0; -- 1: that was in force at the last look
ALTER TABLE series ADD COLUMN urgent_since INTEGER; -- since when it is critical or out without a break
ALTER TABLE series ADD COLUMN flips TEXT; -- JSON: when its severity moved by its level lately; null where it did not
ALTER TABLE series ADD COLUMN flapping_since INTEGER; -- since when it flaps; null while calm
UPDATE series SET urgent_since = since WHERE severity >= 2 AND gone = 0;

-- What a channel is still to be told of a series, and on what terms.
ALTER TABLE told ADD COLUMN missed INTEGER NOT NULL DEFAULT 0; -- the worst it was not told of in its quiet hours; as in series
ALTER TABLE told ADD COLUMN worst INTEGER NOT NULL DEFAULT 0; -- the worst it was told since the series flaps
ALTER TABLE told ADD COLUMN escalated INTEGER NOT NULL DEFAULT 0; -- 1: it hears of the series since nobody had taken that on
ALTER TABLE told ADD COLUMN overdue INTEGER NOT NULL DEFAULT 0; -- 1: to be told after its quiet hours that an ack is overdue

-- Silences are of no shop: instance_id may be null from here on.
CREATE TABLE events_of_all (
    id             INTEGER PRIMARY KEY,           -- ascending; newest last
    instance_id    INTEGER REFERENCES instances (id),-- instances.id; null where it is about a silence
    key            TEXT    NOT NULL,              -- deterministic: series, rule, transition number
    poll_id        INTEGER,                       -- the poll that led to it; null between polls
    at             INTEGER NOT NULL,              -- when it happened
    kind           TEXT    NOT NULL,              -- severity, new, gone, renamed, source_down, acked, silenced …
    product_id     INTEGER,                       -- null where it is about the source or a silence
    combination    TEXT,                          -- null where it is about the product itself
    severity_from  INTEGER,                       -- as in series
    severity_to    INTEGER,                       -- as in series
    reason         TEXT,                          -- first, worse, better, recovered …; why an ack ended
    level          INTEGER,                       -- how many were left, where known
    previous_level INTEGER,                       -- the last known level before that differs
    detail         TEXT,                          -- a cause, a capability, or particulars in words
    UNIQUE (instance_id, key)
) STRICT;
INSERT INTO events_of_all SELECT id, instance_id, key, poll_id, at, kind, product_id, combination, severity_from,
severity_to, reason, level, previous_level, detail FROM events;
DROP TABLE events;
ALTER TABLE events_of_all RENAME TO events;
