-- Which reports were made, so that each is made once.
CREATE TABLE report_runs (
    report        TEXT    NOT NULL,               -- its name, as configured
    scheduled_for INTEGER NOT NULL,               -- when it was due; for 'begun' when its schedule was first seen
    state         TEXT    NOT NULL CHECK (state IN ('begun', 'queued', 'skipped', 'failed')),-- 'failed': still to be made
    made_at       INTEGER NOT NULL,               -- when the row came to its state
    messages      TEXT    NOT NULL DEFAULT '[]',  -- JSON: messages.id of what was queued
    told_at       INTEGER,                        -- when it was told that it reached nobody
    PRIMARY KEY (report, scheduled_for)
) STRICT, WITHOUT ROWID;

-- Where the deliveries of a message stand.
CREATE INDEX outbox_message ON outbox (message);
