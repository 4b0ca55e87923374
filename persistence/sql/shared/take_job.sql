-- Of those that nobody has, of the kinds that are listed as ',a,b,', the one that has waited longest: since it was created or
-- since it could be taken again, so that those that are given up over and over keep no other waiting. Said twice, so that of
-- two who found the same one the second, having waited for the first, takes nothing.
UPDATE job
SET state = 'RUNNING', holder = $1, attempt = attempt + 1, lease_until_ms = $3, updated_at_ms = $2
WHERE job_id = (
        SELECT job_id FROM job
        WHERE state IN ('PENDING', 'RUNNING') AND lease_until_ms <= $2 AND $4 LIKE '%,' || kind || ',%'
        ORDER BY CASE WHEN lease_until_ms > created_at_ms THEN lease_until_ms ELSE created_at_ms END, job_id
        LIMIT 1
    )
    AND state IN ('PENDING', 'RUNNING') AND lease_until_ms <= $2
RETURNING job_id, kind, arguments, state, holder, attempt, lease_until_ms, cursor_at, done, total, error, cancel_requested,
    request_id, fingerprint, created_at_ms, updated_at_ms
