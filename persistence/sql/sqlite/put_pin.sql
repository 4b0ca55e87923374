INSERT INTO pin (performance_id, bucket, node)
SELECT $1, $2, $3 FROM cluster_view WHERE version = $4
ON CONFLICT (performance_id) DO UPDATE SET bucket = excluded.bucket, node = excluded.node
RETURNING performance_id
