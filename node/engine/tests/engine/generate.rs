//! Random layouts, settings and commands.

use earlybird_engine::*;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::model::{Model, Seat};

/// When the first phase opens.
pub(crate) const OPENS: u64 = 1_000_000;

pub(crate) fn layout(random: &mut StdRng) -> Layout {
    let (zone_count, category_count) = (random.random_range(1..=3), random.random_range(1..=3));
    let mixed_rows = random.random_bool(0.5);
    let has_long_block = random.random_bool(0.02);
    let mut seats = Vec::new();
    let row_count = random.random_range(1..=4);
    let mut rows = Vec::new();
    for row in 0..row_count {
        let row_category = random.random_range(0..category_count);
        let mut blocks = Vec::new();
        for block in 0..random.random_range(1..=3) {
            let is_long = has_long_block && row == 0 && block == 0;
            let length = if is_long { random.random_range(60..=140) } else { random.random_range(1..=6) };
            let mut block = Vec::new();
            for _ in 0..length {
                let category = if mixed_rows { random.random_range(0..category_count) } else { row_category };
                block.push(SeatIndex(seats.len() as u32));
                let centre_distance = random.random_range(0..10) * 10;
                seats.push(SeatPlace {
                    category: CategoryIndex(category),
                    row: RowIndex(row),
                    centre_distance,
                });
            }
            blocks.push(block);
        }
        let zone = ZoneIndex(random.random_range(0..zone_count));
        rows.push(Row { zone, front_distance: random.random_range(0..10) * 10, blocks });
    }
    let names = |count: u16| (0..count).map(|name| name.to_string().into()).collect();
    Layout { categories: names(category_count), zones: names(zone_count), rows, seats }
}

pub(crate) fn settings(random: &mut StdRng, layout: &Layout) -> Settings {
    let ttl = random.random_range(100..600);
    let limits = Limits {
        seats_per_hold_max: random.random_range(1..=6),
        // Small ones make waiters who are not eligible.
        seats_per_buyer_max: if random.random_bool(0.5) {
            random.random_range(1..=2)
        } else {
            random.random_range(2..=6)
        },
        waitlist_entries_per_buyer_max: random.random_range(1..=4),
        waiters_per_seat_max: random.random_range(1..=6),
        hold_extensions_max: random.random_range(0..=3),
        hold_ttl_ms: Millis(ttl),
        offer_ttl_ms: Millis(random.random_range(50..600)),
        hold_total_ms_max: Millis(ttl * random.random_range(1..=3)),
        payment_attempts_max: random.random_range(1..=4),
        request_memory_ms: Millis(random.random_range(50..5_000)),
        requests_remembered_max: random.random_range(0..=100),
    };
    let general = |opens_at: u64, closes_at: u64| SalePhase {
        audience: Audience::General,
        opens_at: Timestamp(opens_at),
        closes_at: Timestamp(closes_at),
        waitlist_open: true,
    };
    let phases = if random.random_bool(0.7) {
        vec![general(OPENS, u64::MAX)]
    } else {
        let presale = SalePhase {
            audience: Audience::Presale(vec![Grade("vip".into()), Grade("gold".into())]),
            waitlist_open: random.random_bool(0.5),
            ..general(OPENS + 100, OPENS + 3_000)
        };
        vec![presale, general(OPENS + 3_500, OPENS + random.random_range(10_000..40_000))]
    };
    let prices = layout.categories.iter().map(|_| random.random_range(0..5) * 777);
    let price_minor_by_category = prices.collect();
    let (refunds, deposit_ttl_ms) = (refund_policy(random), random.random_bool(0.8).then_some(Millis(300)));
    Settings { phases, limits, price_minor_by_category, currency: "KRW".into(), refunds, deposit_ttl_ms }
}

fn refund_policy(random: &mut StdRng) -> RefundPolicy {
    RefundPolicy {
        buyers_may_refund: random.random_bool(0.9),
        closes_at: random.random_bool(0.2).then(|| Timestamp(OPENS + random.random_range(1_000..15_000))),
        fee: match random.random_range(0..4) {
            0 => RefundFee::BasisPoints(0),
            1 => RefundFee::BasisPoints(random.random_range(0..=10_000)),
            _ => RefundFee::PerSeatMinor(random.random_range(0..1_500)),
        },
    }
}

