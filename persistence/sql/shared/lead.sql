-- For a live run: when nobody leads, it does itself, or whoever does is over, by that lease or altogether.
INSERT INTO leader (only_row, node, incarnation, lease_until_ms)
SELECT 1, node_id, incarnation, (SELECT now_ms FROM clock) + $3
FROM node
WHERE node_id = $1 AND incarnation = $2 AND state <> 'DEAD' AND lease_until_ms > (SELECT now_ms FROM clock)
ON CONFLICT (only_row) DO UPDATE SET
    node = excluded.node, incarnation = excluded.incarnation, lease_until_ms = excluded.lease_until_ms
WHERE (leader.node, leader.incarnation) = (excluded.node, excluded.incarnation)
    OR leader.lease_until_ms <= (SELECT now_ms FROM clock)
    OR NOT EXISTS (
        SELECT 1 FROM node AS n
        WHERE n.node_id = leader.node AND n.incarnation = leader.incarnation AND n.state <> 'DEAD'
    )
