-- What is kept of each day once its single levels are gone: a row where something changed that day. Until the series'
-- next row it stood as at the end of this one.
CREATE TABLE level_days (
    instance_id INTEGER NOT NULL,                 -- instances.id
    series      INTEGER NOT NULL,                 -- series.number
    day         INTEGER NOT NULL,                 -- days since 1970 in UTC
    first       INTEGER,                          -- how many were left when the day began (or when first seen), where known
    state       INTEGER NOT NULL,                 -- at its end; as in levels
    last        INTEGER,                          -- how many were left at its end, where known
    least       INTEGER,                          -- the fewest that were left, where known at all
    most        INTEGER,                          -- the most that were left, where known at all
    known_ms    INTEGER NOT NULL,                 -- how long the level was known
    out_ms      INTEGER NOT NULL,                 -- how long it was 0 or less
    falls       INTEGER NOT NULL,                 -- the sum of what it fell by: sold
    rises       INTEGER NOT NULL,                 -- the sum of what it rose by: restocked or given back
    changes     INTEGER NOT NULL,                 -- rows of levels that day
    PRIMARY KEY (instance_id, series, day)
) STRICT, WITHOUT ROWID;
-- How far that has come.
ALTER TABLE instances ADD COLUMN days_until INTEGER NOT NULL DEFAULT 0; -- level_days holds the days before that one (since 1970, UTC)

-- What was taken away, and when that was last looked after.
CREATE TABLE upkeep (
    id      INTEGER PRIMARY KEY CHECK (id = 1),   -- there is one row
    horizon INTEGER,                              -- how it stood can be read back exactly from then on; null: always
    pruned  INTEGER,                              -- the horizon before which all is taken away by now
    ran_at  INTEGER,                              -- the last round that came to its end
    removed INTEGER NOT NULL DEFAULT 0            -- rows that were taken away, since there is this table
) STRICT;
INSERT INTO upkeep (id) VALUES (1);
