//! I3, I14, and the orders table.

use earlybird_engine::{Event, OrderId, OrderStateName, RefundReason, Timestamp};
use earlybird_persistence as store;
use earlybird_persistence::{OrderDetails, OrderRow, RefundDetails, Seat, UnixMillis};

use super::script::*;
use crate::audit::findings::Findings;
use crate::audit::orders_table::OrdersTable;
use crate::audit::rule::Rule;

#[test]
fn a_payment_charges_what_the_seats_cost() {
    let mut script = Script::new();
    script.hold("ann", &[1, 2]).entry([begun(1, 1, 199)]);
    // Told by the ledger and by the engine.
    script.assert_violates(Rule::Money, 2, "199 for seats that cost 200 less 0");
}

#[test]
fn a_discount_is_part_of_the_price() {
    // Told by the ledger and by the engine, which also finds that nothing comes of a charge of less than nothing.
    for (amount_minor, discount_minor, count, text) in
        [(200, 50, 2, "200 for seats"), (250, -50, 2, "less -50"), (-50, 250, 3, "less 250")]
    {
        let mut script = Script::new();
        script.hold("ann", &[1, 2]).entry([begun_with("c", discount_minor, begun(1, 1, amount_minor))]);
        script.assert_violates(Rule::Money, count, text);
    }
    let mut script = Script::new();
    script.hold("ann", &[1, 2]).entry([begun_with("c", 50, begun(1, 1, 150))]).assert_clean();
}

/// I14.
#[test]
fn a_coupon_is_used_by_one_order_at_a_time() {
    let mut script = Script::new();
    script.hold("ann", &[1]).entry([begun_with("c", 50, begun(1, 1, 50))]);
    script.entry([declined(1, false)]).entry([begun_with("c", 50, begun(2, 1, 50))]).assert_clean();
    script.hold("ben", &[2]).entry([begun_with("c", 50, begun(3, 2, 50))]);
    script.assert_violates(Rule::Coupons, 1, "coupon c of order 3 is used by order 2");
}

/// Three seats would share unevenly; two at 150 do not, and the fee is a tenth.
#[test]
fn a_refund_is_what_was_paid_for_its_seats_less_the_fee_of_the_policy() {
    let bought = || {
        let mut script = Script::new();
        script.hold("ann", &[1, 2]).entry([begun_with("c", 50, begun(1, 1, 150))]);
        script.entry([Event::PaymentConfirmed { order: OrderId(1) }]).assert_clean();
        script
    };
    let refund = |shares, reason| refund_of(1, 1, &[1], shares, reason);
    bought().entry([refund((68, 7), RefundReason::Buyer)]).assert_clean();
    bought().entry([refund((70, 5), RefundReason::Admin)]).assert_clean();
    for (shares, reason) in [
        ((75, 0), RefundReason::Buyer),
        ((100, 0), RefundReason::Admin),
        ((75, 0), RefundReason::PerformanceCancelled),
        ((75, 0), RefundReason::DepositReverted),
    ] {
        bought().entry([refund(shares, reason)]).assert_violates(Rule::Money, 1, "refund 1 gives");
    }
    let negative = refund((80, -5), RefundReason::Admin);
    bought().entry([negative]).assert_violates(Rule::Money, 2, "refund 1 gives 80 back and keeps -5");
}

#[test]
fn refunds_and_fees_add_up_to_what_was_charged() {
    let mut script = Script::new();
    script.buy("ann", &[1, 2], 1);
    script.entry([refund_of(1, 1, &[1], (90, 10), RefundReason::Buyer)]).entry([refunded(1, 1)]);
    script
        .entry([refund_of(2, 1, &[2], (0, 0), RefundReason::DepositReverted), refunded(2, 1)])
        .assert_clean();
    let mut short = Script::new();
    short.buy("ann", &[1, 2], 1).entry([refund_of(1, 1, &[], (150, 0), RefundReason::Admin)]);
    short.assert_violates(Rule::Money, 2, "refund 1 is of seats that order 1 has not");
}

