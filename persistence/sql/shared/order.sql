SELECT performance_id, order_id, buyer_id, state, amount_minor, refunded_minor, currency,
    CAST(seats AS TEXT) AS seats, payment_key, created_at_ms, updated_at_ms, sequence
FROM orders
WHERE performance_id = $1 AND order_id = $2
