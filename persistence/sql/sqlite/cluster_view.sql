SELECT version,
    (
        SELECT json_group_array(json_array(
            node_id, incarnation, address, weight, state, lease_until_ms - now_ms) ORDER BY node_id)
        FROM node CROSS JOIN clock
    ),
    (SELECT json_group_array(json_array(bucket, node, incarnation, epoch) ORDER BY bucket) FROM bucket_owner),
    (SELECT json_group_array(json_array(performance_id, bucket, node) ORDER BY performance_id) FROM pin)
FROM cluster_view