#[test]
fn money_that_comes_late_gets_the_seats_or_goes_back() {
    let late = || {
        let mut script = Script::new();
        script.hold("ann", &[1]).entry([begun(1, 1, 100)]).pass(1_000).entry([declined(1, true)]);
        script
    };
    let sold = Event::LateSold { order: OrderId(1) };
    late().entry([sold.clone()]).assert_clean();
    late().hold("ben", &[1]).entry([sold]).assert_violates(Rule::OneClaim, 1, "seat 1 is held by hold 2");
    let back = |shares| refund_of(1, 1, &[], shares, RefundReason::LateCapture);
    late().hold("ben", &[1]).entry([back((100, 0))]).entry([refunded(1, 1)]).assert_clean();
    late().entry([back((90, 10))]).assert_violates(Rule::Money, 1, "refund 1 gives");
}

#[test]
fn nothing_is_sold_of_a_cancelled_performance() {
    let mut script = Script::new();
    script.hold("ann", &[1]).hold("ben", &[2]).entry([begun(1, 2, 100)]).join("cat", 1);
    script.entry([Event::PerformanceCancelled]).assert_clean();
    script.entry([declined(1, true)]).assert_clean();
    script.hold("dan", &[3]).assert_violates(Rule::Journal, 1, "the performance was cancelled before");
}

#[test]
fn a_deposit_is_awaited_for_as_long_as_the_performance_allows() {
    let mut script = Script::new();
    script.hold("ann", &[1]).entry([begun(1, 1, 100)]);
    let awaited = |ms| Event::DepositAwaited { order: OrderId(1), deadline: Timestamp(BEGINNING + ms) };
    script.entry([awaited(3_000)]).assert_clean();
    script.entry([awaited(3_001)]).assert_violates(Rule::Limits, 1, "order 1 may be paid until 1003001");
}

#[test]
fn a_refund_is_of_seats_of_the_order_and_settled_once() {
    let mut script = Script::new();
    script.buy("ann", &[1, 2], 1).entry([refund_begun(1, 1, &[1])]).assert_clean();
    let mut foreign = Script::new();
    foreign.buy("ann", &[1, 2], 1).entry([refund_begun(1, 1, &[3])]);
    foreign.assert_violates(Rule::Money, 2, "refund 1 is of seats that order 1 has not");
    script.entry([refunded(1, 1)]).assert_clean();
    script.entry([refunded(1, 1)]);
    script.assert_violates(Rule::Money, 1, "refund 1 of order 1 is settled, and is not pending");
}

#[test]
fn an_order_that_is_not_paid_is_not_refunded() {
    let mut script = Script::new();
    script.hold("ann", &[1]).entry([begun(1, 1, 100)]).entry([refund_begun(1, 1, &[1])]);
    script.assert_violates(Rule::Money, 3, "order 1 is being paid, where it should be paid");
}

/// Compares this table with the journal of one order, paid in entry 3 and refunded by half in entry 5.
#[track_caller]
fn check(rows: &[OrderRow], last_sequence: u64, expected: Option<&str>) {
    let mut script = Script::new();
    script.buy("ann", &[1, 2], 1).entry([refund_begun(1, 1, &[1])]).entry([refunded(1, 1)]).assert_clean();
    let replay = script.replay();
    let mut findings = Findings::new();
    let mut table = OrdersTable::new(&replay.ledger, "KRW", last_sequence);
    rows.iter().for_each(|row| table.row(row, &mut findings));
    table.end(&mut findings);
    let check = &findings.into_checks()[Rule::OrdersTable as usize];
    match expected {
        None => assert_eq!(check.violations, 0, "{check:?}"),
        Some(text) => assert!(check.violations == 1 && check.examples[0].contains(text), "{check:?}"),
    }
}

