INSERT INTO bucket_owner (bucket, node, incarnation, epoch, state)
SELECT asked.value, claimer.node_id, claimer.incarnation, coalesce(owner.epoch, 0) + 1, 'owned'
FROM json_each($1) AS asked
JOIN node AS claimer ON claimer.node_id = $2 AND claimer.incarnation = $3 AND claimer.state <> 'DEAD'
    AND claimer.lease_until_ms > (SELECT now_ms FROM clock)
LEFT JOIN bucket_owner AS owner ON owner.bucket = asked.value
LEFT JOIN node AS alive
    ON alive.node_id = owner.node AND alive.incarnation = owner.incarnation AND alive.state <> 'DEAD'
WHERE alive.node_id IS NULL
ON CONFLICT (bucket) DO UPDATE
SET node = excluded.node, incarnation = excluded.incarnation, epoch = excluded.epoch, state = 'owned'
RETURNING bucket, epoch
