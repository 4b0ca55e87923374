INSERT INTO refund_account (performance_id, order_id, bank_code, account_number, holder_name)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (performance_id, order_id) DO UPDATE SET
    bank_code = excluded.bank_code,
    account_number = excluded.account_number,
    holder_name = excluded.holder_name