/// One refund, of half.
fn details() -> OrderDetails {
    let refund = RefundDetails {
        refund: 1,
        seats: vec![1],
        amount_minor: 100,
        fee_minor: 0,
        reason: "ADMIN".into(),
        note: "".into(),
        state: "COMPLETED".into(),
        failure: "".into(),
        began_at_ms: BEGINNING,
        settled_at_ms: Some(BEGINNING),
    };
    OrderDetails { refunds: vec![refund], ..OrderDetails::default() }
}

fn row() -> OrderRow {
    OrderRow {
        performance: "carmen".into(),
        order: store::OrderId(1),
        buyer: "ann".into(),
        state: "PARTIALLY_REFUNDED".into(),
        amount_minor: 200,
        refunded_minor: 100,
        currency: "KRW".into(),
        seats: vec![Seat(1), Seat(2)],
        payment_key: Some("key".into()),
        created_at: UnixMillis(BEGINNING),
        updated_at: UnixMillis(BEGINNING),
        sequence: store::Sequence(5),
        hold: store::HoldId(1),
        seats_left: vec![Seat(2)],
        decline_reason: None,
        details: details(),
    }
}

#[test]
fn the_orders_table_has_the_orders_of_the_journal() {
    check(&[row()], 5, None);
    check(&[], 5, Some("order 1 is not in the table"));
    check(
        &[row(), OrderRow { order: store::OrderId(2), ..row() }],
        5,
        Some("order 2 of entry 5 is in the table alone"),
    );
    check(&[row(), row()], 5, Some("in the table alone"));
}

#[test]
fn an_order_that_changed_since_is_not_compared() {
    check(&[OrderRow { state: "REFUNDED".into(), sequence: store::Sequence(6), ..row() }], 5, None);
    check(&[row(), OrderRow { order: store::OrderId(2), sequence: store::Sequence(6), ..row() }], 5, None);
}

#[test]
fn every_column_is_compared() {
    let wrong = [
        OrderRow { buyer: "ben".into(), ..row() },
        OrderRow { state: "PAID".into(), ..row() },
        OrderRow { amount_minor: 100, ..row() },
        OrderRow { refunded_minor: 200, ..row() },
        OrderRow { currency: "EUR".into(), ..row() },
        OrderRow { seats: vec![Seat(1)], ..row() },
        OrderRow { payment_key: None, ..row() },
        OrderRow { created_at: UnixMillis(1), ..row() },
        OrderRow { updated_at: UnixMillis(1), ..row() },
        OrderRow { sequence: store::Sequence(4), ..row() },
        OrderRow { hold: store::HoldId(2), ..row() },
        OrderRow { seats_left: vec![Seat(1), Seat(2)], ..row() },
        OrderRow { decline_reason: Some("no".into()), ..row() },
        OrderRow { details: OrderDetails::default(), ..row() },
        OrderRow { details: OrderDetails { coupon: Some("1".into()), ..details() }, ..row() },
        OrderRow { details: OrderDetails { discount_minor: 1, ..details() }, ..row() },
        OrderRow { details: OrderDetails { fees_minor: 1, ..details() }, ..row() },
        OrderRow { details: OrderDetails { deposit_deadline_ms: Some(1), ..details() }, ..row() },
        OrderRow { details: OrderDetails { captured_late: true, ..details() }, ..row() },
    ];
    for row in wrong {
        check(&[row], 5, Some("order 1 is OrderRecord"));
    }
}

#[test]
fn a_refused_refund_leaves_the_order_paid() {
    let mut script = Script::new();
    let failed =
        Event::RefundFailed { refund: earlybird_engine::RefundId(1), order: OrderId(1), reason: "no".into() };
    script.buy("ann", &[1], 1).entry([refund_begun(1, 1, &[1])]).entry([failed]).assert_clean();
    let replay = script.replay();
    assert_eq!(replay.ledger.orders().map(|order| order.state).collect::<Vec<_>>(), [OrderStateName::Paid]);
}
