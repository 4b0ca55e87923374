-- For one hold alone, which may ask again: also when its order has the coupon already, whatever became of the order.
-- A reservation that is asked for again is as young as a new one: its payment is about to begin.
UPDATE coupon
SET state = CASE state WHEN 'ISSUED' THEN 'RESERVED' ELSE state END,
    reserved_performance = $3, reserved_hold = $4,
    reserved_at_ms = CASE state WHEN 'REDEEMED' THEN reserved_at_ms ELSE $5 END
WHERE coupon_id = $1 AND member_id = $2
    AND (
        (state = 'ISSUED' AND expires_at_ms > $5)
        OR (state IN ('RESERVED', 'REDEEMED') AND reserved_performance = $3 AND reserved_hold = $4)
    )
RETURNING coupon_id, campaign_id, member_id, request_id, fingerprint, state, returns_on_refund, issued_at_ms, expires_at_ms,
    reserved_performance, reserved_hold, reserved_at_ms, order_performance, order_id
