//! Order rows: what other systems query.

use earlybird_persistence::{
    AppendBatch, HoldId, OrderCursor, OrderDetails, OrderFilter, OrderId, OrderRow, RefundDetails, Seat,
    Sequence, UnixMillis,
};

use crate::support::{Fixture, assert_invalid, order};

/// Everything that can be said, with texts that want escaping.
fn full_details() -> OrderDetails {
    let refund = RefundDetails {
        refund: 3,
        seats: vec![0, 7],
        amount_minor: i64::MAX,
        fee_minor: 1,
        reason: "BUYER".into(),
        note: "환불 \"please\" \\ {}".into(),
        state: "FAILED".into(),
        failure: "NOT_CANCELABLE_PAYMENT".into(),
        began_at_ms: 5,
        settled_at_ms: Some(6),
    };
    OrderDetails {
        coupon: Some("c-1".into()),
        discount_minor: 100,
        fees_minor: 5,
        deposit_deadline_ms: Some(9),
        captured_late: true,
        refunds: vec![refund.clone(), RefundDetails { settled_at_ms: None, ..refund }],
    }
}

async fn stored(fixture: &Fixture, performance: &str, id: u64) -> Option<OrderRow> {
    fixture.store.order(&performance.into(), OrderId(id)).await.unwrap()
}

pub(crate) async fn an_order_comes_back_as_sent(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    let plain = OrderRow { seats: vec![], ..order("a", 1, 100) };
    let full = OrderRow {
        buyer: "buyer \"2\"".into(),
        state: "PAID".into(),
        amount_minor: i64::MAX,
        refunded_minor: 5,
        seats: vec![Seat(0), Seat(i32::MAX as u32)],
        payment_key: Some("tviva20240101,{}\"\\".into()),
        updated_at: UnixMillis(222),
        sequence: Sequence(2),
        hold: HoldId(i64::MAX as u64),
        seats_left: vec![Seat(0)],
        decline_reason: Some("REJECT_CARD_PAYMENT: {\"a\",\\}".into()),
        details: full_details(),
        ..order("a", i64::MAX as u64, 100)
    };
    let orders = vec![plain.clone(), full.clone()];
    fixture.store.append(&AppendBatch { orders, ..writer.batch("a", 1, 2) }).await.unwrap();
    assert_eq!(stored(fixture, "a", 1).await, Some(plain));
    assert_eq!(stored(fixture, "a", i64::MAX as u64).await, Some(full));
    assert_eq!(stored(fixture, "a", 2).await, None);
    assert_eq!(stored(fixture, "b", 1).await, None);
    assert_eq!(fixture.head("a").await, 2);
}

pub(crate) async fn the_last_state_in_a_batch_counts(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    let state = |name: &'static str, sequence| OrderRow {
        state: name.into(),
        sequence: Sequence(sequence),
        ..order("a", 1, 100)
    };
    let orders = vec![state("PAYING", 1), order("a", 2, 100), state("DECLINED", 2), state("PAYING", 3)];
    fixture.store.append(&AppendBatch { orders, ..writer.batch("a", 1, 3) }).await.unwrap();
    assert_eq!(stored(fixture, "a", 1).await, Some(state("PAYING", 3)));
    assert_eq!(stored(fixture, "a", 2).await, Some(order("a", 2, 100)));
}

pub(crate) async fn a_later_batch_updates_an_order(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    let orders = vec![order("a", 1, 100)];
    fixture.store.append(&AppendBatch { orders, ..writer.batch("a", 1, 1) }).await.unwrap();
    let paid = OrderRow {
        state: "PAID".into(),
        payment_key: Some("key".into()),
        refunded_minor: 10,
        seats_left: vec![Seat(8)],
        updated_at: UnixMillis(300),
        sequence: Sequence(2),
        ..order("a", 1, 999)
    };
    let orders = vec![paid.clone()];
    fixture.store.append(&AppendBatch { orders, ..writer.batch("a", 2, 2) }).await.unwrap();
    // Pages are ordered by the time of creation, so that stays.
    let expected = OrderRow { created_at: UnixMillis(100), ..paid };
    assert_eq!(stored(fixture, "a", 1).await, Some(expected));
}

pub(crate) async fn orders_are_listed_newest_first_in_pages(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    let mut batch = writer.batch("a", 1, 1);
    batch.entries.extend(writer.batch("b", 1, 1).entries);
    for id in 1..=20_u64 {
        // Two orders per millisecond, so that the cursor's later columns decide.
        let performance = if id % 3 == 0 { "b" } else { "a" };
        let buyer = if id % 2 == 0 { "even" } else { "odd" };
        batch.orders.push(OrderRow { buyer: buyer.into(), ..order(performance, id, 1_000 + id / 2) });
    }
    fixture.store.append(&batch).await.unwrap();

    let filters = [(None, None), (Some("a"), None), (None, Some("odd")), (Some("b"), Some("even"))];
    for (performance, buyer) in filters {
        let filter = OrderFilter { performance: performance.map(Into::into), buyer: buyer.map(Into::into) };
        let mut expected: Vec<&OrderRow> = batch.orders.iter().collect();
        expected.retain(|row| filter.performance.as_ref().is_none_or(|wanted| *wanted == row.performance));
        expected.retain(|row| filter.buyer.as_ref().is_none_or(|wanted| *wanted == row.buyer));
        expected.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.performance.clone(), row.order)));
        let mut seen: Vec<OrderRow> = Vec::new();
        loop {
            let after = seen.last().map(OrderCursor::from);
            let page = fixture.store.list_orders(&filter, after.as_ref(), 3).await.unwrap();
            let is_last = page.len() < 3;
            seen.extend(page);
            if is_last {
                break;
            }
        }
        assert!(seen.iter().eq(expected), "{filter:?}: {seen:?}");
    }
}

pub(crate) async fn orders_need_an_entry_of_their_performance(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    let orders = vec![order("b", 1, 1)];
    assert_invalid(fixture.store.append(&AppendBatch { orders, ..writer.batch("a", 1, 1) }).await);
    let orders = vec![order("a", u64::MAX, 1)];
    assert_invalid(fixture.store.append(&AppendBatch { orders, ..writer.batch("a", 1, 1) }).await);
    assert_eq!(fixture.head("a").await, 0);
}
