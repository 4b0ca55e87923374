UPDATE node SET state = 'DEAD', lease_until_ms = (SELECT now_ms FROM clock)
WHERE node_id = $1 AND incarnation = $2 AND state <> 'DEAD'
RETURNING node_id
