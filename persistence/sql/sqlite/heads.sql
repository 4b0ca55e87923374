-- In the order asked for; the key's last entry is one step in the tree.
SELECT coalesce((SELECT max(sequence) FROM journal WHERE performance_id = asked.value), 0)
FROM json_each($1) AS asked
ORDER BY asked.key
