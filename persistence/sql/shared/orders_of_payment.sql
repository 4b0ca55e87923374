SELECT performance_id, order_id
FROM orders
WHERE payment_key = $1 AND hold_id = $2
ORDER BY created_at_ms DESC, order_id DESC
LIMIT $3
