-- Acks name a series by its number.
CREATE INDEX series_number ON series (instance_id, number);
-- Who had taken a series on, and when.
CREATE INDEX acks_of_series ON acks (instance_id, series);
-- What people did about a series, and what came of it.
CREATE INDEX events_of_people ON events (instance_id, product_id) WHERE kind IN ('acked', 'ack_ended', 'overdue', 'escalated', 'flapping', 'calm');
