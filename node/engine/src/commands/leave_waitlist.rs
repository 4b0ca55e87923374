//! Stop queueing for a seat. Possible at any time, also when the sale is over.

use smallvec::smallvec;

use super::Events;
use crate::{BuyerId, Event, Rejection, SeatIndex, State};

pub(super) fn decide(state: &State, name: &BuyerId, seat: SeatIndex) -> Result<Events, Rejection> {
    let wait = state.buyers.find(name).and_then(|buyer| buyer.wait_of(seat));
    wait.ok_or(Rejection::NotWaiting)?;
    Ok(smallvec![Event::WaitlistLeft { seat, buyer: name.clone() }])
}

#[cfg(test)]
mod tests {
    use crate::testing::Stage;
    use crate::{Action, Limits, Rejection, SeatIndex};

    #[test]
    fn moves_everybody_behind_up() {
        let mut stage = Stage::new(Limits::default());
        stage.hold("ann", &[1]);
        for buyer in ["ben", "cat", "dan"] {
            stage.wait(buyer, 1);
        }
        let leave = Action::LeaveWaitlist { buyer: "ben".into(), seat: SeatIndex(1) };
        stage.must(leave.clone());
        let position = |buyer: &str| stage.state.waitlist_position(&buyer.into(), SeatIndex(1));
        assert_eq!(["ben", "cat", "dan"].map(position), [None, Some(1), Some(2)]);
        assert_eq!(stage.act(leave), Err(Rejection::NotWaiting));
    }
}
