-- Asked as a JSON array of request ids in hexadecimal digits.
SELECT coupon_id, campaign_id, member_id, request_id, fingerprint, state, returns_on_refund, issued_at_ms, expires_at_ms,
    reserved_performance, reserved_hold, reserved_at_ms, order_performance, order_id
FROM coupon
WHERE request_id IN (SELECT decode(value, 'hex') FROM json_array_elements_text($1::json) AS asked (value))
