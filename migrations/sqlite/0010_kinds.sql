-- What is rare among what happened: found without walking through all the levels that changed.
CREATE INDEX events_of_kind ON events (kind) WHERE kind <> 'severity';
