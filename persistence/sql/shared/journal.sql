SELECT sequence, epoch, at_ms, kind, body
FROM journal
WHERE performance_id = $1 AND sequence > $2
ORDER BY sequence
LIMIT $3
