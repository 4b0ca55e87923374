-- In the order asked for; the key's last entry is one step in the index.
SELECT coalesce((SELECT max(j.sequence) FROM journal j WHERE j.performance_id = asked.performance_id), 0)
FROM UNNEST($1::text[]) WITH ORDINALITY AS asked (performance_id, place)
ORDER BY asked.place
