-- Who is in the cluster, who owns what, and where a performance is to stay.

-- What leases are measured by.
CREATE VIEW clock AS SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now_ms;

-- A row for each name that ever joined; "incarnation" counts its runs.
CREATE TABLE node (
    node_id        TEXT    NOT NULL PRIMARY KEY,
    incarnation    INTEGER NOT NULL CHECK (incarnation > 0),
    address        TEXT    NOT NULL,
    weight         INTEGER NOT NULL CHECK (weight > 0),
    state          TEXT    NOT NULL CHECK (state IN ('ACTIVE', 'DRAINING', 'DEAD')),
    lease_until_ms INTEGER NOT NULL
) STRICT;

-- One row.
CREATE TABLE cluster_view (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    version  INTEGER NOT NULL CHECK (version > 0)
) STRICT;

INSERT INTO cluster_view (only_row, version) VALUES (1, 1);

-- The run of the node that owns the bucket. An owner from before there were runs has 0, which no node ever has.
ALTER TABLE bucket_owner ADD COLUMN incarnation INTEGER NOT NULL DEFAULT 0;

CREATE TABLE pin (
    performance_id TEXT    NOT NULL PRIMARY KEY,
    bucket         INTEGER NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    node           TEXT    NOT NULL
) STRICT;

CREATE INDEX pin_by_bucket ON pin (bucket);

-- At most one row: the coordinator.
CREATE TABLE leader (
    only_row       INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    node           TEXT    NOT NULL,
    incarnation    INTEGER NOT NULL,
    lease_until_ms INTEGER NOT NULL
) STRICT;
