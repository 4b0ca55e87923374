-- In the order of the buckets, as everything that locks them, so that no two of these wait for each other.
INSERT INTO bucket_owner (bucket, node, epoch, state)
SELECT bucket, $2, 1, 'owned' FROM UNNEST($1::int[]) AS asked (bucket) ORDER BY bucket
ON CONFLICT (bucket) DO UPDATE
SET node = excluded.node, incarnation = 0, epoch = bucket_owner.epoch + 1, state = 'owned'
RETURNING bucket, epoch
