//! Stop queueing for a seat. Possible at any time, also when the sale is over.

use smallvec::smallvec;

use super::Events;
use crate::{BuyerId, Event, Rejection, SeatIndex, State};

pub(super) fn decide(state: &State, name: &BuyerId, seat: SeatIndex) -> Result<Events, Rejection> {
    let wait = state.buyers.find(name).and_then(|buyer| buyer.wait_of(seat));
    wait.ok_or(Rejection::NotWaiting)?;
    Ok(smallvec![Event::WaitlistLeft { seat, buyer: name.clone() }])
}