pub(crate) fn buyers(random: &mut StdRng) -> Vec<BuyerId> {
    let count = random.random_range(2..=9);
    (0..count).map(|number| BuyerId(format!("buyer-{number}").into())).collect()
}

/// A command that is likely, but not certain, to be accepted.
pub(crate) fn action(random: &mut StdRng, model: &Model, buyers: &[BuyerId]) -> Action {
    let buyer = buyers.choose(random).expect("there are buyers").clone();
    let grade = match random.random_range(0..4) {
        0 => Some(Grade("vip".into())),
        1 => Some(Grade("silver".into())),
        _ => None,
    };
    match random.random_range(0..108) {
        0..16 => {
            let count = random.random_range(1..=3);
            Action::Hold { buyer, grade, seats: some_seats(random, model, |seat| seat == Seat::Free, count) }
        }
        16..23 => Action::HoldBestAvailable {
            buyer,
            grade,
            count: random.random_range(0..=4),
            category: random.random_bool(0.3).then(|| CategoryIndex(random.random_range(0..4))),
            zone: random.random_bool(0.3).then(|| ZoneIndex(random.random_range(0..4))),
        },
        23..29 => {
            let (buyer, hold) = some_hold(random, model, buyer);
            Action::ExtendHold { buyer, hold }
        }
        29..35 => {
            let (buyer, hold) = some_hold(random, model, buyer);
            Action::ReleaseHold { buyer, hold }
        }
        35..43 => Action::ExpireHold { hold: some_hold(random, model, buyer).1 },
        43..53 => {
            let (buyer, hold) = some_hold(random, model, buyer);
            let seats = model.holds.iter().find(|other| other.id == hold).map(|hold| &hold.seats);
            let wrong = i64::from(random.random_bool(0.05));
            let price_minor = seats.map_or(0, |seats| model.price(seats));
            let coupon = random.random_bool(0.4).then(|| coupon(random, price_minor));
            let discount_minor = coupon.as_ref().map_or(0, |coupon| coupon.discount_minor);
            let amount_minor = price_minor.saturating_sub(discount_minor) + wrong;
            Action::BeginPayment { buyer, hold, amount_minor, payment_key: "key".into(), coupon }
        }
        53..57 => Action::ConfirmPayment { order: some_order(random, model, OrderStateName::Paying) },
        57..61 => {
            let order = some_order(random, model, OrderStateName::Paying);
            Action::DeclinePayment { order, reason: format!("reason {}", order.0 % 3).into() }
        }
        61..66 => refund(random, model, buyer),
        66..70 => Action::CompleteRefund { refund: some_refund(random, model) },
        70..72 => Action::FailRefund { refund: some_refund(random, model), reason: "closed account".into() },
        72..88 => {
            let taken = |seat| matches!(seat, Seat::Hold(_) | Seat::Order(_));
            let seat = some_seats(random, model, taken, 1).first().copied().unwrap_or(SeatIndex(0));
            Action::JoinWaitlist { buyer, grade, seat }
        }
        88..92 => match model.queue.choose(random) {
            Some((seat, waiter)) if random.random_bool(0.9) => {
                Action::LeaveWaitlist { buyer: waiter.clone(), seat: *seat }
            }
            _ => Action::LeaveWaitlist { buyer, seat: SeatIndex(random.random_range(0..20)) },
        },
        92..95 => {
            let count = random.random_range(1..=3);
            Action::Block { seats: some_seats(random, model, |seat| seat == Seat::Free, count) }
        }
        100..102 => {
            let (order, left) =
                (some_order(random, model, OrderStateName::Paying), random.random_range(0..600));
            let latest = model.orders.iter().map(|order| order.began_at.0).max().unwrap_or(OPENS);
            Action::AwaitDeposit { order, deadline: Timestamp(latest + left) }
        }
        102..106 => {
            let order = some_order(random, model, OrderStateName::Declined);
            Action::CaptureLate { order, has_coupon: random.random_bool(0.7) }
        }
        106 => {
            let order = some_order(random, model, OrderStateName::Paid);
            Action::RevertDeposit { order, note: "recalled".into() }
        }
        // Late, or the rest of the history says little.
        107 if model.sequence > 250 && random.random_bool(0.4) => Action::CancelPerformance,
        _ => {
            let count = random.random_range(1..=3);
            Action::Unblock { seats: some_seats(random, model, |seat| seat == Seat::Blocked, count) }
        }
    }
}

