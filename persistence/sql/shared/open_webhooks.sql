SELECT transmission_id, performance_id, order_id, received_at_ms
FROM webhook
WHERE handled = 0 AND (received_at_ms, transmission_id) > ($1, $2)
ORDER BY received_at_ms, transmission_id
LIMIT $3
