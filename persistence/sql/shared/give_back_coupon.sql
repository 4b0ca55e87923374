UPDATE coupon
SET state = 'ISSUED', reserved_performance = NULL, reserved_hold = NULL, reserved_at_ms = NULL
WHERE coupon_id = $1 AND state = 'RESERVED' AND order_id IS NULL AND reserved_performance = $2 AND reserved_hold = $3
