-- Where two of an order wait to be looked at, a third adds nothing: one look is still to come after it.
INSERT INTO webhook (transmission_id, performance_id, order_id, received_at_ms)
SELECT $1, $2, $3, $4
WHERE (SELECT count(*) FROM webhook WHERE performance_id = $2 AND order_id = $3 AND handled = 0) < 2
ON CONFLICT (transmission_id) DO NOTHING
