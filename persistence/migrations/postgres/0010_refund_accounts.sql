-- The account of the buyer that a refund under way goes to. Here and not in the journal, which is kept for ever: the row is
-- deleted once the refund is settled.
CREATE TABLE refund_account (
    performance_id text   COLLATE "C" NOT NULL,
    order_id       bigint NOT NULL,
    bank_code      text   NOT NULL,
    account_number text   NOT NULL,
    holder_name    text   NOT NULL,
    PRIMARY KEY (performance_id, order_id)
);
