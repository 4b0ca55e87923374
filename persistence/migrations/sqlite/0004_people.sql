-- Members, coupons and jobs.

-- A member is a buyer: the same id. The birthday has its own column, month * 100 + day, since that is what is looked for.
CREATE TABLE member (
    member_id       TEXT    NOT NULL PRIMARY KEY,
    grade           TEXT,
    birth_year      INTEGER,
    birth_month_day INTEGER CHECK (birth_month_day BETWEEN 101 AND 1231),
    updated_at_ms   INTEGER NOT NULL,
    CHECK ((birth_year IS NULL) = (birth_month_day IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX member_by_birthday ON member (birth_month_day, member_id);
CREATE INDEX member_by_grade ON member (grade, member_id);

CREATE TABLE coupon_campaign (
    campaign_id       TEXT    NOT NULL PRIMARY KEY,
    request_id        BLOB    NOT NULL UNIQUE CHECK (length(request_id) = 16),
    fingerprint       INTEGER NOT NULL,
    display_name      TEXT    NOT NULL,
    terms             BLOB    NOT NULL,
    stock             INTEGER CHECK (stock >= 0),
    issued            INTEGER NOT NULL DEFAULT 0 CHECK (issued >= 0 AND (stock IS NULL OR issued <= stock)),
    per_member_max    INTEGER CHECK (per_member_max > 0),
    opens_at_ms       INTEGER NOT NULL,
    ends_at_ms        INTEGER,
    returns_on_refund INTEGER NOT NULL,
    is_birthday       INTEGER NOT NULL,
    created_at_ms     INTEGER NOT NULL,
    updated_at_ms     INTEGER NOT NULL
) STRICT;

CREATE INDEX coupon_campaign_of_birthdays ON coupon_campaign (campaign_id) WHERE is_birthday;

-- "issue_key" names the occasion, such as a birthday's year: one coupon for each campaign, member and occasion.
CREATE TABLE coupon (
    coupon_id            INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign_id          TEXT    NOT NULL,
    member_id            TEXT    NOT NULL,
    issue_key            TEXT    NOT NULL,
    request_id           BLOB    CHECK (length(request_id) = 16),
    fingerprint          INTEGER,
    state                TEXT    NOT NULL CHECK (state IN ('ISSUED', 'RESERVED', 'REDEEMED', 'EXPIRED')),
    returns_on_refund    INTEGER NOT NULL,
    issued_at_ms         INTEGER NOT NULL,
    expires_at_ms        INTEGER NOT NULL,
    reserved_performance TEXT,
    reserved_hold        INTEGER,
    reserved_at_ms       INTEGER,
    order_performance    TEXT,
    order_id             INTEGER,
    UNIQUE (campaign_id, member_id, issue_key),
    CHECK ((order_id IS NULL) = (order_performance IS NULL)),
    -- A coupon of an order is being used or used; one that is used belongs to an order (I14).
    CHECK (order_id IS NULL OR state IN ('RESERVED', 'REDEEMED')),
    CHECK (order_id IS NOT NULL OR state <> 'REDEEMED')
) STRICT;

CREATE INDEX coupon_by_member ON coupon (member_id, coupon_id);
CREATE UNIQUE INDEX coupon_by_request ON coupon (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX coupon_to_expire ON coupon (expires_at_ms, coupon_id) WHERE state = 'ISSUED';
CREATE INDEX coupon_reserved ON coupon (reserved_at_ms, coupon_id) WHERE state = 'RESERVED' AND order_id IS NULL;

-- Work in steps. Whoever has the lease does them; "attempt" fences a holder that lost it.
CREATE TABLE job (
    job_id           TEXT    NOT NULL PRIMARY KEY,
    kind             TEXT    NOT NULL,
    arguments        TEXT    NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
    holder           TEXT,
    attempt          INTEGER NOT NULL DEFAULT 0,
    lease_until_ms   INTEGER NOT NULL DEFAULT 0,
    cursor_at        TEXT    NOT NULL DEFAULT '',
    done             INTEGER NOT NULL DEFAULT 0,
    total            INTEGER,
    error            TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    request_id       BLOB    UNIQUE CHECK (length(request_id) = 16),
    fingerprint      INTEGER,
    created_at_ms    INTEGER NOT NULL,
    updated_at_ms    INTEGER NOT NULL
) STRICT;

CREATE INDEX job_to_run ON job (created_at_ms, job_id) WHERE state IN ('PENDING', 'RUNNING');
CREATE INDEX job_by_time ON job (created_at_ms, job_id);
