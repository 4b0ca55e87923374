-- Names are compared and ordered by bytes (COLLATE "C"): quicker than any locale, and the same order everywhere.

-- 1,024 rows that every append locks: room on the pages keeps their new versions beside them (HOT), and a vacuum
-- after few changes keeps the chains short.
CREATE TABLE bucket_owner (
    bucket int    NOT NULL PRIMARY KEY CHECK (bucket BETWEEN 0 AND 1023),
    node   text   COLLATE "C" NOT NULL,
    epoch  bigint NOT NULL CHECK (epoch > 0),
    state  text   COLLATE "C" NOT NULL DEFAULT 'owned'
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE TABLE venue (
    venue_id      text   COLLATE "C" NOT NULL PRIMARY KEY,
    request_id    bytea  NOT NULL UNIQUE CHECK (length(request_id) = 16),
    fingerprint   bigint NOT NULL,
    display_name  text   NOT NULL,
    body          bytea  NOT NULL,
    created_at_ms bigint NOT NULL
);

CREATE TABLE performance (
    performance_id text   COLLATE "C" NOT NULL PRIMARY KEY,
    bucket         int    NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    venue_id       text   COLLATE "C" NOT NULL REFERENCES venue (venue_id),
    request_id     bytea  NOT NULL UNIQUE CHECK (length(request_id) = 16),
    fingerprint    bigint NOT NULL,
    body           bytea  NOT NULL,
    created_at_ms  bigint NOT NULL
);

CREATE INDEX performance_by_bucket ON performance (bucket);

-- Written once and never changed, so pages are filled. Vacuum has only to freeze rows and mark pages all-visible: it
-- does so every two million rows instead of after a fifth of a table that only grows, and freezes at the first visit,
-- so that no wraparound vacuum has the whole table to do at once.
CREATE TABLE journal (
    performance_id text   COLLATE "C" NOT NULL,
    sequence       bigint NOT NULL CHECK (sequence > 0),
    epoch          bigint NOT NULL,
    at_ms          bigint NOT NULL,
    kind           text   COLLATE "C" NOT NULL,
    body           bytea  NOT NULL,
    PRIMARY KEY (performance_id, sequence)
) WITH (
    fillfactor = 100,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 2000000,
    autovacuum_freeze_min_age = 0
);

CREATE TABLE snapshot (
    performance_id text   COLLATE "C" NOT NULL,
    sequence       bigint NOT NULL,
    bucket         int    NOT NULL,
    epoch          bigint NOT NULL,
    at_ms          bigint NOT NULL,
    body           bytea  NOT NULL,
    PRIMARY KEY (performance_id, sequence)
);

-- An order changes two or three times, in columns without an index: room on the page makes those changes HOT.
CREATE TABLE orders (
    performance_id text   COLLATE "C" NOT NULL,
    order_id       bigint NOT NULL,
    buyer_id       text   COLLATE "C" NOT NULL,
    state          text   COLLATE "C" NOT NULL,
    amount_minor   bigint NOT NULL,
    refunded_minor bigint NOT NULL,
    currency       text   COLLATE "C" NOT NULL,
    seats          int[]  NOT NULL,
    payment_key    text   COLLATE "C",
    created_at_ms  bigint NOT NULL,
    updated_at_ms  bigint NOT NULL,
    sequence       bigint NOT NULL,
    PRIMARY KEY (performance_id, order_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX orders_by_time ON orders (created_at_ms, performance_id, order_id);
CREATE INDEX orders_by_performance ON orders (performance_id, created_at_ms, order_id);
CREATE INDEX orders_by_buyer ON orders (buyer_id, created_at_ms, performance_id, order_id);

-- The guard of I1 and I2: a row while an order that is being paid or is paid has the seat.
CREATE TABLE order_seat (
    performance_id text   COLLATE "C" NOT NULL,
    seat           int    NOT NULL,
    order_id       bigint NOT NULL,
    PRIMARY KEY (performance_id, seat)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
