-- What the sessions of people are sealed with (mixed with their credential, which is not here).
CREATE TABLE session_key (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    key BLOB    NOT NULL CHECK (length(key) = 32)
) STRICT;
-- Sessions that were ended before their time.
CREATE TABLE ended_sessions (
    session BLOB    NOT NULL PRIMARY KEY CHECK (length(session) = 16),
    until   INTEGER NOT NULL                      -- when it would have ended by itself; the row may go then
) STRICT, WITHOUT ROWID;
