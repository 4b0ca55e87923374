UPDATE job
SET holder = NULL, lease_until_ms = 0, updated_at_ms = $3
WHERE job_id = $1 AND attempt = $2 AND state = 'RUNNING'
