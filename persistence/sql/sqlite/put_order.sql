INSERT INTO orders (performance_id, order_id, buyer_id, state, amount_minor, refunded_minor, currency, seats,
    payment_key, created_at_ms, updated_at_ms, sequence, hold_id, seats_left, decline_reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
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
    decline_reason = excluded.decline_reason
