UPDATE job
SET lease_until_ms = $3, cursor_at = $4, done = $5, total = $6, error = $7, updated_at_ms = $8
WHERE job_id = $1 AND attempt = $2 AND state = 'RUNNING'
RETURNING job_id, kind, arguments, state, holder, attempt, lease_until_ms, cursor_at, done, total, error, cancel_requested,
    request_id, fingerprint, created_at_ms, updated_at_ms
