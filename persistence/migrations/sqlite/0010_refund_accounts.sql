-- The account of the buyer that a refund under way goes to. Here and not in the journal, which is kept for ever: the row is
-- deleted once the refund is settled.
CREATE TABLE refund_account (
    performance_id TEXT    NOT NULL,
    order_id       INTEGER NOT NULL,
    bank_code      TEXT    NOT NULL,
    account_number TEXT    NOT NULL,
    holder_name    TEXT    NOT NULL,
    PRIMARY KEY (performance_id, order_id)
) STRICT;
