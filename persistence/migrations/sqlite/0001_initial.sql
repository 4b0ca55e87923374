-- One machine's store. Tables and columns have the names that PostgreSQL's have.

CREATE TABLE bucket_owner (
    bucket INTEGER NOT NULL PRIMARY KEY CHECK (bucket BETWEEN 0 AND 1023),
    node   TEXT    NOT NULL,
    epoch  INTEGER NOT NULL CHECK (epoch > 0),
    state  TEXT    NOT NULL DEFAULT 'owned'
) STRICT;

CREATE TABLE venue (
    venue_id      TEXT    NOT NULL PRIMARY KEY,
    request_id    BLOB    NOT NULL UNIQUE CHECK (length(request_id) = 16),
    fingerprint   INTEGER NOT NULL,
    display_name  TEXT    NOT NULL,
    body          BLOB    NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE performance (
    performance_id TEXT    NOT NULL PRIMARY KEY,
    bucket         INTEGER NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    venue_id       TEXT    NOT NULL REFERENCES venue (venue_id),
    request_id     BLOB    NOT NULL UNIQUE CHECK (length(request_id) = 16),
    fingerprint    INTEGER NOT NULL,
    body           BLOB    NOT NULL,
    created_at_ms  INTEGER NOT NULL
) STRICT;

CREATE INDEX performance_by_bucket ON performance (bucket);

-- Without rowid: an entry is written once, into the one tree that it is read from.
CREATE TABLE journal (
    performance_id TEXT    NOT NULL,
    sequence       INTEGER NOT NULL CHECK (sequence > 0),
    epoch          INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    kind           TEXT    NOT NULL,
    body           BLOB    NOT NULL,
    PRIMARY KEY (performance_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshot (
    performance_id TEXT    NOT NULL,
    sequence       INTEGER NOT NULL,
    bucket         INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    body           BLOB    NOT NULL,
    PRIMARY KEY (performance_id, sequence)
) STRICT;

CREATE TABLE orders (
    performance_id TEXT    NOT NULL,
    order_id       INTEGER NOT NULL,
    buyer_id       TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    amount_minor   INTEGER NOT NULL,
    refunded_minor INTEGER NOT NULL,
    currency       TEXT    NOT NULL,
    seats          TEXT    NOT NULL, -- a JSON array of seat indices
    payment_key    TEXT,
    created_at_ms  INTEGER NOT NULL,
    updated_at_ms  INTEGER NOT NULL,
    sequence       INTEGER NOT NULL,
    PRIMARY KEY (performance_id, order_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX orders_by_time ON orders (created_at_ms, performance_id, order_id);
CREATE INDEX orders_by_performance ON orders (performance_id, created_at_ms, order_id);
CREATE INDEX orders_by_buyer ON orders (buyer_id, created_at_ms, performance_id, order_id);

-- The guard of I1 and I2: a row while an order that is being paid or is paid has the seat.
CREATE TABLE order_seat (
    performance_id TEXT    NOT NULL,
    seat           INTEGER NOT NULL,
    order_id       INTEGER NOT NULL,
    PRIMARY KEY (performance_id, seat)
) STRICT, WITHOUT ROWID;
