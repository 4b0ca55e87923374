INSERT INTO orders (performance_id, order_id, buyer_id, state, amount_minor, refunded_minor, currency, seats,
    payment_key, created_at_ms, updated_at_ms, sequence, hold_id, seats_left, decline_reason, details)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
    value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
    value ->> 15
FROM json_each($1)
-- SQLite would take ON for a join without it.
WHERE true
ON CONFLICT (performance_id, order_id) DO UPDATE SET
    buyer_id = excluded.buyer_id,
    state = excluded.state,
    amount_minor = excluded.amount_minor,
    refunded_minor = excluded.refunded_minor,
    currency = excluded.currency,
    seats = excluded.seats,
    payment_key = excluded.payment_key,
    updated_at_ms = excluded.updated_at_ms,
    sequence = excluded.sequence,
    hold_id = excluded.hold_id,
    seats_left = excluded.seats_left,
    decline_reason = excluded.decline_reason,
    details = excluded.details
