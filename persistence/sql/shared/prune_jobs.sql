DELETE FROM job
WHERE job_id IN (
    SELECT job_id FROM job
    WHERE created_at_ms <= $1 AND updated_at_ms <= $1 AND state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')
    ORDER BY created_at_ms, job_id
    LIMIT $2
)
