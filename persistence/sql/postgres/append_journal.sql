-- All entries or none. FOR SHARE, because a takeover's UPDATE has to wait for this commit, or this statement for the
-- takeover, after which the epoch no longer matches (FOR KEY SHARE would let both go on).
--   $1 $2 claims: bucket, epoch        $3 $4 runs: performance, the head that it follows
--   $5..$10 entries
WITH owned AS MATERIALIZED (
    SELECT o.bucket
    FROM UNNEST($1::int[], $2::bigint[]) AS claim (bucket, epoch)
    JOIN bucket_owner o ON o.bucket = claim.bucket AND o.epoch = claim.epoch
    ORDER BY o.bucket
    FOR SHARE OF o
)
INSERT INTO journal (performance_id, sequence, epoch, at_ms, kind, body)
SELECT *
FROM UNNEST($5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::bytea[])
WHERE (SELECT count(*) FROM owned) = cardinality($1)
    AND (
        SELECT coalesce(bool_and(run.head = coalesce(
            (SELECT max(j.sequence) FROM journal j WHERE j.performance_id = run.performance_id), 0)), true)
        FROM UNNEST($3::text[], $4::bigint[]) AS run (performance_id, head)
    )
