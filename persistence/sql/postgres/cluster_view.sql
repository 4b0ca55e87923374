-- One statement, so that everything is of one moment.
SELECT version,
    (
        SELECT coalesce(json_agg(json_build_array(
            node_id, incarnation, address, weight, state, lease_until_ms - now_ms) ORDER BY node_id), '[]')::text
        FROM node CROSS JOIN clock
    ),
    (
        SELECT coalesce(json_agg(json_build_array(bucket, node, incarnation, epoch) ORDER BY bucket), '[]')::text
        FROM bucket_owner
    ),
    (
        SELECT coalesce(json_agg(json_build_array(performance_id, bucket, node) ORDER BY performance_id), '[]')::text
        FROM pin
    )
FROM cluster_view
