//! What the engine's rejections are called outside.

use std::time::{Duration, UNIX_EPOCH};

use earlybird_engine::{LimitKind, OrderStateName, Rejection, SeatIndex, SeatList, Timestamp};
use smallvec::smallvec;

use super::{Detail, Problem, Reason};
use crate::ingress::names;

impl Problem {
    /// Why the engine turned a command down. `performance` is the whole name of the performance.
    #[must_use]
    pub fn rejected(rejection: Rejection, performance: &str) -> Self {
        match rejection {
            // By far the most frequent: nothing here allocates.
            Rejection::SeatTaken(seats) => Self::new(Reason::SeatTaken, "seats are taken").about(seats),
            Rejection::SeatBlocked(seats) => Self::new(Reason::SeatBlocked, "seats are blocked").about(seats),
            Rejection::SeatNotFree(seats) => {
                Self::new(Reason::SeatNotFree, "seats are not free").about(seats)
            }
            Rejection::SeatNotBlocked(seats) => {
                Self::new(Reason::SeatNotBlocked, "seats are not blocked").about(seats)
            }
            Rejection::NoSeats => invalid_seats("no seats named", SeatList::new()),
            Rejection::DuplicateSeat(seat) => {
                invalid_seats(format!("seat {seat} is named twice"), smallvec![seat])
            }
            Rejection::SeatOutOfRange { seat, capacity } => out_of_range(seat, capacity),
            Rejection::SeatNotInOrder(seats) => invalid_seats("seats are not part of the order", seats),
            Rejection::NotEnoughSeats { free } => {
                Self::new(Reason::NotEnoughSeats, "not enough seats are free").with("free", free.to_string())
            }
            Rejection::UnknownFilter { what } => Self::field(what, format!("the venue has no such {what}")),
            Rejection::RequestIdReused => Self::new(Reason::RequestIdReused, "")
                .with_field("request_id", "was used before for another request"),
            Rejection::SaleNotOpen { opens_at } => {
                opening(Self::new(Reason::SaleNotOpen, "the sale is not open"), opens_at)
            }
            Rejection::PresaleOnly { opens_at } => {
                opening(Self::new(Reason::PresaleOnly, "only members of the presale may buy now"), opens_at)
            }
            Rejection::LimitReached { limit, max } => limit_reached(limit, max),
            Rejection::PaymentInProgress(order) => {
                Self::new(Reason::PaymentInProgress, "a payment of the hold is in progress")
                    .with("order", names::of_order(performance, order))
            }
            money @ (Rejection::AmountMismatch { .. }
            | Rejection::InvalidDiscount { .. }
            | Rejection::RefundDeadlinePassed { .. }
            | Rejection::InvalidFee { .. }
            | Rejection::OrderState(_)) => about_money(money),
            plain @ (Rejection::WaitlistNotOpen
            | Rejection::HoldNotFound
            | Rejection::HoldExpired
            | Rejection::NotHolder
            | Rejection::AmountOverflow
            | Rejection::VirtualAccountNotAllowed
            | Rejection::DepositAwaited { .. }
            | Rejection::RefundNotAllowed
            | Rejection::RefundAccountRequired
            | Rejection::PerformanceCancelled
            | Rejection::OrderNotFound
            | Rejection::RefundNotFound
            | Rejection::AlreadyWaiting
            | Rejection::NotWaiting
            | Rejection::SeatFree
            | Rejection::AlreadyHolder
            | Rejection::NotDue) => without_facts(&plain),
        }
    }
}

/// The rejections that say how much, or until when.
fn about_money(rejection: Rejection) -> Problem {
    let message = rejection.to_string();
    match rejection {
        Rejection::AmountMismatch { expected_minor, discount_minor, currency } => {
            Problem::new(Reason::AmountMismatch, message)
                .with("expected_minor", expected_minor.to_string())
                .with("discount_minor", discount_minor.to_string())
                .with("currency_code", currency)
        }
        Rejection::InvalidDiscount { discount_minor, price_minor } => {
            Problem::new(Reason::InvalidDiscount, message)
                .with("discount_minor", discount_minor.to_string())
                .with("price_minor", price_minor.to_string())
        }
        Rejection::RefundDeadlinePassed { closed_at } => {
            Problem::new(Reason::RefundDeadlinePassed, message).with("close_time", rfc3339(closed_at))
        }
        Rejection::InvalidFee { fee_minor, paid_minor } => Problem::new(Reason::InvalidFee, message)
            .with("fee_minor", fee_minor.to_string())
            .with("paid_minor", paid_minor.to_string()),
        Rejection::OrderState(state) => {
            Problem::new(Reason::OrderState, message).with("state", state_text(state))
        }
        other => without_facts(&other),
    }
}

