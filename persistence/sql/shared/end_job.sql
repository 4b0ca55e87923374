UPDATE job
SET state = $3, error = $4, holder = NULL, lease_until_ms = 0, updated_at_ms = $5
WHERE job_id = $1 AND attempt = $2 AND state = 'RUNNING'
