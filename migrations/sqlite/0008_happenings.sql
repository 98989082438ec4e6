-- What happened to a product, newest first.
CREATE INDEX events_of_product ON events (instance_id, product_id) WHERE product_id IS NOT NULL;
