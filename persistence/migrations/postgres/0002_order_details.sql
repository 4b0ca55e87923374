-- What the API shows of an order besides: the hold that it pays, the seats that were not refunded, why it was declined.
ALTER TABLE orders
    ADD COLUMN hold_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN seats_left int[] NOT NULL DEFAULT '{}',
    ADD COLUMN decline_reason text COLLATE "C";
