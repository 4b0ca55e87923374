UPDATE node SET lease_until_ms = (SELECT now_ms FROM clock) + $3
WHERE node_id = $1 AND incarnation = $2 AND state <> 'DEAD'
RETURNING (SELECT version FROM cluster_view)
