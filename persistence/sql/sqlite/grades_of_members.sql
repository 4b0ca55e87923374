SELECT member_id, grade FROM member WHERE member_id IN (SELECT value FROM json_each($1))
