INSERT INTO venue (venue_id, request_id, fingerprint, display_name, body, created_at_ms)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
