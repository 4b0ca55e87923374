//! Orders as the API shows them, from memory or from the store.

use earlybird_engine::{HoldId, OrderId, OrderView, State, Timestamp};
use earlybird_persistence as store;
use earlybird_persistence::{OrderDetails, OrderRow, RefundDetails};
use earlybird_proto::v1;

use super::answer::{numbers, time};
use super::names;
use super::status::{Problem, Reason};
use crate::node::Node;
use crate::shard::{Shard, order_details, state_name};

/// An order of a shard: from memory when all that changed it is durable, else as the store has it.
///
/// # Errors
/// `ORDER_NOT_FOUND`, or `STORE_UNAVAILABLE`.
pub(crate) async fn durable(node: &Node, shard: &Shard, order: OrderId) -> Result<v1::Order, Problem> {
    let mut message = without_account(node, shard, order).await?;
    if message.state() == v1::order::State::AwaitingDeposit {
        let account = node.store.deposit_account(&shard.performance().id, store::OrderId(order.0)).await?;
        // The performance's own deadline may be sooner than the provider's.
        let deadline = shard.read(|state| state.order(order)?.deposit_deadline);
        message.virtual_account = account.map(|account| wire_account(account, deadline));
    }
    show_awaited_account(node, &shard.performance().id, order, &mut message);
    Ok(message)
}

/// An order as the store has it, and whether its refund waits for an account: that is told of performances that this node
/// owns.
pub(crate) fn listed(node: &Node, row: &OrderRow) -> v1::Order {
    let mut message = from_row(row);
    show_awaited_account(node, &row.performance, OrderId(row.order.0), &mut message);
    message
}

fn show_awaited_account(
    node: &Node,
    performance: &store::PerformanceId,
    order: OrderId,
    message: &mut v1::Order,
) {
    if message.state() == v1::order::State::Refunding
        && node.payments.awaits_account(performance, order)
        && let Some(refund) = message.refunds.last_mut()
    {
        refund.set_state(v1::refund::State::AwaitingAccount);
    }
}

/// Where the buyer is to pay.
fn wire_account(account: store::DepositAccountRow, deadline: Option<Timestamp>) -> v1::VirtualAccount {
    v1::VirtualAccount {
        bank_code: account.bank_code.into(),
        account_number: account.account_number.into(),
        deadline: Some(time(deadline.unwrap_or(Timestamp(account.deadline.0)))),
    }
}

async fn without_account(node: &Node, shard: &Shard, order: OrderId) -> Result<v1::Order, Problem> {
    let committed = shard.committed();
    let in_memory = shard.read(|state| {
        let view = state.order(order)?;
        Some((view.last_sequence <= committed).then(|| from_view(shard, state, &view)))
    });
    match in_memory {
        Some(Some(message)) => Ok(message),
        None => Err(not_found()),
        Some(None) => {
            let row = node.store.order(&shard.performance().id, store::OrderId(order.0)).await?;
            row.map(|row| from_row(&row)).ok_or_else(not_found)
        }
    }
}

fn not_found() -> Problem {
    Problem::new(Reason::OrderNotFound, "no such order")
}

fn from_view(shard: &Shard, state: &State, order: &OrderView<'_>) -> v1::Order {
    let info = shard.performance();
    v1::Order {
        name: names::of_order(&info.name, order.order),
        buyer_id: order.buyer.0.to_string(),
        seats: numbers(order.seats),
        state: state_number(state_name(order)),
        amount_minor: order.amount_minor,
        refunded_minor: order.refunded_minor,
        currency_code: info.settings.currency.to_string(),
        create_time: Some(time(order.began_at)),
        update_time: Some(time(order.changed_at)),
        hold: names::of_hold(&info.name, order.hold),
        seats_left: numbers(order.seats_left),
        decline_reason: order.decline_reason.unwrap_or_default().to_owned(),
        ..from_details(&order_details(state, order))
    }
}

/// An order as the store has it.
fn from_row(row: &OrderRow) -> v1::Order {
    let performance = format!("performances/{}", row.performance);
    let numbers = |seats: &[store::Seat]| seats.iter().map(|seat| seat.0).collect();
    v1::Order {
        name: names::of_order(&performance, OrderId(row.order.0)),
        buyer_id: row.buyer.as_str().to_owned(),
        seats: numbers(&row.seats),
        state: state_number(&row.state),
        amount_minor: row.amount_minor,
        refunded_minor: row.refunded_minor,
        currency_code: row.currency.to_string(),
        create_time: Some(time(Timestamp(row.created_at.0))),
        update_time: Some(time(Timestamp(row.updated_at.0))),
        hold: names::of_hold(&performance, HoldId(row.hold.0)),
        seats_left: numbers(&row.seats_left),
        decline_reason: row.decline_reason.as_deref().unwrap_or_default().to_owned(),
        ..from_details(&row.details)
    }
}

/// The fields that come from the document.
fn from_details(details: &OrderDetails) -> v1::Order {
    v1::Order {
        coupon: details.coupon.as_deref().map(names::of_coupon).unwrap_or_default(),
        discount_minor: details.discount_minor,
        fees_minor: details.fees_minor,
        refunds: details.refunds.iter().map(refund).collect(),
        deposit_deadline: details.deposit_deadline_ms.map(|deadline| time(Timestamp(deadline))),
        captured_late: details.captured_late,
        ..v1::Order::default()
    }
}

fn refund(details: &RefundDetails) -> v1::Refund {
    let reason = v1::refund::Reason::from_str_name(&details.reason).unwrap_or_default();
    let state = v1::refund::State::from_str_name(&details.state).unwrap_or_default();
    v1::Refund {
        seats: details.seats.clone(),
        amount_minor: details.amount_minor,
        fee_minor: details.fee_minor,
        reason: reason.into(),
        note: details.note.to_string(),
        state: state.into(),
        failure: details.failure.to_string(),
        create_time: Some(time(Timestamp(details.began_at_ms))),
        settle_time: details.settled_at_ms.map(|at| time(Timestamp(at))),
    }
}

fn state_number(name: &str) -> i32 {
    v1::order::State::from_str_name(name).unwrap_or_default().into()
}
