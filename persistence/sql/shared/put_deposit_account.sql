INSERT INTO deposit_account
    (performance_id, order_id, order_reference, bank_code, account_number, secret, deadline_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (performance_id, order_id) DO UPDATE SET
    order_reference = excluded.order_reference,
    bank_code = excluded.bank_code,
    account_number = excluded.account_number,
    secret = CASE WHEN excluded.secret = '' THEN deposit_account.secret ELSE excluded.secret END,
    deadline_ms = excluded.deadline_ms
