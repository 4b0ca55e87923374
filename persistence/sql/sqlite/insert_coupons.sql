-- Coupons as a JSON array of arrays: member, occasion, request id in hexadecimal digits, fingerprint, expiry. One whose
-- request id is taken meanwhile, under another campaign, is left out.
INSERT INTO coupon (campaign_id, returns_on_refund, issued_at_ms, state, member_id, issue_key, request_id, fingerprint,
    expires_at_ms)
SELECT $1, $2, $3, 'ISSUED', value ->> 0, value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4
FROM json_each($4)
WHERE true
ORDER BY key
ON CONFLICT DO NOTHING
RETURNING coupon_id, member_id, issue_key
