-- Pools. Each is a series of the instance named (pools), which is no shop: products has its name, its capacity as
-- group_id and the shop that showed how it stands as group_name; series, levels, told and events are as for products.

-- What each shop takes of each pool, as counted in its last accepted poll.
CREATE TABLE pool_parts (
    instance_id INTEGER NOT NULL REFERENCES instances (id),-- instances.id of the shop
    pool        TEXT    NOT NULL,                 -- the pool's name
    fingerprint INTEGER NOT NULL,                 -- of the uses under which it was counted (64 bits, signed)
    used        INTEGER,                          -- what all its services take; null where not known
    uncounted   TEXT    NOT NULL,                 -- whose services are not counted; '' where all are
    matched     INTEGER NOT NULL,                 -- 1: something of the shop ever matched these uses
    holders     TEXT    NOT NULL,                 -- JSON: [product_id, product, option and choice, label, services]
    lost        TEXT    NOT NULL,                 -- JSON: [holder, its name now, the choice that has its name now]
    users       TEXT    NOT NULL,                 -- JSON: [product_id, product, choice, need] of those on offer
    by_need     TEXT    NOT NULL,                 -- JSON: [need, how many users need that]
    PRIMARY KEY (instance_id, pool)
) STRICT, WITHOUT ROWID;