/// A refund of some seats of an order, mostly wished by who bought it.
fn refund(random: &mut StdRng, model: &Model, buyer: BuyerId) -> Action {
    let waits = (1..).map(OrderId).take(model.orders.len());
    let waits: Vec<_> = waits.filter(|order| model.refund_without_asker(*order).is_some()).collect();
    let waiting = waits.choose(random).copied().filter(|_| random.random_bool(0.8));
    let order = waiting.unwrap_or_else(|| some_order(random, model, OrderStateName::Paid));
    let known = model.orders.get((order.0 as usize).wrapping_sub(1));
    let owner = known.filter(|_| random.random_bool(0.8)).map(|order| order.buyer.clone());
    let left = known.map_or(&[][..], |order| &order.seats_left);
    let mut seats: Seats = left.iter().copied().filter(|_| random.random_bool(0.6)).collect();
    if random.random_bool(0.1) {
        seats.extend(some_seats(random, model, |seat| matches!(seat, Seat::Order(_)), 1));
    }
    let by = match owner.or(random.random_bool(0.3).then_some(buyer)) {
        Some(buyer) => RefundBy::Buyer(buyer),
        None if random.random_bool(0.3) => RefundBy::Cancellation,
        None => RefundBy::Admin { fee_minor: [0, 0, 100, -1][random.random_range(0..4)] },
    };
    if waiting.is_some() && random.random_bool(0.9) {
        seats.clear();
    }
    let note = ["", "ill"][random.random_range(0..2)].into();
    Action::BeginRefund { by, order, seats, note, to_account: random.random_bool(0.7) }
}

/// A coupon that is worth some or all of the price; now and then something that no coupon can be worth.
fn coupon(random: &mut StdRng, price_minor: i64) -> CouponUse {
    let discount_minor = match random.random_range(0..20) {
        0 => -1,
        1 => price_minor + 1,
        2..4 => price_minor,
        _ => random.random_range(0..=price_minor),
    };
    CouponUse { coupon: format!("coupon-{discount_minor}").into(), discount_minor }
}

/// Mostly seats that are wanted; sometimes any, twice the same, or one that is not there.
fn some_seats(random: &mut StdRng, model: &Model, wanted: impl Fn(Seat) -> bool, count: usize) -> Seats {
    let all: Vec<_> = (0..model.seats.len() as u32).map(SeatIndex).collect();
    let fitting: Vec<_> = all.iter().copied().filter(|seat| wanted(model.seats[seat.as_usize()])).collect();
    if random.random_bool(0.02) {
        return (0..count).map(|_| SeatIndex(random.random_range(0..=all.len() as u32))).collect();
    }
    let source = if fitting.is_empty() || random.random_bool(0.1) { &all } else { &fitting };
    source.choose_multiple(random, count).copied().collect()
}

/// Mostly a hold that lives, and its owner; `stranger` otherwise.
fn some_hold(random: &mut StdRng, model: &Model, stranger: BuyerId) -> (BuyerId, HoldId) {
    match model.holds.choose(random) {
        Some(hold) if random.random_bool(0.95) => (hold.buyer.clone(), hold.id),
        Some(hold) if random.random_bool(0.5) => (stranger, hold.id),
        _ => (stranger, HoldId(random.random_range(0..=model.holds_accepted + 1))),
    }
}

/// Mostly an order in this state.
fn some_order(random: &mut StdRng, model: &Model, state: OrderStateName) -> OrderId {
    let orders: Vec<u64> =
        (1..).zip(&model.orders).filter(|(_, order)| order.state == state).map(|(id, _)| id).collect();
    match orders.choose(random) {
        Some(&order) if random.random_bool(0.95) => OrderId(order),
        _ => OrderId(random.random_range(0..=model.orders.len() as u64 + 1)),
    }
}

/// Mostly a refund that is pending.
fn some_refund(random: &mut StdRng, model: &Model) -> RefundId {
    let is_pending = |refund: &crate::model::Refund| refund.state == RefundState::Pending;
    let pending: Vec<u64> =
        (1..).zip(&model.refunds).filter(|(_, refund)| is_pending(refund)).map(|(id, _)| id).collect();
    match pending.choose(random) {
        Some(&refund) if random.random_bool(0.95) => RefundId(refund),
        _ => RefundId(random.random_range(0..=model.refunds.len() as u64 + 1)),
    }
}
