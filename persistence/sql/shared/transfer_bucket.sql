UPDATE bucket_owner
SET node = n.node_id, incarnation = n.incarnation, epoch = epoch + 1
FROM node AS n
WHERE bucket = $1 AND epoch = $2
    AND n.node_id = $3 AND n.state = 'ACTIVE' AND n.lease_until_ms > (SELECT now_ms FROM clock)
    AND (bucket_owner.node, bucket_owner.incarnation) <> (n.node_id, n.incarnation)
RETURNING epoch
