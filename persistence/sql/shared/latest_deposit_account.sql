SELECT performance_id, order_id, order_reference, bank_code, account_number, secret, deadline_ms
FROM deposit_account
WHERE order_reference = $1
ORDER BY order_id DESC
LIMIT 1
