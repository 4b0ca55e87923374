INSERT INTO job (job_id, kind, arguments, state, request_id, fingerprint, created_at_ms, updated_at_ms)
VALUES ($1, $2, $3, 'PENDING', $4, $5, $6, $6)
ON CONFLICT DO NOTHING
