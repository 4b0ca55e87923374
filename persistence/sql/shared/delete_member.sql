DELETE FROM member WHERE member_id = $1
