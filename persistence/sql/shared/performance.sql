SELECT performance_id, bucket, venue_id, request_id, fingerprint, body, created_at_ms
FROM performance
WHERE performance_id = $1
