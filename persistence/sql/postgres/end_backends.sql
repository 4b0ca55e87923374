-- Ends server processes that may still commit an append whose client gave up, and waits until they are gone ($3, in
-- milliseconds). The start time keeps a process number that was given again from being mistaken for them. Returns how
-- many are left.
SELECT count(*) FILTER (WHERE NOT pg_terminate_backend(lost.pid, $3::bigint))
FROM UNNEST($1::int[], $2::bigint[]) AS lost (pid, started_us)
JOIN pg_stat_activity a ON a.pid = lost.pid AND (extract(epoch FROM a.backend_start) * 1000000)::bigint = lost.started_us
