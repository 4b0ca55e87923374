//! Buyers who want the same seats of many performances, and remember what they were promised.

use std::ops::Range;

use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Reply;
use earlybird_proto::v1::{SessionRequest, SessionResponse};

use super::commands::{Commands, tagged};
use super::{Answered, Script, meaning};

/// Asks for one seat of each performance in turn, then for the next seat of each. Two that are given the same seats want
/// the same ones at the same time.
#[derive(Debug)]
pub struct Rivals {
    performances: Vec<Commands>,
    seats: Range<u32>,
    sent: u64,
    kept: Vec<Kept>,
}

/// A hold that was acknowledged, and never given back.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its name.
    pub hold: String,
    /// Whose it is.
    pub buyer: String,
    /// Of which performance, by name.
    pub performance: String,
    /// The seat.
    pub seat: u32,
}

impl Rivals {
    /// Wants these seats of each of the performances.
    #[must_use]
    pub fn new(performances: &[String], seats: Range<u32>) -> Self {
        let performances = performances.iter().map(|name| Commands::new(name)).collect();
        Self { performances, seats, sent: 0, kept: Vec::new() }
    }

    /// Which of the performances a command is about.
    #[must_use]
    pub fn performance_of(&self, tag: u64) -> usize {
        (tag % self.performances.len() as u64) as usize
    }

    /// What they were promised.
    #[must_use]
    pub fn into_kept(self) -> Vec<Kept> {
        self.kept
    }

    fn seat_of(&self, tag: u64) -> u32 {
        self.seats.start + (tag / self.performances.len() as u64) as u32
    }
}

impl Script for Rivals {
    fn next(&mut self) -> Option<SessionRequest> {
        let (tag, seat) = (self.sent, self.seat_of(self.sent));
        if !self.seats.contains(&seat) {
            return None;
        }
        self.sent += 1;
        let performance = self.performance_of(tag);
        Some(tagged(tag, Command::HoldSeats(self.performances[performance].hold(vec![seat]))))
    }

    fn answered(&mut self, response: SessionResponse) -> Answered {
        let answered = meaning(response.result.as_ref());
        if let Some(Reply::Hold(hold)) = response.result {
            let performance = self.performances[self.performance_of(response.tag)].performance().to_owned();
            let seat = self.seat_of(response.tag);
            self.kept.push(Kept { hold: hold.name, buyer: hold.buyer_id, performance, seat });
        }
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_performance_has_its_turn() {
        let mut rivals = Rivals::new(&["performances/a".into(), "performances/b".into()], 5..7);
        let mut wanted = Vec::new();
        while let Some(request) = rivals.next() {
            let Some(Command::HoldSeats(hold)) = request.command else { panic!("not a hold") };
            assert_eq!(rivals.performance_of(request.tag), usize::from(hold.performance == "performances/b"));
            wanted.push((hold.performance, hold.seats));
        }
        let expected = [("a", 5), ("b", 5), ("a", 6), ("b", 6)];
        assert_eq!(wanted, expected.map(|(name, seat)| (format!("performances/{name}"), vec![seat])));
    }
}
