SELECT member_id, grade, birth_year, birth_month_day, updated_at_ms
FROM member
WHERE member_id = $1
