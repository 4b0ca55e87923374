-- Behind a change in "WITH changed AS (...": counting reads it to its end, so the view's row is locked last, however long
-- the change had to wait for others.
), grown AS (
    UPDATE cluster_view SET version = version + 1 WHERE (SELECT count(*) FROM changed) > 0
)
SELECT * FROM changed
