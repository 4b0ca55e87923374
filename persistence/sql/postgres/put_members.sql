-- Members as a JSON array of arrays: id, grade, year, month and day, time. A row that is as it was is not written again.
INSERT INTO member (member_id, grade, birth_year, birth_month_day, updated_at_ms)
SELECT value ->> 0, value ->> 1, (value ->> 2)::bigint, (value ->> 3)::bigint, (value ->> 4)::bigint
FROM json_array_elements($1::json) AS sent (value)
ORDER BY value ->> 0
ON CONFLICT (member_id) DO UPDATE SET
    grade = excluded.grade,
    birth_year = excluded.birth_year,
    birth_month_day = excluded.birth_month_day,
    updated_at_ms = excluded.updated_at_ms
WHERE (member.grade, member.birth_year, member.birth_month_day)
    IS DISTINCT FROM (excluded.grade, excluded.birth_year, excluded.birth_month_day)
