//! Hold seats that the buyer chose.

use smallvec::smallvec;

use super::Events;
use crate::state::seats::Claim;
use crate::{BuyerId, Event, Grade, LimitKind, Rejection, SeatIndex, SeatList, Seats, State, Timestamp};

pub(super) fn decide(
    state: &State,
    now: Timestamp,
    buyer: &BuyerId,
    grade: Option<&Grade>,
    seats: &Seats,
) -> Result<Events, Rejection> {
    state.open_phase(now, grade)?;
    require_free(state, seats)?;
    require_room(state, buyer, seats.len() as u32)?;
    Ok(smallvec![held(state, now, buyer, seats.clone(), None)])
}

/// The event of a new hold of free seats.
pub(super) fn held(
    state: &State,
    now: Timestamp,
    buyer: &BuyerId,
    seats: Seats,
    together: Option<bool>,
) -> Event {
    let limits = &state.settings.limits;
    let deadline = now.plus(limits.hold_ttl_ms.min(limits.hold_total_ms_max));
    Event::Held { hold: state.holds.next_id(0), buyer: buyer.clone(), seats, deadline, together }
}

/// The buyer may claim so many seats more.
pub(super) fn require_room(state: &State, buyer: &BuyerId, more: u32) -> Result<(), Rejection> {
    let max = state.settings.limits.seats_per_buyer_max;
    if state.buyers.claims_of(buyer).saturating_add(more) > max {
        return Err(Rejection::LimitReached { limit: LimitKind::SeatsPerBuyer, max: u64::from(max) });
    }
    Ok(())
}

/// Names all seats that are taken, or else all that are blocked.
fn require_free(state: &State, seats: &[SeatIndex]) -> Result<(), Rejection> {
    if seats.iter().all(|&seat| state.seats.is_free(seat)) {
        return Ok(());
    }
    let claimed = |is_wanted: fn(Claim) -> bool| -> SeatList {
        seats.iter().copied().filter(|&seat| is_wanted(state.seats.claim(seat))).collect()
    };
    let taken = claimed(|claim| !matches!(claim, Claim::Free | Claim::Blocked));
    if !taken.is_empty() {
        return Err(Rejection::SeatTaken(taken));
    }
    Err(Rejection::SeatBlocked(claimed(|claim| claim == Claim::Blocked)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{OPENS, Stage, hold, layout, seats, settings};
    use crate::{Action, Audience, HoldId, Limits, Millis, SeatStatus};

    /// Seats 1 and 2 are held, 3 is sold, 4 and 5 are blocked; ann has two seats, and three are the limit.
    fn stage() -> Stage {
        let mut stage =
            Stage::new(Limits { seats_per_hold_max: 4, seats_per_buyer_max: 3, ..Limits::default() });
        stage.hold("ann", &[1, 2]);
        stage.buy("ben", &[3]);
        stage.must(Action::Block { seats: seats(&[4, 5]) });
        stage
    }

    #[track_caller]
    fn check(buyer: &str, named: &[u32], expected: Rejection) {
        let mut stage = stage();
        let before = stage.state.clone();
        assert_eq!(stage.act(hold(buyer, named)), Err(expected));
        assert!(stage.state == before, "a rejection changes nothing");
    }

    #[test]
    fn takes_all_seats_until_the_deadline() {
        let mut stage = Stage::new(Limits::default());
        let deadline = OPENS.plus(Millis(600_000));
        let (buyer, named) = (BuyerId::from("ann"), seats(&[7, 3]));
        let event = Event::Held { hold: HoldId(1), buyer, seats: named, deadline, together: None };
        assert_eq!(stage.must(hold("ann", &[7, 3])), [event]);
        assert_eq!(stage.state.seat_status(SeatIndex(3)), Some(SeatStatus::Held));
        assert_eq!(stage.state.claims_of(&"ann".into()), 2);
    }

    #[test]
    fn rejects_what_is_not_free_or_not_a_list_of_seats() {
        check("cat", &[], Rejection::NoSeats);
        check("cat", &[6, 7, 6], Rejection::DuplicateSeat(SeatIndex(6)));
        check("cat", &[6, 10], Rejection::SeatOutOfRange { seat: SeatIndex(10), capacity: 10 });
        check("cat", &[0, 6, 7, 8, 9], Rejection::LimitReached { limit: LimitKind::SeatsPerHold, max: 4 });
        check("cat", &[3, 6, 1], Rejection::SeatTaken(smallvec![SeatIndex(3), SeatIndex(1)]));
        check("cat", &[3, 4], Rejection::SeatTaken(smallvec![SeatIndex(3)]));
        check("cat", &[6, 5, 4], Rejection::SeatBlocked(smallvec![SeatIndex(5), SeatIndex(4)]));
    }

    #[test]
    fn counts_what_the_buyer_has() {
        check("ann", &[6, 7], Rejection::LimitReached { limit: LimitKind::SeatsPerBuyer, max: 3 });
        // What somebody else has matters more.
        check("ann", &[3, 6], Rejection::SeatTaken(smallvec![SeatIndex(3)]));
        stage().must(hold("ann", &[6]));
        stage().must(hold("ben", &[6, 7]));
    }

    #[test]
    fn is_bound_to_the_open_phase() {
        let mut settings = settings(Limits::default());
        let general = settings.phases[0].clone();
        let (presale_opens, presale_closes) = (OPENS.plus(Millis(10)), OPENS.plus(Millis(20)));
        let general_opens = OPENS.plus(Millis(30));
        let audience = Audience::Presale(vec![Grade("vip".into())]);
        let window = (presale_opens, presale_closes);
        let presale =
            crate::SalePhase { audience, opens_at: window.0, closes_at: window.1, waitlist_open: false };
        let closes_at = OPENS.plus(Millis(40));
        settings.phases = vec![presale, crate::SalePhase { opens_at: general_opens, closes_at, ..general }];
        let mut stage = Stage::with(layout(&[&[10]]), settings);
        let mut ask = |at: u64, grade: Option<&str>| {
            stage.now = OPENS.plus(Millis(at));
            let grade = grade.map(|name| Grade(name.into()));
            stage.decide(Action::Hold { buyer: "ann".into(), grade, seats: seats(&[0]) }).err()
        };
        assert_eq!(ask(9, Some("vip")), Some(Rejection::SaleNotOpen { opens_at: Some(presale_opens) }));
        assert_eq!(ask(10, Some("vip")), None);
        assert_eq!(ask(10, Some("gold")), Some(Rejection::PresaleOnly { opens_at: Some(general_opens) }));
        assert_eq!(ask(19, None), Some(Rejection::PresaleOnly { opens_at: Some(general_opens) }));
        assert_eq!(ask(20, Some("vip")), Some(Rejection::SaleNotOpen { opens_at: Some(general_opens) }));
        assert_eq!(ask(30, None), None);
        assert_eq!(ask(40, None), Some(Rejection::SaleNotOpen { opens_at: None }));
    }
}
