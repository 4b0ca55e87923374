//! Commands: what can be asked of a performance. One file per command, with its tests beneath it.

mod await_deposit;
mod begin_payment;
mod begin_refund;
mod block;
mod cancel_performance;
mod capture_late;
mod complete_refund;
mod confirm_payment;
mod decline_payment;
mod expire_hold;
mod extend_hold;
mod fail_refund;
mod hold;
mod hold_best_available;
mod join_waitlist;
mod leave_waitlist;
mod refund_account;
mod release_hold;
mod revert_deposit;
pub(crate) mod shape;
mod unblock;

use smallvec::SmallVec;

use crate::{Answer, BuyerId, CategoryIndex, CouponUse, Entry, Event, Grade, HoldId, OrderId, RefundId};
use crate::{Rejection, RequestStamp, SeatIndex, Seats, Sequence, State, Timestamp, ZoneIndex};

/// What one decision changes, in order.
pub(crate) type Events = SmallVec<[Event; 1]>;

/// Finds out what `command` would change at `now`, and changes nothing.
///
/// The order of the checks is the same for every command: its shape, whether it was answered before (I8), the sale
/// phase, what it names, and limits last.
///
/// # Errors
/// Why the command is turned down. A rejection is not remembered: the same request may be tried again.
pub fn decide(state: &State, now: Timestamp, command: &Command) -> Result<Decision, Rejection> {
    shape::check(state, &command.action)?;
    if let Some(stamp) = &command.request
        && let Some(answer) = state.requests.answer_of(stamp)?
    {
        return Ok(Decision::Replay(answer.clone()));
    }
    let events = decide_events(state, now, &command.action)?;
    let sequence = Sequence(state.sequence.0 + 1);
    Ok(Decision::Commit(Entry { sequence, at: now, request: command.request, events }))
}

fn decide_events(state: &State, now: Timestamp, action: &Action) -> Result<Events, Rejection> {
    match action {
        Action::Hold { buyer, grade, seats } => hold::decide(state, now, buyer, grade.as_ref(), seats),
        Action::HoldBestAvailable { buyer, grade, count, category, zone } => {
            let wish = crate::best_available::Wish { count: *count, category: *category, zone: *zone };
            hold_best_available::decide(state, now, buyer, grade.as_ref(), &wish)
        }
        Action::ExtendHold { buyer, hold } => extend_hold::decide(state, now, buyer, *hold),
        Action::ReleaseHold { buyer, hold } => release_hold::decide(state, now, buyer, *hold),
        Action::ExpireHold { hold } => expire_hold::decide(state, now, *hold),
        Action::BeginPayment { buyer, hold, amount_minor, payment_key, coupon } => {
            let payment =
                begin_payment::Payment { amount_minor: *amount_minor, payment_key, coupon: coupon.as_ref() };
            begin_payment::decide(state, now, buyer, *hold, &payment)
        }
        Action::AwaitDeposit { order, deadline } => await_deposit::decide(state, now, *order, *deadline),
        Action::ConfirmPayment { order } => confirm_payment::decide(state, now, *order),
        Action::DeclinePayment { order, reason } => decline_payment::decide(state, now, *order, reason),
        Action::CaptureLate { order, has_coupon } => capture_late::decide(state, now, *order, *has_coupon),
        Action::RevertDeposit { order, note } => revert_deposit::decide(state, now, *order, note),
        Action::BeginRefund { by, order, seats, note, to_account } => {
            let wish = begin_refund::Wish { by, seats, note, to_account: *to_account };
            begin_refund::decide(state, now, *order, &wish)
        }
        Action::CompleteRefund { refund } => complete_refund::decide(state, now, *refund),
        Action::FailRefund { refund, reason } => fail_refund::decide(state, *refund, reason),
        Action::JoinWaitlist { buyer, grade, seat } => {
            join_waitlist::decide(state, now, buyer, grade.as_ref(), *seat)
        }
        Action::LeaveWaitlist { buyer, seat } => leave_waitlist::decide(state, buyer, *seat),
        Action::Block { seats } => block::decide(state, seats),
        Action::Unblock { seats } => unblock::decide(state, now, seats),
        Action::CancelPerformance => cancel_performance::decide(state),
    }
}

/// A wish, with the key that makes repeating it harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The caller's key; none for timers and for the node itself.
    pub request: Option<RequestStamp>,
    /// What is wished.
    pub action: Action,
}

