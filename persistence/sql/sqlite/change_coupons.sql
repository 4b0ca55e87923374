-- Coupons as a JSON array of arrays: coupon; the hold that it is reserved for now, its performance first; the order of that
-- hold that has it; whether it is used up, whether its campaign returns it; then its state, hold and order afterwards. A
-- coupon that stands in another way than foreseen is left alone.
UPDATE coupon
SET state = change.value ->> 6,
    reserved_performance = change.value ->> 7,
    reserved_hold = change.value ->> 8,
    reserved_at_ms = iif(change.value ->> 8 IS NULL, NULL, reserved_at_ms),
    order_performance = iif(change.value ->> 9 IS NULL, NULL, change.value ->> 7),
    order_id = change.value ->> 9
FROM json_each($1) AS change
WHERE coupon_id = change.value ->> 0
    AND order_id IS change.value ->> 3
    AND iif(order_id IS NULL,
        reserved_performance IS change.value ->> 1 AND reserved_hold IS change.value ->> 2,
        order_performance = change.value ->> 1)
    AND (state = 'REDEEMED') = change.value ->> 4
    AND returns_on_refund = change.value ->> 5
