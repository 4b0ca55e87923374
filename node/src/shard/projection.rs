//! The rows that other systems query, made from what an entry changed.

use std::borrow::Cow;

use earlybird_engine::{Entry, Event, OrderId, OrderStateName, OrderView, RefundState, RefundView};
use earlybird_engine::{SeatIndex, State};
use earlybird_persistence as store;
use earlybird_persistence::{CouponChange, OrderRow, SeatGuardChange, UnixMillis};
use smallvec::SmallVec;

use super::coupon_changes::coupon_changes;
use super::order_details::{order_details, storable};
use crate::catalog::PerformanceInfo;
use crate::payments::Due;

/// Rows to be written in the same transaction as the entry.
#[derive(Debug, Default)]
pub(crate) struct Projection {
    pub(crate) orders: Vec<OrderRow>,
    pub(crate) seat_changes: Vec<SeatGuardChange>,
    pub(crate) coupon_changes: Vec<CouponChange>,
    /// What is to be settled with the provider once the entry is durable.
    pub(crate) due: SmallVec<[Due; 1]>,
}

/// What an entry that was just evolved changes in the tables; none for the many that concern no order.
pub(super) fn project(
    performance: &PerformanceInfo,
    state: &State,
    entry: &Entry,
) -> Option<Box<Projection>> {
    let mut projection: Option<Box<Projection>> = None;
    for event in &entry.events {
        let (order, seats) = match event {
            Event::PaymentBegun { order, .. } => (*order, SeatsOf::Order(Guard::Take)),
            Event::PaymentConfirmed { order } | Event::DepositAwaited { order, .. } => {
                (*order, SeatsOf::None)
            }
            Event::PaymentDeclined { order, .. } => (*order, SeatsOf::Order(Guard::Free)),
            Event::LateSold { order } => (*order, SeatsOf::Order(Guard::Take)),
            Event::RefundBegun { order, .. }
            | Event::RefundAccountGiven { order, .. }
            | Event::RefundFailed { order, .. } => (*order, SeatsOf::None),
            Event::Refunded { order, refund } => (*order, SeatsOf::Refund(*refund)),
            _ => continue,
        };
        let Some(view) = state.order(order) else { continue };
        let projection = projection.get_or_insert_default();
        projection.orders.push(order_row(performance, state, &view, entry));
        projection.due.extend(due(state, event));
        projection.coupon_changes.extend(coupon_changes(&performance.id, &view, event));
        let (guard, seats) = match seats {
            SeatsOf::None => continue,
            SeatsOf::Order(guard) => (guard, view.seats),
            SeatsOf::Refund(refund) => {
                (Guard::Free, state.refund(refund).map_or(&[][..], |refund| refund.seats))
            }
        };
        projection
            .seat_changes
            .extend(seats.iter().map(|seat| guard_change(performance, order, *seat, guard)));
    }
    projection
}

/// What was begun and is still open: where no money moves, the entry that begins it ends it.
fn due(state: &State, event: &Event) -> Option<Due> {
    match event {
        Event::PaymentBegun { order, .. } => {
            let is_open = |view: &OrderView<'_>| view.state == OrderStateName::Paying;
            state.order(*order).filter(is_open).map(|_| Due::Payment(*order))
        }
        Event::RefundBegun { refund, .. } | Event::RefundAccountGiven { refund, .. } => {
            let is_open = |view: &RefundView<'_>| *view.state == RefundState::Pending;
            state.refund(*refund).filter(is_open).map(|_| Due::Refund(*refund))
        }
        _ => None,
    }
}

enum SeatsOf {
    None,
    Order(Guard),
    Refund(earlybird_engine::RefundId),
}

#[derive(Clone, Copy)]
enum Guard {
    Take,
    Free,
}

fn guard_change(
    performance: &PerformanceInfo,
    order: OrderId,
    seat: SeatIndex,
    guard: Guard,
) -> SeatGuardChange {
    let performance = performance.id.clone();
    let (order, seat) = (store::OrderId(order.0), store::Seat(seat.0));
    match guard {
        Guard::Take => SeatGuardChange::Take { performance, order, seat },
        Guard::Free => SeatGuardChange::Free { performance, order, seat },
    }
}

fn order_row(performance: &PerformanceInfo, state: &State, order: &OrderView<'_>, entry: &Entry) -> OrderRow {
    OrderRow {
        performance: performance.id.clone(),
        order: store::OrderId(order.order.0),
        buyer: store::BuyerId::from(&*order.buyer.0),
        state: Cow::Borrowed(state_name(order)),
        amount_minor: order.amount_minor,
        refunded_minor: order.refunded_minor,
        currency: Cow::Owned(performance.settings.currency.to_string()),
        seats: order.seats.iter().map(|seat| store::Seat(seat.0)).collect(),
        payment_key: Some(order.payment_key.into()),
        created_at: UnixMillis(order.began_at.0),
        updated_at: UnixMillis(entry.at.0),
        sequence: store::Sequence(entry.sequence.0),
        hold: store::HoldId(order.hold.0),
        seats_left: order.seats_left.iter().map(|seat| store::Seat(seat.0)).collect(),
        decline_reason: order.decline_reason.map(storable),
        details: order_details(state, order),
    }
}

/// The state of an order in the words of the API, as the `orders` table has it.
#[must_use]
pub fn state_name(order: &OrderView<'_>) -> &'static str {
    match order.state {
        OrderStateName::Paying if order.deposit_deadline.is_some() => "AWAITING_DEPOSIT",
        OrderStateName::Paying => "PAYING",
        OrderStateName::Paid if order.seats_left.len() < order.seats.len() => "PARTIALLY_REFUNDED",
        OrderStateName::Paid => "PAID",
        OrderStateName::Declined => "DECLINED",
        OrderStateName::Refunding => "REFUNDING",
        OrderStateName::Refunded => "REFUNDED",
    }
}
