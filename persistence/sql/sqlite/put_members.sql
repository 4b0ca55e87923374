-- Members as a JSON array of arrays: id, grade, year, month and day, time. A row that is as it was is not written again.
INSERT INTO member (member_id, grade, birth_year, birth_month_day, updated_at_ms)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
FROM json_each($1)
-- SQLite would take ON for a join without it.
WHERE true
ON CONFLICT (member_id) DO UPDATE SET
    grade = excluded.grade,
    birth_year = excluded.birth_year,
    birth_month_day = excluded.birth_month_day,
    updated_at_ms = excluded.updated_at_ms
WHERE grade IS NOT excluded.grade
    OR birth_year IS NOT excluded.birth_year
    OR birth_month_day IS NOT excluded.birth_month_day
