-- Which orders a payment belongs to: what a provider's webhook or list of transactions is looked up by.
CREATE INDEX orders_by_payment_key ON orders (payment_key);

-- What the provider has told and we have promised to look at. Kept beyond the provider's last retry, so that a repeat is
-- known as one.
CREATE TABLE webhook (
    transmission_id text   COLLATE "C" NOT NULL PRIMARY KEY,
    performance_id  text   COLLATE "C" NOT NULL,
    order_id        bigint NOT NULL,
    received_at_ms  bigint NOT NULL,
    handled         int    NOT NULL DEFAULT 0
);

CREATE INDEX webhook_by_time ON webhook (handled, received_at_ms);

-- The account that the buyer of an order is to pay into.
CREATE TABLE deposit_account (
    performance_id  text   COLLATE "C" NOT NULL,
    order_id        bigint NOT NULL,
    order_reference text   COLLATE "C" NOT NULL,
    bank_code       text   COLLATE "C" NOT NULL,
    account_number  text   COLLATE "C" NOT NULL,
    secret          text   COLLATE "C" NOT NULL,
    deadline_ms     bigint NOT NULL,
    PRIMARY KEY (performance_id, order_id)
);

CREATE INDEX deposit_account_by_reference ON deposit_account (order_reference, order_id);
