UPDATE job
SET holder = NULL, lease_until_ms = $3, error = $4, updated_at_ms = $5
WHERE job_id = $1 AND attempt = $2 AND state = 'RUNNING'
