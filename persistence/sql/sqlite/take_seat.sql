INSERT INTO order_seat (performance_id, seat, order_id) VALUES ($1, $2, $3)
ON CONFLICT (performance_id, seat) DO UPDATE SET order_id = excluded.order_id
