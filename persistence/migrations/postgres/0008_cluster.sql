-- Who is in the cluster, who owns what, and where a performance is to stay.

-- What leases are measured by: no node's clock matters.
CREATE VIEW clock AS SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms;

-- A row for each name that ever joined; "incarnation" counts its runs. Renewed every second without an index being
-- touched: room on the pages keeps the new versions beside the old ones (HOT).
CREATE TABLE node (
    node_id        text   COLLATE "C" NOT NULL PRIMARY KEY,
    incarnation    bigint NOT NULL CHECK (incarnation > 0),
    address        text   COLLATE "C" NOT NULL,
    weight         bigint NOT NULL CHECK (weight > 0),
    state          text   COLLATE "C" NOT NULL CHECK (state IN ('ACTIVE', 'DRAINING', 'DEAD')),
    lease_until_ms bigint NOT NULL
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- One row. Whatever changes nodes, owners or pins locks it, and does so behind the rows that it changes.
CREATE TABLE cluster_view (
    only_row int    NOT NULL PRIMARY KEY CHECK (only_row = 1),
    version  bigint NOT NULL CHECK (version > 0)
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

INSERT INTO cluster_view (only_row, version) VALUES (1, 1);

-- The run of the node that owns the bucket. An owner from before there were runs has 0, which no node ever has.
ALTER TABLE bucket_owner ADD COLUMN incarnation bigint NOT NULL DEFAULT 0;

CREATE TABLE pin (
    performance_id text COLLATE "C" NOT NULL PRIMARY KEY,
    bucket         int  NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    node           text COLLATE "C" NOT NULL
);

CREATE INDEX pin_by_bucket ON pin (bucket);

-- At most one row: the coordinator.
CREATE TABLE leader (
    only_row       int    NOT NULL PRIMARY KEY CHECK (only_row = 1),
    node           text   COLLATE "C" NOT NULL,
    incarnation    bigint NOT NULL,
    lease_until_ms bigint NOT NULL
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
