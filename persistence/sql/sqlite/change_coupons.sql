-- Coupons as a JSON array of arrays: coupon; the order that has it now, its performance first; whether it is used up,
-- whether its campaign returns it; then its state afterwards, and the order that has it then. A coupon that stands in
-- another way than foreseen is left alone.
UPDATE coupon
SET state = change.value ->> 5,
    order_performance = change.value ->> 6,
    order_id = change.value ->> 7,
    reserved_performance = CASE change.value ->> 5 WHEN 'ISSUED' THEN NULL ELSE reserved_performance END,
    reserved_hold = CASE change.value ->> 5 WHEN 'ISSUED' THEN NULL ELSE reserved_hold END,
    reserved_at_ms = CASE change.value ->> 5 WHEN 'ISSUED' THEN NULL ELSE reserved_at_ms END
FROM json_each($1) AS change
WHERE coupon_id = change.value ->> 0
    AND order_performance IS change.value ->> 1
    AND order_id IS change.value ->> 2
    AND (state = 'REDEEMED') = change.value ->> 3
    AND returns_on_refund = change.value ->> 4
