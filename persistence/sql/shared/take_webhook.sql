INSERT INTO webhook (transmission_id, performance_id, order_id, received_at_ms)
VALUES ($1, $2, $3, $4)
ON CONFLICT (transmission_id) DO NOTHING
