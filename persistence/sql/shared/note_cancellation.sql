INSERT INTO cancellation (performance_id, cancelled_at_ms, cancelled_by, reason)
VALUES ($1, $2, $3, $4)
ON CONFLICT (performance_id) DO NOTHING
