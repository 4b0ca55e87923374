SELECT count(*) FROM member WHERE grade = $1
