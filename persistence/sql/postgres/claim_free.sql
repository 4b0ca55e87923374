-- A run that is over never comes back, so a bucket that was free under an epoch is free until that epoch changes: it is
-- taken only if the epoch is still the one that was seen. In the order of the buckets, as everything that locks them. No
-- lock on nodes: a renewal must not wait for a claim that waits for an append.
WITH free AS MATERIALIZED (
    SELECT asked.bucket, coalesce(owner.epoch, 0) AS epoch
    FROM UNNEST($1::int[]) AS asked (bucket)
    LEFT JOIN bucket_owner AS owner ON owner.bucket = asked.bucket
    LEFT JOIN node AS alive
        ON alive.node_id = owner.node AND alive.incarnation = owner.incarnation AND alive.state <> 'DEAD'
    WHERE alive.node_id IS NULL
)
INSERT INTO bucket_owner (bucket, node, incarnation, epoch, state)
SELECT free.bucket, claimer.node_id, claimer.incarnation, free.epoch + 1, 'owned'
FROM free
JOIN node AS claimer ON claimer.node_id = $2 AND claimer.incarnation = $3 AND claimer.state <> 'DEAD'
    AND claimer.lease_until_ms > (SELECT now_ms FROM clock)
ORDER BY free.bucket
ON CONFLICT (bucket) DO UPDATE
SET node = excluded.node, incarnation = excluded.incarnation, epoch = excluded.epoch, state = 'owned'
WHERE bucket_owner.epoch = excluded.epoch - 1
RETURNING bucket, epoch
