//! From what the engine answers and shows to the messages of the API.

use std::time::Duration;

use earlybird_engine::{Answer, BuyerId, HoldId, HoldView, OrderId, RefundId, SeatIndex, Timestamp};
use earlybird_proto::v1;

use super::names;
use super::status::Problem;
use crate::catalog::PerformanceInfo;
use crate::shard::Shard;

/// An answer, as far as it goes without asking the payment provider.
#[derive(Debug)]
pub(crate) enum Told {
    /// A hold that was made, extended or released.
    Hold(v1::Hold),
    /// A place in a waitlist.
    Place(v1::WaitlistEntry),
    /// A place in a waitlist was given up.
    Left,
    /// Seats were blocked or unblocked.
    Done,
    /// The order is durable: its payment must be settled.
    Payment(OrderId),
    /// The refund is durable: it must be settled.
    Refund(RefundId, OrderId),
}

/// What to tell `buyer` of an answer of `shard`.
///
/// # Errors
/// `INTERNAL` for an answer that no caller's command has.
pub(crate) fn tell(
    shard: &Shard,
    now: Timestamp,
    buyer: Option<BuyerId>,
    answer: Answer,
) -> Result<Told, Problem> {
    let info = &**shard.performance();
    let buyer_id = buyer.map_or_else(String::new, |buyer| buyer.0.into_string());
    Ok(match answer {
        Answer::Held { hold, seats, deadline, together } => {
            let hold =
                HoldFacts { hold, seats: &seats, deadline, offer: false, state: v1::hold::State::Active };
            Told::Hold(v1::Hold { together, ..hold.message(info, now, buyer_id) })
        }
        Answer::Extended { hold, seats, deadline } => {
            let offer = shard.read(|state| state.hold(hold).is_some_and(|hold| hold.is_offer));
            let hold = HoldFacts { hold, seats: &seats, deadline, offer, state: v1::hold::State::Active };
            Told::Hold(hold.message(info, now, buyer_id))
        }
        Answer::Released { hold } => {
            let state = v1::hold::State::Released;
            let hold = HoldFacts { hold, seats: &[], deadline: now, offer: false, state };
            Told::Hold(v1::Hold { expire_time: None, ..hold.message(info, now, buyer_id) })
        }
        Answer::WaitlistJoined { seat, position } => {
            let performance = info.name.to_string();
            Told::Place(v1::WaitlistEntry { performance, seat: seat.0, buyer_id, position })
        }
        Answer::WaitlistLeft { .. } => Told::Left,
        Answer::Blocked | Answer::Unblocked => Told::Done,
        Answer::PaymentBegun { order, .. } => Told::Payment(order),
        Answer::RefundBegun { refund, order, .. } => Told::Refund(refund, order),
        Answer::Done => {
            return Err(Problem::mismatch());
        }
    })
}

/// What a hold's message is made of.
struct HoldFacts<'h> {
    hold: HoldId,
    seats: &'h [SeatIndex],
    deadline: Timestamp,
    offer: bool,
    state: v1::hold::State,
}

impl HoldFacts<'_> {
    fn message(&self, info: &PerformanceInfo, now: Timestamp, buyer_id: String) -> v1::Hold {
        v1::Hold {
            name: names::of_hold(&info.name, self.hold),
            buyer_id,
            seats: numbers(self.seats),
            state: self.state.into(),
            expire_time: Some(time(self.deadline)),
            server_time: Some(time(now)),
            remaining: Some(remaining(now, self.deadline)),
            amount_minor: amount_minor(info, self.seats),
            offer: self.offer,
            together: None,
        }
    }
}

/// A hold that lives.
#[must_use]
pub(crate) fn live_hold(info: &PerformanceInfo, now: Timestamp, hold: &HoldView<'_>) -> v1::Hold {
    let state = if hold.order.is_some() { v1::hold::State::Paying } else { v1::hold::State::Active };
    let HoldView { hold: id, buyer, seats, deadline, is_offer: offer, .. } = *hold;
    HoldFacts { hold: id, seats, deadline, offer, state }.message(info, now, buyer.0.to_string())
}

/// What seats cost together. They were held, so they exist and their prices add up.
fn amount_minor(info: &PerformanceInfo, seats: &[SeatIndex]) -> i64 {
    let price = |seat: &SeatIndex| {
        let place = info.layout.seats.get(seat.as_usize())?;
        info.settings.price_minor_by_category.get(usize::from(place.category.0)).copied()
    };
    seats.iter().filter_map(price).fold(0, i64::saturating_add)
}

/// Seats as the wire has them.
#[must_use]
pub(crate) fn numbers(seats: &[SeatIndex]) -> Vec<u32> {
    seats.iter().map(|seat| seat.0).collect()
}

/// A point in time as the wire has it.
#[must_use]
pub(crate) fn time(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX),
        nanos: (at.0 % 1_000) as i32 * 1_000_000,
    }
}

/// What is left until a deadline; zero when it is past.
#[must_use]
pub(crate) fn remaining(now: Timestamp, deadline: Timestamp) -> prost_types::Duration {
    let left = Duration::from_millis(deadline.since(now).0);
    prost_types::Duration {
        seconds: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        nanos: left.subsec_nanos().cast_signed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_spans() {
        assert_eq!(time(Timestamp(1_234)), prost_types::Timestamp { seconds: 1, nanos: 234_000_000 });
        let span = |now, deadline| {
            let left = remaining(Timestamp(now), Timestamp(deadline));
            (left.seconds, left.nanos)
        };
        assert_eq!(span(1_000, 3_500), (2, 500_000_000));
        assert_eq!(span(3_500, 1_000), (0, 0));
    }
}
