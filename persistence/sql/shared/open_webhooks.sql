SELECT transmission_id, performance_id, order_id, received_at_ms
FROM webhook
WHERE handled = 0
ORDER BY received_at_ms, transmission_id
LIMIT $1
