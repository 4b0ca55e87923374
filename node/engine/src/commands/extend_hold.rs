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