/// The rejections that say all there is to say by their reason.
fn without_facts(rejection: &Rejection) -> Problem {
    let (reason, message) = match rejection {
        Rejection::WaitlistNotOpen => (Reason::WaitlistNotOpen, "the waitlist is not open"),
        Rejection::HoldNotFound => (Reason::HoldNotFound, "no such hold"),
        Rejection::HoldExpired => (Reason::HoldExpired, "the hold has expired"),
        Rejection::NotHolder => (Reason::NotHolder, "it belongs to another buyer"),
        Rejection::AmountOverflow => {
            (Reason::AmountOverflow, "the seats cost more than can be charged at once")
        }
        Rejection::RefundNotAllowed => {
            (Reason::RefundNotAllowed, "the performance does not give money back to its buyers")
        }
        Rejection::RefundAccountRequired => {
            (Reason::RefundAccountRequired, "a deposit goes back to an account: name one in refund_account")
        }
        Rejection::PerformanceCancelled => (Reason::PerformanceCancelled, "the performance is cancelled"),
        Rejection::OrderNotFound => (Reason::OrderNotFound, "no such order"),
        Rejection::AlreadyWaiting => (Reason::AlreadyWaiting, "the buyer waits for the seat already"),
        Rejection::NotWaiting => (Reason::NotWaiting, "the buyer does not wait for the seat"),
        Rejection::SeatFree => (Reason::SeatFree, "the seat is free: hold it"),
        Rejection::AlreadyHolder => (Reason::AlreadyHolder, "the buyer has the seat already"),
        // Answers to timers and to payments, which are the node itself: no caller's command ends here.
        _ => (Reason::Internal, "the server asked itself for something impossible"),
    };
    Problem::new(reason, message)
}

fn invalid_seats(what: impl Into<std::borrow::Cow<'static, str>>, seats: SeatList) -> Problem {
    Problem::new(Reason::InvalidSeats, "").with_field("seats", what).about(seats)
}

fn out_of_range(seat: SeatIndex, capacity: u32) -> Problem {
    let what = match capacity.checked_sub(1) {
        Some(last) => format!("there is no seat {seat}: the performance has seats 0 to {last}"),
        None => format!("there is no seat {seat}: the performance has no seats"),
    };
    invalid_seats(what, smallvec![seat]).with("capacity", capacity.to_string())
}

fn opening(problem: Problem, opens_at: Option<Timestamp>) -> Problem {
    match opens_at {
        Some(opens_at) => problem.with("open_time", rfc3339(opens_at)),
        None => problem,
    }
}

/// A moment as metadata has it.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    // The last moment that the format can show, so that a far future does not overflow.
    const YEAR_9999_MS: u64 = 253_402_300_799_000;
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at.0.min(YEAR_9999_MS))).to_string()
}

fn limit_reached(limit: LimitKind, max: u64) -> Problem {
    // The names are those of the performance's `limits`.
    let (subject, what) = match limit {
        LimitKind::SeatsPerHold => ("seats_per_hold_max", "seats in one hold"),
        LimitKind::SeatsPerBuyer => ("seats_per_buyer_max", "seats of one buyer"),
        LimitKind::WaitlistEntriesPerBuyer => {
            ("waitlist_entries_per_buyer_max", "waitlist places of one buyer")
        }
        LimitKind::WaitersPerSeat => ("waiters_per_seat_max", "waiters of one seat"),
        LimitKind::HoldExtensions => ("hold_extensions_max", "extensions of one hold"),
        LimitKind::HoldTotal => ("hold_total_max", "milliseconds of a hold with its extensions"),
        LimitKind::PaymentAttempts => ("payment_attempts_max", "payments of one hold"),
        LimitKind::RefundAttempts => ("payment_attempts_max", "refused refunds of one order"),
    };
    let description = format!("at most {max} {what}");
    let mut problem = Problem::new(Reason::LimitReached, description.clone())
        .with("limit", subject)
        .with("max", max.to_string());
    problem.detail = Some(Box::new(Detail::Quota { subject, description }));
    problem
}

fn state_text(state: OrderStateName) -> &'static str {
    match state {
        OrderStateName::Paying => "PAYING",
        OrderStateName::Paid => "PAID",
        OrderStateName::Declined => "DECLINED",
        OrderStateName::Refunding => "REFUNDING",
        OrderStateName::Refunded => "REFUNDED",
    }
}

#[cfg(test)]
#[path = "rejection_tests.rs"]
mod tests;
