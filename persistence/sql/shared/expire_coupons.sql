-- One that is reserved has a payment under way, and is left alone.
UPDATE coupon
SET state = 'EXPIRED'
WHERE coupon_id IN (
    SELECT coupon_id FROM coupon
    WHERE state = 'ISSUED' AND expires_at_ms <= $1
    ORDER BY expires_at_ms, coupon_id
    LIMIT $2
) AND state = 'ISSUED'