/// What can be wished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hold these seats, all or nothing.
    Hold {
        /// Who asks.
        buyer: BuyerId,
        /// The buyer's member grade, if any.
        grade: Option<Grade>,
        /// The seats.
        seats: Seats,
    },
    /// Hold the best seats that are free together.
    HoldBestAvailable {
        /// Who asks.
        buyer: BuyerId,
        /// The buyer's member grade, if any.
        grade: Option<Grade>,
        /// How many seats.
        count: u32,
        /// Only this category.
        category: Option<CategoryIndex>,
        /// Only this zone.
        zone: Option<ZoneIndex>,
    },
    /// Give a hold a new life of `hold_ttl_ms` from now, within `hold_total_ms_max`.
    ExtendHold {
        /// Who asks.
        buyer: BuyerId,
        /// The hold.
        hold: HoldId,
    },
    /// Give the seats of a hold back.
    ReleaseHold {
        /// Who asks.
        buyer: BuyerId,
        /// The hold.
        hold: HoldId,
    },
    /// The timer's wish: the deadline of a hold or an offer has come.
    ExpireHold {
        /// The hold.
        hold: HoldId,
    },
    /// Begin to pay a hold.
    BeginPayment {
        /// Who asks.
        buyer: BuyerId,
        /// The hold.
        hold: HoldId,
        /// What the caller believes that it costs after the discount, in minor units: only compared.
        amount_minor: i64,
        /// The provider's key for the payment.
        payment_key: Box<str>,
        /// The coupon that was reserved for it, if any.
        coupon: Option<CouponUse>,
    },
    /// The provider has opened a virtual account for the order and waits for its deposit.
    AwaitDeposit {
        /// The order.
        order: OrderId,
        /// When the account closes, by the provider.
        deadline: Timestamp,
    },
    /// The provider has captured the money.
    ConfirmPayment {
        /// The order.
        order: OrderId,
    },
    /// The provider has declined.
    DeclinePayment {
        /// The order.
        order: OrderId,
        /// The provider's reason.
        reason: Box<str>,
    },
    /// The provider has captured the money of an order that was declined.
    CaptureLate {
        /// The order.
        order: OrderId,
        /// Whether the coupon that it was priced with is reserved for its hold again. Means nothing where there was none.
        has_coupon: bool,
    },
    /// The bank has taken the deposit of a paid order back.
    RevertDeposit {
        /// The order.
        order: OrderId,
        /// What the provider says of it.
        note: Box<str>,
    },
    /// Begin to refund an order or some of its seats; or, with an account, let a refund go on that waits for one.
    BeginRefund {
        /// Who asks.
        by: RefundBy,
        /// The order.
        order: OrderId,
        /// Its seats to give back; empty for all that are left.
        seats: Seats,
        /// Why, in the caller's words.
        note: Box<str>,
        /// Whether an account is kept that the money can go to: a deposit goes back to none by itself.
        to_account: bool,
    },
    /// The provider has paid the refund.
    CompleteRefund {
        /// The refund.
        refund: RefundId,
    },
    /// The provider has refused the refund for good.
    FailRefund {
        /// The refund.
        refund: RefundId,
        /// The provider's reason.
        reason: Box<str>,
    },
    /// Queue for a seat.
    JoinWaitlist {
        /// Who asks.
        buyer: BuyerId,
        /// The buyer's member grade, if any.
        grade: Option<Grade>,
        /// The seat.
        seat: SeatIndex,
    },
    /// Stop queueing for a seat.
    LeaveWaitlist {
        /// Who asks.
        buyer: BuyerId,
        /// The seat.
        seat: SeatIndex,
    },
    /// Take free seats out of the sale.
    Block {
        /// The seats.
        seats: Seats,
    },
    /// Put blocked seats back into the sale.
    Unblock {
        /// The seats.
        seats: Seats,
    },
    /// End the sale for good, since the performance will not take place. Its orders are refunded one by one after it.
    CancelPerformance,
}

/// Who asks for a refund: it decides what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundBy {
    /// The buyer, whom the policy of the performance binds, unless the performance was cancelled.
    Buyer(BuyerId),
    /// An administrator, whom it does not bind.
    Admin {
        /// What is kept, in minor units.
        fee_minor: i64,
    },
    /// The node, since the performance was cancelled: everything goes back.
    Cancellation,
}

/// What `decide` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// New facts, to be evolved, journalled and then answered.
    Commit(Entry),
    /// The request was answered before: the same answer again, and no new facts (I8).
    Replay(Answer),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Stage, hold};
    use crate::{Limits, Millis, RequestId, evolve};

    fn request(id: u8, fingerprint: u64, action: Action) -> Command {
        Command { request: Some(RequestStamp { id: RequestId([id; 16]), fingerprint }), action }
    }

    fn send(stage: &mut Stage, command: &Command) -> Result<Answer, Rejection> {
        Ok(match decide(&stage.state, stage.now, command)? {
            Decision::Commit(entry) => evolve(&mut stage.state, &entry, &mut Vec::new()),
            Decision::Replay(answer) => answer,
        })
    }

    /// I8.
    #[test]
    fn a_repeated_request_gets_the_same_answer_and_changes_nothing() {
        let mut stage = Stage::new(Limits::default());
        let command = request(1, 7, hold("ann", &[1]));
        let answer = send(&mut stage, &command);
        stage.must(Action::ReleaseHold { buyer: "ann".into(), hold: HoldId(1) });
        let before = stage.state.clone();
        assert_eq!(send(&mut stage, &command), answer);
        assert!(stage.state == before);
        let other = request(1, 8, hold("ann", &[2]));
        assert_eq!(send(&mut stage, &other), Err(Rejection::RequestIdReused));
    }

    #[test]
    fn a_rejected_request_may_be_tried_again() {
        let mut stage = Stage::new(Limits::default());
        let id = stage.hold("ann", &[1]);
        let command = request(1, 7, hold("ben", &[1]));
        assert!(send(&mut stage, &command).is_err());
        stage.must(Action::ReleaseHold { buyer: "ann".into(), hold: id });
        assert!(send(&mut stage, &command).is_ok());
    }

    #[test]
    fn answers_are_forgotten_by_age_and_by_number() {
        let limits =
            Limits { requests_remembered_max: 2, request_memory_ms: Millis(100), ..Limits::default() };
        let mut stage = Stage::new(limits);
        for number in 1..=3 {
            assert!(send(&mut stage, &request(number, 7, hold("ann", &[number.into()]))).is_ok());
        }
        // The first is decided afresh, and finds its own seat taken; the others are remembered.
        assert!(send(&mut stage, &request(1, 7, hold("ann", &[1]))).is_err());
        assert!(send(&mut stage, &request(2, 7, hold("ann", &[2]))).is_ok());
        stage.pass(Millis(100));
        stage.hold("ben", &[9]);
        assert!(send(&mut stage, &request(3, 7, hold("ann", &[3]))).is_err());
    }
}
