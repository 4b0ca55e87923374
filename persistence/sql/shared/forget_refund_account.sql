DELETE FROM refund_account
WHERE performance_id = $1 AND order_id = $2 AND bank_code = $3 AND account_number = $4 AND holder_name = $5
