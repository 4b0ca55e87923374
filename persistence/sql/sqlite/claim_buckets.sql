-- "WHERE true" keeps the parser from reading ON CONFLICT as a join's condition.
INSERT INTO bucket_owner (bucket, node, epoch, state)
SELECT value, $2, 1, 'owned' FROM json_each($1) WHERE true
ON CONFLICT (bucket) DO UPDATE SET node = excluded.node, incarnation = 0, epoch = epoch + 1, state = 'owned'
RETURNING bucket, epoch
