SELECT member_id, grade FROM member WHERE member_id IN (SELECT value FROM json_array_elements_text($1::json) AS asked (value))
