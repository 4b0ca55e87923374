//! One session of a loop.

use std::time::Duration;

use anyhow::{bail, ensure};

use super::Options;
use super::deck::{Deck, Wish};
use crate::answer::{Answer, Reason};
use crate::clock::Clock;
use crate::command::{Action, Command, Names};
use crate::ids::{Buyer, HoldId, Moment, Seat, Seats, Serial};
use crate::limits::SENDS_PER_WAKE_MAX;
use crate::slab::{Key, Slab};
use crate::stats::{Outcome, Stats};
use crate::transport::{Received, Transport};

/// How long the server may take for one command.
const TIMEOUT_MS: u32 = 10_000;
/// Longest wait for the last answers.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// Buyers of a loop: many, so that limits per buyer are never met.
const BUYERS: u32 = 1 << 20;

#[derive(Clone, Copy)]
struct Pending {
    intended: Moment,
    command: Command,
    seat: Seat,
    /// Whether the seat goes back to the deck when it is free.
    churns: bool,
}

/// See the module.
pub(super) struct Runner {
    names: Names,
    clock: Clock,
    deck: Deck,
    transport: Transport,
    pending: Slab<Pending>,
    in_flight_max: usize,
    /// Between two commands of this session, where there is a rate.
    every: Option<Duration>,
    serial: u64,
    step: u64,
    warmup: Duration,
    duration: Duration,
    stats: Stats,
}

impl Runner {
    pub(super) fn new(
        options: &Options,
        names: Names,
        clock: Clock,
        deck: Deck,
        transport: Transport,
        index: usize,
    ) -> Runner {
        let sessions = options.sessions;
        Runner {
            names,
            clock,
            deck,
            pending: Slab::new(),
            in_flight_max: (options.in_flight / sessions).clamp(1, transport.in_flight_max()),
            transport,
            every: options.rate.map(|rate| Duration::from_secs_f64(sessions as f64 / rate)),
            serial: index as u64,
            step: sessions as u64,
            warmup: options.warmup,
            duration: options.duration,
            stats: Stats::default(),
        }
    }

    /// Connects, and takes the seats that are kept.
    pub(super) async fn prepare(mut self) -> anyhow::Result<Runner> {
        let mut answers = Vec::new();
        self.transport.open();
        while !self.transport.is_ready() {
            if self.transport.receive(&mut answers).await == Received::Lost {
                bail!("no session could be opened");
            }
        }
        let mut kept = self.deck.kept().to_vec();
        while !kept.is_empty() || self.pending.len() > 0 {
            while self.pending.len() < self.in_flight_max
                && let Some(seat) = kept.pop()
            {
                self.send_hold(seat, false, Moment::default());
            }
            self.transport.flush();
            ensure!(self.transport.receive(&mut answers).await != Received::Lost, "the session ended");
            for (tag, answer) in answers.drain(..) {
                let Some(pending) = self.pending.remove(Key(tag)) else { continue };
                match answer {
                    Answer::Hold(_) | Answer::Refused(Reason::SeatTaken, _) => {}
                    Answer::Busy(_) => kept.push(pending.seat),
                    other => bail!("seat {} cannot be taken: {other:?}", pending.seat.0),
                }
            }
        }
        Ok(self)
    }

    /// Runs the loop from `begin` on.
    pub(super) async fn run(mut self, begin: Moment) -> anyhow::Result<Stats> {
        let counted_from = begin.after(self.warmup);
        let end = counted_from.after(self.duration);
        let mut answers = Vec::new();
        let mut next = begin;
        loop {
            let now = self.clock.now();
            if now < end {
                next = self.send_due(next, now);
            } else if self.pending.len() == 0 || now > end.after(DRAIN_MAX) {
                return Ok(self.stats);
            }
            let wake =
                self.clock.instant(if now < end { self.wake(next, now) } else { end.after(DRAIN_MAX) });
            tokio::select! {
                biased;
                received = self.transport.receive(&mut answers) => {
                    ensure!(received != Received::Lost, "the session ended");
                    let now = self.clock.now();
                    for (tag, answer) in answers.drain(..) {
                        self.take(Key(tag), answer, now, (counted_from..end).contains(&now), now < end);
                    }
                    self.transport.flush();
                }
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    fn wake(&self, next: Moment, now: Moment) -> Moment {
        let soonest = now.after(Duration::from_millis(1));
        if self.pending.len() < self.in_flight_max {
            next.max(soonest)
        } else {
            now.after(Duration::from_millis(100))
        }
    }

    /// Sends what is due; when the next command is due.
    fn send_due(&mut self, mut next: Moment, now: Moment) -> Moment {
        let mut sent = 0;
        while next <= now && self.pending.len() < self.in_flight_max && sent < SENDS_PER_WAKE_MAX {
            // In a closed loop a command is due as soon as it can be sent.
            let intended = if self.every.is_some() { next } else { now };
            match self.deck.draw() {
                Some(Wish::Kept(seat)) => self.send_hold(seat, false, intended),
                Some(Wish::Free(seat)) => self.send_hold(seat, true, intended),
                None => break,
            }
            sent += 1;
            next = self.every.map_or(next, |every| next.after(every));
        }
        self.transport.flush();
        next
    }

    fn send_hold(&mut self, seat: Seat, churns: bool, intended: Moment) {
        let buyer = Buyer((self.serial % u64::from(BUYERS)) as u32);
        self.send(buyer, Action::Hold(Seats::of(&[seat.0])), seat, churns, intended);
    }

    fn send(&mut self, buyer: Buyer, action: Action, seat: Seat, churns: bool, intended: Moment) {
        let command = Command { serial: Serial(self.serial), buyer, action };
        self.serial += self.step;
        let key = self.pending.insert(Pending { intended, command, seat, churns });
        self.transport.push(self.names.session_request(key.0, TIMEOUT_MS, &command));
    }

    fn take(&mut self, key: Key, answer: Answer, now: Moment, counted: bool, goes_on: bool) {
        let Some(pending) = self.pending.remove(key) else { return };
        let kind = pending.command.kind();
        let (outcome, reason) = match answer {
            Answer::Refused(reason, _) if reason.is_ordinary() => (Outcome::Rejected, Some(reason)),
            Answer::Refused(reason, _) | Answer::Unknown(reason) => (Outcome::Error, Some(reason)),
            Answer::Busy(_) => (Outcome::Rejected, Some(Reason::Overloaded)),
            _ => (Outcome::Ok, None),
        };
        if counted {
            self.stats.ended(kind, outcome, now.since(pending.intended));
            if let Some(reason) = reason {
                self.stats.reason(kind, reason);
            }
        }
        match answer {
            Answer::Hold(ack) if matches!(pending.command.action, Action::Hold(_)) && pending.churns => {
                self.release(&pending, ack.hold, now);
            }
            // A release that came to nothing is tried again, or the seat would be lost to the loop.
            Answer::Busy(_) | Answer::Unknown(_) if goes_on => {
                if let Action::Release(hold) = pending.command.action {
                    self.release(&pending, hold, now);
                } else if pending.churns {
                    self.deck.put_back(pending.seat);
                }
            }
            _ if pending.churns => self.deck.put_back(pending.seat),
            _ => {}
        }
    }

    fn release(&mut self, held: &Pending, hold: HoldId, now: Moment) {
        self.send(held.command.buyer, Action::Release(hold), held.seat, true, now);
    }
}
