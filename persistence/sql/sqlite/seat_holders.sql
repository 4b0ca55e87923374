SELECT (SELECT order_id FROM order_seat WHERE performance_id = asked.value ->> 0 AND seat = asked.value ->> 1)
FROM json_each($1) asked
ORDER BY asked.key
