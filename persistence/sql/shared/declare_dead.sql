UPDATE node SET state = 'DEAD'
WHERE state <> 'DEAD' AND lease_until_ms <= (SELECT now_ms FROM clock)
RETURNING node_id
