SELECT job_id, kind, arguments, state, holder, attempt, lease_until_ms, cursor_at, done, total, error, cancel_requested,
    request_id, fingerprint, created_at_ms, updated_at_ms
FROM job
WHERE request_id = $1
