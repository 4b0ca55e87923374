-- Coupons as a JSON array of arrays: member, occasion, request id in hexadecimal digits, fingerprint, expiry. One whose
-- request id is taken meanwhile, under another campaign, is left out.
INSERT INTO coupon (campaign_id, returns_on_refund, issued_at_ms, state, member_id, issue_key, request_id, fingerprint,
    expires_at_ms)
SELECT $1, $2, $3, 'ISSUED', value ->> 0, value ->> 1, decode(value ->> 2, 'hex'), (value ->> 3)::bigint,
    (value ->> 4)::bigint
FROM json_array_elements($4::json) WITH ORDINALITY AS sent (value, place)
ORDER BY place
ON CONFLICT DO NOTHING
RETURNING coupon_id, member_id, issue_key
