SELECT bank_code, account_number, holder_name
FROM refund_account
WHERE performance_id = $1 AND order_id = $2
