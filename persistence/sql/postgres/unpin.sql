-- The view first, as put_pin.sql, so that the two never wait for each other.
WITH grown AS (
    UPDATE cluster_view SET version = version + 1
    WHERE EXISTS (SELECT FROM pin WHERE performance_id = $1)
    RETURNING version
)
DELETE FROM pin USING grown WHERE performance_id = $1 RETURNING performance_id
