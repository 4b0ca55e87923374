//! What is counted at the edge, by handles that are registered once: no name is looked up for a command.

use std::sync::OnceLock;
use std::time::Duration;

use earlybird_engine::Action;
use metrics::{Counter, Gauge, Histogram};

use super::status::Reason;

/// Which method a command came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `Seating.HoldSeats`
    HoldSeats,
    /// `Seating.HoldBestAvailable`
    HoldBestAvailable,
    /// `Seating.ExtendHold`
    ExtendHold,
    /// `Seating.ReleaseHold`
    ReleaseHold,
    /// `Waitlist.JoinWaitlist`
    JoinWaitlist,
    /// `Waitlist.LeaveWaitlist`
    LeaveWaitlist,
    /// `Orders.PayHold`
    PayHold,
    /// `Orders.RefundOrder`
    RefundOrder,
    /// `Admin.BlockSeats`
    BlockSeats,
    /// `Admin.UnblockSeats`
    UnblockSeats,
    /// A command that could not be read.
    Invalid,
}

impl Kind {
    const ALL: [(Self, &str); 11] = [
        (Self::HoldSeats, "hold_seats"),
        (Self::HoldBestAvailable, "hold_best_available"),
        (Self::ExtendHold, "extend_hold"),
        (Self::ReleaseHold, "release_hold"),
        (Self::JoinWaitlist, "join_waitlist"),
        (Self::LeaveWaitlist, "leave_waitlist"),
        (Self::PayHold, "pay_hold"),
        (Self::RefundOrder, "refund_order"),
        (Self::BlockSeats, "block_seats"),
        (Self::UnblockSeats, "unblock_seats"),
        (Self::Invalid, "invalid"),
    ];

    /// The method that an action comes by.
    #[must_use]
    pub fn of(action: &Action) -> Self {
        match action {
            Action::Hold { .. } => Self::HoldSeats,
            Action::HoldBestAvailable { .. } => Self::HoldBestAvailable,
            Action::ExtendHold { .. } => Self::ExtendHold,
            Action::ReleaseHold { .. } => Self::ReleaseHold,
            Action::JoinWaitlist { .. } => Self::JoinWaitlist,
            Action::LeaveWaitlist { .. } => Self::LeaveWaitlist,
            Action::BeginPayment { .. } => Self::PayHold,
            Action::BeginRefund { .. } => Self::RefundOrder,
            Action::Block { .. } => Self::BlockSeats,
            Action::Unblock { .. } => Self::UnblockSeats,
            // Only the node itself wishes these.
            Action::ExpireHold { .. }
            | Action::ConfirmPayment { .. }
            | Action::DeclinePayment { .. }
            | Action::CompleteRefund { .. }
            | Action::FailRefund { .. }
            | Action::AwaitDeposit { .. }
            | Action::CaptureLate { .. }
            | Action::RevertDeposit { .. }
            | Action::CancelPerformance => Self::Invalid,
        }
    }
}

/// `OK`, and then one place for each reason.
const OUTCOMES: usize = Reason::ALL.len() + 1;

/// What became of a command: none is success.
pub type Outcome = Option<Reason>;

fn place(outcome: Outcome) -> usize {
    outcome.map_or(0, |reason| reason as usize + 1)
}

/// Handles of one kind of command.
struct KindMeters {
    /// Most are registered when first needed: many pairs of kind and outcome never occur, and would be noise.
    outcomes: [OnceLock<Counter>; OUTCOMES],
    latency: Histogram,
}

/// All handles of the edge.
pub struct Meters {
    kinds: Vec<KindMeters>,
    sessions: Gauge,
    seat_map_watches: Gauge,
    offer_watches: Gauge,
}

/// A stream that lasts.
#[derive(Clone, Copy, Debug)]
pub enum StreamKind {
    /// `Seating.Session`
    Session,
    /// `Seating.WatchSeatMap`
    WatchSeatMap,
    /// `Waitlist.WatchOffers`
    WatchOffers,
}

impl Default for Meters {
    fn default() -> Self {
        let kinds = Kind::ALL.iter().map(|&(_, command)| KindMeters {
            outcomes: [const { OnceLock::new() }; OUTCOMES],
            latency: metrics::histogram!("earlybird_command_seconds", "command" => command),
        });
        let meters = Self {
            kinds: kinds.collect(),
            sessions: metrics::gauge!("earlybird_streams", "method" => "session"),
            seat_map_watches: metrics::gauge!("earlybird_streams", "method" => "watch_seat_map"),
            offer_watches: metrics::gauge!("earlybird_streams", "method" => "watch_offers"),
        };
        // What alerts look at is there before it happens.
        for (kind, _) in Kind::ALL {
            for outcome in [None, Some(Reason::Overloaded), Some(Reason::StoreUnavailable)] {
                meters.count(kind, outcome, 0);
            }
        }
        meters
    }
}

impl Meters {
    /// Counts commands of one kind that came to the same.
    pub fn count(&self, kind: Kind, outcome: Outcome, times: u64) {
        let counter = self.kinds[kind as usize].outcomes[place(outcome)].get_or_init(|| {
            let outcome = outcome.map_or("OK", Reason::as_str);
            let (_, command) = Kind::ALL[kind as usize];
            metrics::counter!("earlybird_commands_total", "command" => command, "outcome" => outcome)
        });
        counter.increment(times);
    }

    /// Notes how long a command took, from its arrival to its reply.
    pub fn took(&self, kind: Kind, time: Duration) {
        self.kinds[kind as usize].latency.record(time.as_secs_f64());
    }

    /// Counts a stream for as long as the guard lives.
    #[must_use]
    pub fn stream(&self, kind: StreamKind) -> LiveStream {
        let gauge = match kind {
            StreamKind::Session => &self.sessions,
            StreamKind::WatchSeatMap => &self.seat_map_watches,
            StreamKind::WatchOffers => &self.offer_watches,
        };
        gauge.increment(1.0);
        LiveStream(gauge.clone())
    }
}

/// A stream that lives.
pub struct LiveStream(Gauge);

impl Drop for LiveStream {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Counts of one batch of a session, so that the shared counters are touched once and not for every command.
#[derive(Default)]
pub struct Tally(Vec<(Kind, Outcome, u64)>);

impl Tally {
    /// Counts one command.
    pub fn add(&mut self, kind: Kind, outcome: Outcome) {
        // A batch has few distinct pairs, and nearly always the same one first.
        match self.0.iter_mut().find(|(known, what, _)| (*known, *what) == (kind, outcome)) {
            Some((_, _, times)) => *times += 1,
            None => self.0.push((kind, outcome, 1)),
        }
    }

    /// Adds the counts to the shared ones.
    pub fn flush(&mut self, meters: &Meters) {
        for (kind, outcome, times) in self.0.drain(..) {
            meters.count(kind, outcome, times);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_distinct() {
        assert!(Kind::ALL.iter().enumerate().all(|(place, &(kind, _))| kind as usize == place));
        assert!(Reason::ALL.iter().all(|&reason| place(Some(reason)) != place(None)));
        assert!(Reason::ALL.iter().all(|&reason| place(Some(reason)) < OUTCOMES));
    }

    #[test]
    fn a_tally_is_empty_after_it_was_flushed() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.add(Kind::HoldSeats, Some(Reason::SeatTaken));
        }
        tally.add(Kind::HoldSeats, None);
        assert_eq!(tally.0, [(Kind::HoldSeats, Some(Reason::SeatTaken), 3), (Kind::HoldSeats, None, 1)]);
        tally.flush(&Meters::default());
        assert!(tally.0.is_empty());
    }
}
