-- Returns whether the epoch is the owner's. The newest snapshot before this one stays, all older ones go.
WITH owned AS MATERIALIZED (
    SELECT bucket FROM bucket_owner WHERE bucket = $3 AND epoch = $4 FOR SHARE
),
wanted AS MATERIALIZED (
    SELECT FROM owned
    WHERE NOT EXISTS (SELECT FROM snapshot WHERE performance_id = $1 AND sequence > $2)
),
pruned AS (
    DELETE FROM snapshot
    WHERE EXISTS (SELECT FROM wanted)
        AND performance_id = $1
        AND sequence < (SELECT max(sequence) FROM snapshot WHERE performance_id = $1 AND sequence < $2)
),
put AS (
    INSERT INTO snapshot (performance_id, sequence, bucket, epoch, at_ms, body)
    SELECT $1, $2, $3, $4, $5, $6 FROM wanted
    ON CONFLICT (performance_id, sequence) DO UPDATE SET
        bucket = excluded.bucket, epoch = excluded.epoch, at_ms = excluded.at_ms, body = excluded.body
)
SELECT EXISTS (SELECT FROM owned)
