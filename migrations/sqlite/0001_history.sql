-- What was seen, what it meant, and what waits to be told.
-- Times are milliseconds since 1970 in UTC. Order is the poll's id, never a time.

-- The shops, each with what is remembered of the source itself.
CREATE TABLE instances (
    id               INTEGER PRIMARY KEY,         -- given once, never reused
    name             TEXT    NOT NULL UNIQUE,     -- as in the configuration; its identity for people
    down_since       INTEGER,                     -- unreadable since, where that was announced
    down_cause       TEXT,                        -- the cause announced with it
    lost             TEXT    NOT NULL DEFAULT '[]', -- JSON: [capability, since] of what was announced as lost
    had_stock_fields INTEGER NOT NULL DEFAULT 0,  -- 1: some product carried a stock field when last not degraded
    had_companion    TEXT,                        -- who answered GetProductDetails when last not degraded
    baselined        TEXT    NOT NULL DEFAULT '[]', -- JSON: channels that had their baseline
    transition       INTEGER NOT NULL DEFAULT 0,  -- numbers the source's own events; never restarts
    next_series      INTEGER NOT NULL DEFAULT 0   -- the next series' number
) STRICT;

-- That a poll happened, and how. No second index: an unchanged poll must cost one small row.
CREATE TABLE polls (
    id          INTEGER PRIMARY KEY,              -- ascending; the order of all history
    instance_id INTEGER NOT NULL REFERENCES instances (id),-- instances.id
    observed_at INTEGER NOT NULL,                 -- when GetProducts was asked; never goes back within an instance
    duration_ms INTEGER NOT NULL,                 -- from the first request to the decision
    outcome     INTEGER NOT NULL,                 -- 0 accepted, 1 suspect, 2 failed
    cause       TEXT,                             -- why it failed or is suspect
    detail      TEXT,                             -- particulars in words; never a secret
    products    INTEGER,                          -- size of the catalogue, where one was read
    changes     INTEGER NOT NULL,                 -- levels that differ from the last accepted poll
    attempts    TEXT                              -- JSON: the requests, where any of them failed
) STRICT;

-- The products as they are now.
CREATE TABLE products (
    instance_id    INTEGER NOT NULL REFERENCES instances (id),-- instances.id
    product_id     INTEGER NOT NULL,              -- WHMCS's pid
    name           TEXT    NOT NULL,              -- exactly as WHMCS sent it
    group_id       INTEGER,                       -- WHMCS's gid
    group_name     TEXT,                          -- the last known name of the group, as sent
    hidden         INTEGER,                       -- 0, 1, or null where not known
    retired        INTEGER,                       -- 0, 1, or null where not known
    controlled     INTEGER,                       -- whether stock was controlled when that was last known
    missing        INTEGER NOT NULL,              -- accepted catalogues in a row in which it was absent
    options_key    INTEGER NOT NULL,              -- hash of the ids of its options and choices (64 bits, signed)
    per_choice     INTEGER NOT NULL,              -- 1: too many combinations, followed per choice
    ambiguous_zero INTEGER NOT NULL,              -- 1: its zero could not be settled
    PRIMARY KEY (instance_id, product_id)
) STRICT, WITHOUT ROWID;

-- The products as they were: a row holds until its poll, exclusive. What never changed has no row here.
CREATE TABLE product_history (
    instance_id INTEGER NOT NULL,                 -- instances.id
    product_id  INTEGER NOT NULL,                 -- WHMCS's pid
    until_poll  INTEGER NOT NULL,                 -- the poll that saw the difference
    name        TEXT    NOT NULL,                 -- exactly as WHMCS sent it
    group_id    INTEGER,                          -- WHMCS's gid
    group_name  TEXT,                             -- the name of the group, as sent
    hidden      INTEGER,                          -- 0, 1, or null where not known
    retired     INTEGER,                          -- 0, 1, or null where not known
    present     INTEGER NOT NULL,                 -- 0: absent from the catalogue
    PRIMARY KEY (instance_id, product_id, until_poll)
) STRICT, WITHOUT ROWID;

-- The series (a product, or a combination with a figure of its own) and where each stands now.
-- Rows are never deleted: numbers and transitions never restart.
CREATE TABLE series (
    instance_id      INTEGER NOT NULL REFERENCES instances (id),-- instances.id
    product_id       INTEGER NOT NULL,            -- WHMCS's pid
    combination      TEXT    NOT NULL,            -- '4=11;5=20', or '' for the product itself
    number           INTEGER NOT NULL,            -- its number within the instance; given once
    label            TEXT,                        -- the combination in words; null for the product itself
    bottleneck       TEXT,                        -- what limits the combination, where not the product itself
    gone             INTEGER NOT NULL,            -- 1: no longer there; kept for its number and history
    state            INTEGER NOT NULL,            -- 0 known, 1 not controlled, 2 unknown
    level            INTEGER,                     -- how many are left, where known
    last_level       INTEGER,                     -- the last figure seen
    last_known_at    INTEGER,                     -- when that was last seen, once the level is not known any more
    previous_level   INTEGER,                     -- the last known level that differs from last_level
    severity         INTEGER NOT NULL,            -- confirmed: 0 ok, 1 low, 2 critical, 3 out
    since            INTEGER NOT NULL,            -- since when the severity holds
    started_at       INTEGER,                     -- when the series left ok
    pending_low      INTEGER,                     -- since when the level calls for at least low, not yet confirmed
    pending_critical INTEGER,                     -- the same for critical
    pending_out      INTEGER,                     -- the same for out
    frozen_since     INTEGER,                     -- since when the level is unknown
    better_since     INTEGER,                     -- when it left out, where better is not said yet
    transition       INTEGER NOT NULL,            -- counts what was said and recorded; never restarts
    fingerprint      INTEGER NOT NULL,            -- of the rule that made the severity (64 bits, signed)
    other_than_zero  INTEGER NOT NULL,            -- 1: a level other than 0 was seen
    born_open        INTEGER NOT NULL,            -- 1: open when first seen, and never above low since
    PRIMARY KEY (instance_id, product_id, combination)
) STRICT, WITHOUT ROWID;

