SELECT performance_id, order_id, order_reference, bank_code, account_number, secret, deadline_ms
FROM deposit_account
WHERE performance_id = $1 AND order_id = $2
