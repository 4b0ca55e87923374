-- Asked as a JSON array of [member, occasion] of one campaign; answered with the occasion before the coupon.
SELECT c.issue_key, c.coupon_id, c.campaign_id, c.member_id, c.request_id, c.fingerprint, c.state, c.returns_on_refund, c.issued_at_ms, c.expires_at_ms,
    c.reserved_performance, c.reserved_hold, c.reserved_at_ms, c.order_performance, c.order_id
FROM json_array_elements($2::json) AS asked (value)
JOIN coupon c ON c.campaign_id = $1 AND c.member_id = asked.value ->> 0 AND c.issue_key = asked.value ->> 1
