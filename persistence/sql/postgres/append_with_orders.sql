-- As append_journal.sql, with seats and orders: still one statement, so that a node which freezes holds no lock.
-- Everything is decided in "verdict" before anything is written. Two batches of one performance cannot pass each other
-- here: both carry an entry of it, and the journal's key refuses the second.
--   $1..$10 as in append_journal.sql
--   $11..$14 seats: performance, seat, whether it is taken, who has it afterwards
--   $15..$17 orders that may have a seat now: performance, seat, order
--   $18..$33 orders
--   $34      coupons, a JSON array of arrays: coupon; the hold that it is reserved for now, its performance first; the
--            order of that hold that has it; whether it is used up, whether its campaign returns it; then its state, hold
--            and order afterwards
WITH owned AS MATERIALIZED (
    SELECT o.bucket
    FROM UNNEST($1::int[], $2::bigint[]) AS claim (bucket, epoch)
    JOIN bucket_owner o ON o.bucket = claim.bucket AND o.epoch = claim.epoch
    ORDER BY o.bucket
    FOR SHARE OF o
),
plan AS MATERIALIZED (
    SELECT *
    FROM UNNEST($11::text[], $12::int[], $13::bool[], $14::bigint[]) AS plan (performance_id, seat, takes, owner)
),
held AS MATERIALIZED (
    SELECT plan.performance_id, plan.seat, plan.takes, plan.owner, now.order_id,
        (now.performance_id, now.seat, now.order_id) IN (
            SELECT * FROM UNNEST($15::text[], $16::int[], $17::bigint[])
        ) AS yields
    FROM plan
    JOIN order_seat now ON now.performance_id = plan.performance_id AND now.seat = plan.seat
),
verdict AS MATERIALIZED (
    SELECT (SELECT count(*) FROM owned) = cardinality($1)
        AND (
            SELECT coalesce(bool_and(run.head = coalesce(
                (SELECT max(j.sequence) FROM journal j WHERE j.performance_id = run.performance_id), 0)), true)
            FROM UNNEST($3::text[], $4::bigint[]) AS run (performance_id, head)
        )
        AND NOT EXISTS (SELECT FROM held WHERE takes AND NOT yields) AS is_good
),
freed AS (
    DELETE FROM order_seat s
    USING held
    WHERE (SELECT is_good FROM verdict)
        AND held.yields AND held.owner IS NULL
        AND s.performance_id = held.performance_id AND s.seat = held.seat
),
moved AS (
    UPDATE order_seat s
    SET order_id = held.owner
    FROM held
    WHERE (SELECT is_good FROM verdict)
        AND held.yields AND held.owner <> held.order_id
        AND s.performance_id = held.performance_id AND s.seat = held.seat
),
taken AS (
    INSERT INTO order_seat (performance_id, seat, order_id)
    SELECT plan.performance_id, plan.seat, plan.owner
    FROM plan
    WHERE (SELECT is_good FROM verdict)
        AND plan.owner IS NOT NULL
        AND (plan.performance_id, plan.seat) NOT IN (SELECT held.performance_id, held.seat FROM held)
),
put AS (
    INSERT INTO orders (performance_id, order_id, buyer_id, state, amount_minor, refunded_minor, currency, seats,
        payment_key, created_at_ms, updated_at_ms, sequence, hold_id, seats_left, decline_reason, details)
    SELECT performance_id, order_id, buyer_id, state, amount_minor, refunded_minor, currency, seats::int[],
        payment_key, created_at_ms, updated_at_ms, sequence, hold_id, seats_left::int[], decline_reason,
        details::jsonb
    FROM UNNEST($18::text[], $19::bigint[], $20::text[], $21::text[], $22::bigint[], $23::bigint[], $24::text[],
        $25::text[], $26::text[], $27::bigint[], $28::bigint[], $29::bigint[], $30::bigint[], $31::text[],
        $32::text[], $33::text[])
        AS sent (performance_id, order_id, buyer_id, state, amount_minor, refunded_minor, currency, seats,
            payment_key, created_at_ms, updated_at_ms, sequence, hold_id, seats_left, decline_reason, details)
    WHERE (SELECT is_good FROM verdict)
    ON CONFLICT (performance_id, order_id) DO UPDATE SET
        buyer_id = excluded.buyer_id,
        state = excluded.state,
        amount_minor = excluded.amount_minor,
        refunded_minor = excluded.refunded_minor,
        currency = excluded.currency,
        seats = excluded.seats,
        payment_key = excluded.payment_key,
        updated_at_ms = excluded.updated_at_ms,
        sequence = excluded.sequence,
        hold_id = excluded.hold_id,
        seats_left = excluded.seats_left,
        decline_reason = excluded.decline_reason,
        details = excluded.details
),
-- A coupon that stands in another way than foreseen is left alone.
redeemed AS (
    UPDATE coupon c
    SET state = change.value ->> 6,
        reserved_performance = change.value ->> 7,
        reserved_hold = (change.value ->> 8)::bigint,
        reserved_at_ms = CASE WHEN change.value ->> 8 IS NULL THEN NULL ELSE c.reserved_at_ms END,
        order_performance = CASE WHEN change.value ->> 9 IS NULL THEN NULL ELSE change.value ->> 7 END,
        order_id = (change.value ->> 9)::bigint
    FROM json_array_elements($34::json) AS change (value)
    WHERE (SELECT is_good FROM verdict)
        AND c.coupon_id = (change.value ->> 0)::bigint
        AND c.order_id IS NOT DISTINCT FROM (change.value ->> 3)::bigint
        AND CASE WHEN c.order_id IS NULL
            THEN c.reserved_performance IS NOT DISTINCT FROM change.value ->> 1
                AND c.reserved_hold IS NOT DISTINCT FROM (change.value ->> 2)::bigint
            ELSE c.order_performance = change.value ->> 1
        END
        AND (c.state = 'REDEEMED') = (change.value ->> 4)::boolean
        AND c.returns_on_refund = (change.value ->> 5)::boolean
)
INSERT INTO journal (performance_id, sequence, epoch, at_ms, kind, body)
SELECT *
FROM UNNEST($5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::text[], $10::bytea[])
WHERE (SELECT is_good FROM verdict)
