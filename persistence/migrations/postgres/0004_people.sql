-- Members, coupons and jobs.

-- A member is a buyer: the same id. The birthday has its own column, month * 100 + day, since that is what is looked for.
CREATE TABLE member (
    member_id       text   COLLATE "C" NOT NULL PRIMARY KEY,
    grade           text   COLLATE "C",
    birth_year      bigint,
    birth_month_day bigint CHECK (birth_month_day BETWEEN 101 AND 1231),
    updated_at_ms   bigint NOT NULL,
    CHECK ((birth_year IS NULL) = (birth_month_day IS NULL))
) WITH (fillfactor = 90);

CREATE INDEX member_by_birthday ON member (birth_month_day, member_id);
CREATE INDEX member_by_grade ON member (grade, member_id);

-- "issued" changes with every batch of claims: room on the page keeps the new versions beside the old (HOT).
CREATE TABLE coupon_campaign (
    campaign_id       text    COLLATE "C" NOT NULL PRIMARY KEY,
    request_id        bytea   NOT NULL UNIQUE CHECK (length(request_id) = 16),
    fingerprint       bigint  NOT NULL,
    display_name      text    NOT NULL,
    terms             bytea   NOT NULL,
    stock             bigint  CHECK (stock >= 0),
    issued            bigint  NOT NULL DEFAULT 0 CHECK (issued >= 0 AND (stock IS NULL OR issued <= stock)),
    per_member_max    bigint  CHECK (per_member_max > 0),
    opens_at_ms       bigint  NOT NULL,
    ends_at_ms        bigint,
    returns_on_refund boolean NOT NULL,
    is_birthday       boolean NOT NULL,
    created_at_ms     bigint  NOT NULL,
    updated_at_ms     bigint  NOT NULL
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CREATE INDEX coupon_campaign_of_birthdays ON coupon_campaign (campaign_id) WHERE is_birthday;

-- "issue_key" names the occasion, such as a birthday's year: one coupon for each campaign, member and occasion.
CREATE TABLE coupon (
    coupon_id            bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id          text    COLLATE "C" NOT NULL,
    member_id            text    COLLATE "C" NOT NULL,
    issue_key            text    COLLATE "C" NOT NULL,
    request_id           bytea   CHECK (length(request_id) = 16),
    fingerprint          bigint,
    state                text    COLLATE "C" NOT NULL
        CHECK (state IN ('ISSUED', 'RESERVED', 'REDEEMED', 'EXPIRED')),
    returns_on_refund    boolean NOT NULL,
    issued_at_ms         bigint  NOT NULL,
    expires_at_ms        bigint  NOT NULL,
    reserved_performance text    COLLATE "C",
    reserved_hold        bigint,
    reserved_at_ms       bigint,
    order_performance    text    COLLATE "C",
    order_id             bigint,
    UNIQUE (campaign_id, member_id, issue_key),
    CHECK ((order_id IS NULL) = (order_performance IS NULL)),
    -- A coupon of an order is being used or used; one that is used belongs to an order (I14).
    CHECK (order_id IS NULL OR state IN ('RESERVED', 'REDEEMED')),
    CHECK (order_id IS NOT NULL OR state <> 'REDEEMED')
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX coupon_by_member ON coupon (member_id, coupon_id);
CREATE UNIQUE INDEX coupon_by_request ON coupon (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX coupon_to_expire ON coupon (expires_at_ms, coupon_id) WHERE state = 'ISSUED';
CREATE INDEX coupon_reserved ON coupon (reserved_at_ms, coupon_id) WHERE state = 'RESERVED' AND order_id IS NULL;

-- Work in steps. Whoever has the lease does them; "attempt" fences a holder that lost it.
CREATE TABLE job (
    job_id           text    COLLATE "C" NOT NULL PRIMARY KEY,
    kind             text    COLLATE "C" NOT NULL,
    arguments        text    NOT NULL,
    state            text    COLLATE "C" NOT NULL
        CHECK (state IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
    holder           text    COLLATE "C",
    attempt          bigint  NOT NULL DEFAULT 0,
    lease_until_ms   bigint  NOT NULL DEFAULT 0,
    cursor_at        text    NOT NULL DEFAULT '',
    done             bigint  NOT NULL DEFAULT 0,
    total            bigint,
    error            text,
    cancel_requested boolean NOT NULL DEFAULT false,
    request_id       bytea   UNIQUE CHECK (length(request_id) = 16),
    fingerprint      bigint,
    created_at_ms    bigint  NOT NULL,
    updated_at_ms    bigint  NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX job_to_run ON job (created_at_ms, job_id) WHERE state IN ('PENDING', 'RUNNING');
CREATE INDEX job_by_time ON job (created_at_ms, job_id);
