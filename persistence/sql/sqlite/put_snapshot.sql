INSERT INTO snapshot (performance_id, sequence, bucket, epoch, at_ms, body)
SELECT $1, $2, $3, $4, $5, $6
WHERE NOT EXISTS (SELECT 1 FROM snapshot WHERE performance_id = $1 AND sequence > $2)
ON CONFLICT (performance_id, sequence) DO UPDATE SET
    bucket = excluded.bucket, epoch = excluded.epoch, at_ms = excluded.at_ms, body = excluded.body
