SELECT performance_id, bucket, epoch, sequence, at_ms, body
FROM snapshot
WHERE performance_id = $1
ORDER BY sequence DESC
LIMIT 1
