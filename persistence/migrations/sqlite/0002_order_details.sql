-- What the API shows of an order besides: the hold that it pays, the seats that were not refunded, why it was declined.
ALTER TABLE orders ADD COLUMN hold_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN seats_left TEXT NOT NULL DEFAULT '[]'; -- a JSON array of seat indices
ALTER TABLE orders ADD COLUMN decline_reason TEXT;
