-- An order binds its coupon in the transaction that makes it; so what is reserved for long without one is nobody's.
-- Said twice, so that one which is reserved anew meanwhile stays.
UPDATE coupon
SET state = 'ISSUED', reserved_performance = NULL, reserved_hold = NULL, reserved_at_ms = NULL
WHERE coupon_id IN (
    SELECT coupon_id FROM coupon
    WHERE state = 'RESERVED' AND order_id IS NULL AND reserved_at_ms <= $1
    ORDER BY reserved_at_ms, coupon_id
    LIMIT $2
) AND state = 'RESERVED' AND order_id IS NULL AND reserved_at_ms <= $1