-- What combinations were called: a row holds until its poll, exclusive.
CREATE TABLE label_history (
    instance_id INTEGER NOT NULL,                 -- instances.id
    series      INTEGER NOT NULL,                 -- series.number
    until_poll  INTEGER NOT NULL,                 -- the poll that saw the difference
    label       TEXT    NOT NULL,                 -- what the combination was called
    PRIMARY KEY (instance_id, series, until_poll)
) STRICT, WITHOUT ROWID;

-- Every level that ever was: a row where it changed, holding until the series' next row.
CREATE TABLE levels (
    instance_id INTEGER NOT NULL,                 -- instances.id
    series      INTEGER NOT NULL,                 -- series.number
    poll_id     INTEGER NOT NULL,                 -- the poll that saw it first
    state       INTEGER NOT NULL,                 -- 0 known, 1 not controlled, 2 unknown, 3 gone
    level       INTEGER,                          -- how many were left, where known
    PRIMARY KEY (instance_id, series, poll_id)
) STRICT, WITHOUT ROWID;

-- What each channel was last told of a series; no row means ok.
CREATE TABLE told (
    instance_id INTEGER NOT NULL,                 -- instances.id
    series      INTEGER NOT NULL,                 -- series.number
    channel     TEXT    NOT NULL,                 -- the channel's name
    severity    INTEGER NOT NULL,                 -- as in series
    at          INTEGER NOT NULL,                 -- when it was last told or reminded
    PRIMARY KEY (instance_id, series, channel)
) STRICT, WITHOUT ROWID;

-- What happened, each thing once.
CREATE TABLE events (
    id             INTEGER PRIMARY KEY,           -- ascending; newest last
    instance_id    INTEGER NOT NULL REFERENCES instances (id),-- instances.id
    key            TEXT    NOT NULL,              -- deterministic: series, rule, transition number
    poll_id        INTEGER,                       -- the poll that led to it; null between polls
    at             INTEGER NOT NULL,              -- when it happened
    kind           TEXT    NOT NULL,              -- severity, new, gone, renamed, source_down …
    product_id     INTEGER,                       -- null where it is about the source
    combination    TEXT,                          -- null where it is about the product itself
    severity_from  INTEGER,                       -- as in series
    severity_to    INTEGER,                       -- as in series
    reason         TEXT,                          -- first, worse, better, recovered …
    level          INTEGER,                       -- how many were left, where known
    previous_level INTEGER,                       -- the last known level before that differs
    detail         TEXT,                          -- a cause, a capability, or particulars in words
    UNIQUE (instance_id, key)
) STRICT;

-- Messages as they were decided, the text frozen.
CREATE TABLE messages (
    number      INTEGER PRIMARY KEY,              -- what outbox.message refers to
    id          TEXT    NOT NULL UNIQUE,          -- random; stays the same over retries
    channel     TEXT    NOT NULL,                 -- the channel's name
    kind        TEXT    NOT NULL,                 -- stock.alerts, source.down …
    instance    TEXT,                             -- the shop's name; null where it is about several
    recorded_at INTEGER NOT NULL,                 -- when it was decided
    headline    TEXT    NOT NULL,                 -- one line for lists
    content     TEXT    NOT NULL                  -- JSON; holds no secret
) STRICT;

-- One row for each message and recipient.
CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY,          -- ascending; newest last
    message         INTEGER NOT NULL REFERENCES messages (number),-- messages.number
    channel         TEXT    NOT NULL,             -- the message's
    medium          TEXT    NOT NULL,             -- email or webhook
    recipient       TEXT    NOT NULL,             -- a mail address, or the channel's name; never a URL
    state           TEXT    NOT NULL CHECK (state IN ('pending', 'sent', 'dead')),-- pending until settled; dead ones can be replayed
    queued_at       INTEGER NOT NULL,             -- when recorded or replayed; it expires counted from here
    attempts        INTEGER NOT NULL DEFAULT 0,   -- begun so far
    leased          INTEGER NOT NULL DEFAULT 0,   -- 1: an attempt is under way
    next_attempt_at INTEGER NOT NULL,             -- when it may be claimed; under a lease, when that ends
    reason          TEXT,                         -- why it is dead or was put off, in one fixed word
    last_error      TEXT,                         -- the same in words; never a secret
    settled_at      INTEGER,                      -- when it was sent or given up
    receipt         TEXT                          -- what the receiver answered
) STRICT;

-- What is due, by channel; also answers how many wait and since when.
CREATE INDEX outbox_pending ON outbox (channel, next_attempt_at, queued_at) WHERE state = 'pending';
-- How many dead letters a channel has.
CREATE INDEX outbox_dead ON outbox (channel) WHERE state = 'dead';

-- On which days a channel had its reminder.
CREATE TABLE reminders (
    channel TEXT NOT NULL,                        -- the channel's name
    day     TEXT NOT NULL,                        -- YYYY-MM-DD in the configured time zone
    PRIMARY KEY (channel, day)
) STRICT, WITHOUT ROWID;
