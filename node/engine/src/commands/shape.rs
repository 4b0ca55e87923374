//! What is wrong with a command whatever the state: checked before anything is looked up.

use smallvec::SmallVec;

use super::Action;
use crate::{LimitKind, Rejection, SeatIndex, State};

pub(super) fn check(state: &State, action: &Action) -> Result<(), Rejection> {
    match action {
        Action::Hold { seats, .. } => {
            check_count(state, seats.len() as u64)?;
            check_distinct(seats)?;
            check_range(state, seats)
        }
        Action::HoldBestAvailable { count, category, zone, .. } => {
            check_count(state, u64::from(*count))?;
            let layout = state.layout();
            if category.is_some_and(|category| usize::from(category.0) >= layout.categories.len()) {
                return Err(Rejection::UnknownFilter { what: "category" });
            }
            if zone.is_some_and(|zone| usize::from(zone.0) >= layout.zones.len()) {
                return Err(Rejection::UnknownFilter { what: "zone" });
            }
            Ok(())
        }
        Action::JoinWaitlist { seat, .. } | Action::LeaveWaitlist { seat, .. } => {
            check_range(state, &[*seat])
        }
        Action::BeginRefund { seats, .. } => check_distinct(seats),
        Action::Block { seats } | Action::Unblock { seats } => {
            if seats.is_empty() {
                return Err(Rejection::NoSeats);
            }
            check_distinct(seats)?;
            check_range(state, seats)
        }
        Action::ExtendHold { .. }
        | Action::ReleaseHold { .. }
        | Action::ExpireHold { .. }
        | Action::BeginPayment { .. }
        | Action::AwaitDeposit { .. }
        | Action::ConfirmPayment { .. }
        | Action::DeclinePayment { .. }
        | Action::CaptureLate { .. }
        | Action::RevertDeposit { .. }
        | Action::CompleteRefund { .. }
        | Action::FailRefund { .. }
        | Action::CancelPerformance => Ok(()),
    }
}

/// Comes before the look at each seat, so that the work per command is bounded by the limit.
fn check_count(state: &State, count: u64) -> Result<(), Rejection> {
    let max = state.settings.limits.seats_per_hold_max;
    if count == 0 {
        return Err(Rejection::NoSeats);
    }
    if count > u64::from(max) {
        return Err(Rejection::LimitReached { limit: LimitKind::SeatsPerHold, max: u64::from(max) });
    }
    Ok(())
}

/// Names the lowest seat that is there twice.
pub(crate) fn check_distinct(seats: &[SeatIndex]) -> Result<(), Rejection> {
    let mut sorted: SmallVec<[SeatIndex; 16]> = SmallVec::from_slice(seats);
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Rejection::DuplicateSeat(pair[0])),
        None => Ok(()),
    }
}

fn check_range(state: &State, seats: &[SeatIndex]) -> Result<(), Rejection> {
    match seats.iter().find(|seat| !state.layout.contains(**seat)) {
        Some(&seat) => Err(Rejection::SeatOutOfRange { seat, capacity: state.capacity() }),
        None => Ok(()),
    }
}
