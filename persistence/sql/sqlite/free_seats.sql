DELETE FROM order_seat
WHERE (performance_id, seat) IN (SELECT value ->> 0, value ->> 1 FROM json_each($1))
