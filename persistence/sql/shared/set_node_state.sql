UPDATE node SET state = $2 WHERE node_id = $1 AND state <> 'DEAD' RETURNING node_id
