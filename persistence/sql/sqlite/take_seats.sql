INSERT INTO order_seat (performance_id, seat, order_id)
SELECT value ->> 0, value ->> 1, value ->> 2
FROM json_each($1)
-- SQLite would take ON for a join without it.
WHERE true
ON CONFLICT (performance_id, seat) DO UPDATE SET order_id = excluded.order_id
