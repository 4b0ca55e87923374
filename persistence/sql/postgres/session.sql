-- Settings of a new connection, and which server process it has.
SELECT pid, (extract(epoch FROM backend_start) * 1000000)::bigint,
    (SELECT count(set_config(name, value, false)) FROM UNNEST($1::text[], $2::text[]) AS s (name, value)),
    -- An acknowledged append is on disk, also where an administrator chose otherwise for the whole database.
    CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END
FROM pg_stat_activity
WHERE pid = pg_backend_pid()
