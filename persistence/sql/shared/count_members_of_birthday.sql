SELECT count(*) FROM member WHERE birth_month_day = $1
