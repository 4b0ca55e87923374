INSERT INTO performance (performance_id, bucket, venue_id, request_id, fingerprint, body, created_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING
