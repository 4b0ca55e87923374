-- Only while the view is the one that the pin was judged by ($4): of two at once, the second is judged again.
WITH grown AS (
    UPDATE cluster_view SET version = version + 1 WHERE version = $4 RETURNING version
)
INSERT INTO pin (performance_id, bucket, node)
SELECT $1, $2, $3 FROM grown
ON CONFLICT (performance_id) DO UPDATE SET bucket = excluded.bucket, node = excluded.node
RETURNING performance_id
