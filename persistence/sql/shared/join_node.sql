-- Another run of a known name: whatever the earlier one was, it is over.
INSERT INTO node (node_id, incarnation, address, weight, state, lease_until_ms)
VALUES ($1, 1, $2, $3, 'ACTIVE', (SELECT now_ms FROM clock) + $4)
ON CONFLICT (node_id) DO UPDATE SET
    incarnation = node.incarnation + 1,
    address = excluded.address,
    weight = excluded.weight,
    state = excluded.state,
    lease_until_ms = excluded.lease_until_ms
RETURNING incarnation
