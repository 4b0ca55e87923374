SELECT performance_id, order_id, buyer_id, state, amount_minor, refunded_minor, currency,
    CAST(seats AS TEXT) AS seats, payment_key, created_at_ms, updated_at_ms, sequence,
    hold_id, CAST(seats_left AS TEXT) AS seats_left, decline_reason, CAST(details AS TEXT) AS details
FROM orders
WHERE (created_at_ms, performance_id, order_id) < ($1, $2, $3)
    AND performance_id = $5
ORDER BY created_at_ms DESC, performance_id DESC, order_id DESC
LIMIT $4
