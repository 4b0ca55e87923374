SELECT performance_id, cancelled_at_ms, cancelled_by, reason
FROM cancellation
WHERE performance_id BETWEEN $1 AND $2
ORDER BY performance_id
LIMIT $3
