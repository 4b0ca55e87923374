SELECT order_id FROM order_seat WHERE performance_id = $1 AND seat = $2
