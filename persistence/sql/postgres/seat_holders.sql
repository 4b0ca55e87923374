-- In the order asked for, null for a seat that nobody has.
SELECT now.order_id
FROM UNNEST($1::text[], $2::int[]) WITH ORDINALITY AS asked (performance_id, seat, place)
LEFT JOIN order_seat now ON now.performance_id = asked.performance_id AND now.seat = asked.seat
ORDER BY asked.place
