//! Seats that are held and then paid.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Reply;
use earlybird_proto::v1::{Hold, SessionRequest, SessionResponse, order};

use tokio::time::Instant;

use super::commands::{Commands, tagged};
use super::{Answered, Script, meaning};

/// Holds its seats one after another, each for a buyer of its own, and pays each hold when it is acknowledged.
#[derive(Debug)]
pub struct Purchases {
    commands: Commands,
    seats: Range<u32>,
    /// Acknowledged and not paid yet, oldest first.
    held: VecDeque<Hold>,
    /// Being paid, by tag.
    paying: HashMap<u64, Hold>,
    tag: u64,
    /// What is measured; everything until it is known.
    measured: Option<Range<Instant>>,
    paid: u64,
}

impl Purchases {
    /// Buys these seats, which nobody else may touch.
    #[must_use]
    pub fn new(performance: &str, seats: Range<u32>) -> Self {
        let commands = Commands::new(performance);
        Self {
            commands,
            seats,
            held: VecDeque::new(),
            paying: HashMap::new(),
            tag: 0,
            measured: None,
            paid: 0,
        }
    }

    /// Orders that were paid in the span that is measured.
    #[must_use]
    pub fn paid(&self) -> u64 {
        self.paid
    }
}

impl Script for Purchases {
    fn next(&mut self) -> Option<SessionRequest> {
        self.tag += 1;
        if let Some(hold) = self.held.pop_front() {
            let pay = self.commands.pay(&hold);
            self.paying.insert(self.tag, hold);
            return Some(tagged(self.tag, Command::PayHold(pay)));
        }
        let seat = self.seats.next()?;
        Some(tagged(self.tag, Command::HoldSeats(self.commands.hold(vec![seat]))))
    }

    fn measured(&mut self, span: Range<Instant>) {
        self.measured = Some(span);
    }

    fn answered(&mut self, response: SessionResponse) -> Answered {
        let answered = meaning(response.result.as_ref());
        let was_payment = self.paying.remove(&response.tag).is_some();
        match response.result {
            Some(Reply::Hold(hold)) => self.held.push_back(hold),
            Some(Reply::Order(order)) if was_payment && order.state() == order::State::Paid => {
                let is_measured = self.measured.as_ref().is_none_or(|span| span.contains(&Instant::now()));
                self.paid += u64::from(is_measured);
            }
            _ => return if was_payment { Answered::Failed } else { answered },
        }
        answered
    }
}
