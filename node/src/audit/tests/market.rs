//! A random sale.

use earlybird_engine::*;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};

const BUYERS: u32 = 40;

/// A command that is likely to be accepted.
pub(super) fn wish(random: &mut StdRng, state: &State) -> Action {
    let buyer = || BuyerId::from("nobody");
    let named = |number: u32| BuyerId(format!("buyer-{number}").into());
    let someone = named(random.random_range(0..BUYERS));
    let hold = state.holds().filter(|hold| hold.order.is_none()).choose(random);
    let (holder, id) = hold.map_or((buyer(), HoldId(0)), |hold| (hold.buyer.clone(), hold.hold));
    let paying = state.paying_orders().choose(random).map_or(OrderId(0), |order| order.order);
    let refund = state.pending_refunds().choose(random).map_or(RefundId(0), |refund| refund.refund);
    let seat = SeatIndex(random.random_range(0..state.capacity()));
    match random.random_range(0..100) {
        0..25 => Action::Hold { buyer: someone, grade: None, seats: free_seats(random, state) },
        25..32 => {
            Action::HoldBestAvailable { buyer: someone, grade: None, count: 2, category: None, zone: None }
        }
        32..37 => Action::ExtendHold { buyer: holder, hold: id },
        37..45 => Action::ReleaseHold { buyer: holder, hold: id },
        45..53 => {
            let price_minor = hold.map_or(0, |hold| 100 * hold.seats.len() as i64);
            let coupon = random.random_bool(0.3).then(|| coupon(random, state, price_minor));
            let amount_minor = price_minor - coupon.as_ref().map_or(0, |coupon| coupon.discount_minor);
            Action::BeginPayment { buyer: holder, hold: id, amount_minor, payment_key: "key".into(), coupon }
        }
        53..57 => Action::ConfirmPayment { order: paying },
        57..60 => Action::DeclinePayment { order: paying, reason: "no money".into() },
        60..66 => {
            let paid = state.orders().filter(|order| order.state == OrderStateName::Paid).choose(random);
            let seats = paid.map(|order| order.seats_left.choose(random).copied().into_iter().collect());
            let order = paid.map_or(OrderId(0), |order| order.order);
            let by = match paid.filter(|_| random.random_bool(0.5)) {
                Some(order) => RefundBy::Buyer(order.buyer.clone()),
                None => RefundBy::Admin { fee_minor: 0 },
            };
            let (seats, to_account) = (seats.unwrap_or_default(), random.random_bool(0.5));
            Action::BeginRefund { by, order, seats, note: "".into(), to_account }
        }
        66..71 => Action::CompleteRefund { refund },
        71..72 => Action::FailRefund { refund, reason: "closed account".into() },
        72..74 => Action::AwaitDeposit { order: paying, deadline: Timestamp(u64::MAX) },
        74..77 => {
            let order = any_order(random, state, OrderStateName::Declined);
            Action::CaptureLate { order, has_coupon: random.random_bool(0.7) }
        }
        77..78 => {
            let order = any_order(random, state, OrderStateName::Paid);
            Action::RevertDeposit { order, note: "recalled".into() }
        }
        78..90 => Action::JoinWaitlist { buyer: someone, grade: None, seat },
        90..94 => {
            let seat = state.waits_of(&someone).choose(random).unwrap_or(seat);
            Action::LeaveWaitlist { buyer: someone, seat }
        }
        94..96 => Action::Block { seats: free_seats(random, state) },
        _ => {
            let is_blocked = |seat: &SeatIndex| state.seat_status(*seat) == Some(SeatStatus::Blocked);
            let seats = (0..state.capacity()).map(SeatIndex).filter(is_blocked).choose_multiple(random, 2);
            Action::Unblock { seats: seats.into_iter().collect() }
        }
    }
}

fn any_order(random: &mut StdRng, state: &State, wanted: OrderStateName) -> OrderId {
    state
        .orders()
        .filter(|order| order.state == wanted)
        .choose(random)
        .map_or(OrderId(0), |order| order.order)
}

/// A coupon that no order has yet, or one whose order was declined.
fn coupon(random: &mut StdRng, state: &State, price_minor: i64) -> CouponUse {
    let fresh = format!("coupon-{}", state.orders().count() + 1);
    CouponUse { coupon: fresh.into(), discount_minor: random.random_range(0..=price_minor) }
}

fn free_seats(random: &mut StdRng, state: &State) -> Seats {
    let is_free = |seat: &SeatIndex| state.seat_status(*seat) == Some(SeatStatus::Free);
    let count = random.random_range(1..=2);
    (0..state.capacity()).map(SeatIndex).filter(is_free).choose_multiple(random, count).into_iter().collect()
}
