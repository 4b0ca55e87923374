-- One that nobody has begun ends at once; a running one when its holder hears of it.
UPDATE job
SET cancel_requested = (state IN ('PENDING', 'RUNNING')) OR cancel_requested,
    state = CASE state WHEN 'PENDING' THEN 'CANCELLED' ELSE state END,
    updated_at_ms = CASE WHEN state IN ('PENDING', 'RUNNING') THEN $2 ELSE updated_at_ms END
WHERE job_id = $1
RETURNING job_id, kind, arguments, state, holder, attempt, lease_until_ms, cursor_at, done, total, error, cancel_requested,
    request_id, fingerprint, created_at_ms, updated_at_ms
