-- Polls that looked at some products only: those that a hint named.
ALTER TABLE polls ADD COLUMN part INTEGER NOT NULL DEFAULT 0; -- 1: of the other products it says nothing
