//! I3, and the orders table.

use earlybird_engine::{Event, OrderId, OrderStateName};
use earlybird_persistence as store;
use earlybird_persistence::{OrderRow, Seat, UnixMillis};

use super::script::*;
use crate::audit::findings::Findings;
use crate::audit::orders_table::OrdersTable;
use crate::audit::rule::Rule;

#[test]
fn a_payment_charges_what_the_seats_cost() {
    let mut script = Script::new();
    script.hold("ann", &[1, 2]).entry([begun(1, 1, 199)]);
    script.assert_violates(Rule::Money, 1, "199 for seats that cost 200");
}

#[test]
fn a_refund_is_of_seats_of_the_order_and_settled_once() {
    let mut script = Script::new();
    script.buy("ann", &[1, 2], 1).entry([refund_begun(1, 1, &[1])]).assert_clean();
    let mut foreign = Script::new();
    foreign.buy("ann", &[1, 2], 1).entry([refund_begun(1, 1, &[3])]);
    foreign.assert_violates(Rule::Money, 1, "refund 1 is of seats that order 1 has not");
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
