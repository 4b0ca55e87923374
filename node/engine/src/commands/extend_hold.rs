//! Give a hold a longer life.

use smallvec::smallvec;

use super::Events;
use super::release_hold::usable_hold;
use crate::{BuyerId, Event, HoldId, LimitKind, Rejection, State, Timestamp};

pub(super) fn decide(
    state: &State,
    now: Timestamp,
    buyer: &BuyerId,
    id: HoldId,
) -> Result<Events, Rejection> {
    let hold = usable_hold(state, now, buyer, id)?;
    let limits = &state.settings.limits;
    if hold.extensions >= limits.hold_extensions_max {
        let max = u64::from(limits.hold_extensions_max);
        return Err(Rejection::LimitReached { limit: LimitKind::HoldExtensions, max });
    }
    let life = if hold.is_offer { limits.offer_ttl_ms } else { limits.hold_ttl_ms };
    let deadline = now.plus(life).min(hold.created_at.plus(limits.hold_total_ms_max));
    if deadline <= hold.deadline {
        return Err(Rejection::LimitReached { limit: LimitKind::HoldTotal, max: limits.hold_total_ms_max.0 });
    }
    Ok(smallvec![Event::Extended { hold: id, deadline }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{OPENS, Stage, offers};
    use crate::{Action, Limits, Millis};

    const LIMITS: Limits = Limits {
        seats_per_hold_max: 4,
        seats_per_buyer_max: 4,
        waitlist_entries_per_buyer_max: 4,
        waiters_per_seat_max: 4,
        hold_extensions_max: 3,
        hold_ttl_ms: Millis(100),
        offer_ttl_ms: Millis(50),
        hold_total_ms_max: Millis(250),
        payment_attempts_max: 4,
        request_memory_ms: Millis(1_000),
        requests_remembered_max: 10,
    };

    fn extend(hold: u64) -> Action {
        Action::ExtendHold { buyer: "ann".into(), hold: HoldId(hold) }
    }

    /// Extends a hold of ann's after each of the pauses; the last deadline, counted from its beginning, or why not.
    #[track_caller]
    fn check(limits: Limits, pauses: &[u64], expected: &Result<u64, Rejection>) {
        let mut stage = Stage::new(limits);
        let hold = stage.hold("ann", &[1]);
        let mut outcome = Ok(0);
        for &pause in pauses {
            let before = stage.state.hold(hold).map(|hold| hold.deadline);
            stage.pass(Millis(pause));
            outcome = stage.act(extend(1)).map(|_| 0);
            let after = stage.state.hold(hold).map(|hold| hold.deadline);
            assert_eq!(outcome.is_err(), before == after, "a failed attempt never extends");
        }
        let deadline = stage.state.hold(hold).map_or(Timestamp(0), |hold| hold.deadline);
        assert_eq!(&outcome.map(|_| deadline.since(OPENS).0), expected);
    }

    #[test]
    fn counts_from_now_and_never_beyond_the_total() {
        let total = Err(Rejection::LimitReached { limit: LimitKind::HoldTotal, max: 250 });
        check(LIMITS, &[60], &Ok(160));
        check(LIMITS, &[60, 60], &Ok(220));
        check(LIMITS, &[90, 90], &Ok(250));
        check(LIMITS, &[90, 90, 10], &total);
        check(LIMITS, &[0], &total);
    }

    #[test]
    fn is_limited_in_number_and_ends_with_the_hold() {
        let limits = Limits { hold_extensions_max: 1, ..LIMITS };
        check(limits, &[10, 10], &Err(Rejection::LimitReached { limit: LimitKind::HoldExtensions, max: 1 }));
        check(LIMITS, &[99], &Ok(199));
        check(LIMITS, &[100], &Err(Rejection::HoldExpired));
    }

    #[test]
    fn gives_an_offer_the_life_of_an_offer() {
        let mut stage = Stage::new(LIMITS);
        let hold = stage.hold("ben", &[1]);
        stage.wait("ann", 1);
        let events = stage.must(Action::ReleaseHold { buyer: "ben".into(), hold });
        assert_eq!(offers(&events), [("ann", 1)]);
        stage.pass(Millis(20));
        assert_eq!(
            stage.must(extend(2)),
            [Event::Extended { hold: HoldId(2), deadline: OPENS.plus(Millis(70)) }]
        );
    }
}
