//! The independent books: kept from the events alone, in the plainest way, to notice what the engine gets wrong.
//!
//! ```text
//!  Entry ──► holds      claims on seats, deadlines      I1 I5 I10 I13
//!       ├──► orders     payments and refunds            I2 I3 I4
//!       ├──► coupons    which order uses which          I14
//!       ├──► waitlists  joins, offers, who is eligible  I6 I7
//!       ├──► requests   what had its effect             I8
//!       └──► timing     epochs, lateness                I5 I9
//!  and when the entry is over: nobody eligible waits for a free seat (I7), the sums are right (I11)
//! ```
//!
//! A violation is noted and the books go on, as well as they can: one fault may be followed by others that it causes.

mod buyers;
mod coupons;
mod holds;
mod money;
mod orders;
mod payments;
mod refunds;
mod requests;
mod seats;
mod timing;
mod waitlists;

use std::sync::Arc;

use earlybird_engine::{Counts, Entry, Event, HoldId, Layout, Millis, SeatIndex, Settings, Timestamp};
use hashbrown::HashMap;

use super::findings::Findings;
use super::report::Lateness;
use super::rule::Rule;
use buyers::{BuyerBook, BuyerNumber};
use coupons::CouponBook;
use holds::Hold;
use orders::{Order, Refund};
use payments::Payment;
use requests::RequestBook;
use seats::SeatBook;
use timing::Timing;
use waitlists::QueueBook;

pub(super) use holds::HoldRecord;
pub(super) use orders::{OrderRecord, RefundOutcome, RefundRecord};
pub(super) use seats::Owner;

/// What the events add up to.
#[derive(Debug)]
pub(super) struct Ledger {
    layout: Arc<Layout>,
    settings: Arc<Settings>,
    seats: SeatBook,
    holds: HashMap<HoldId, Hold>,
    holds_accepted: u64,
    /// By number, from 1.
    orders: Vec<Order>,
    /// By number, from 1.
    refunds: Vec<Refund>,
    coupons: CouponBook,
    /// Whether the performance was cancelled.
    cancelled: bool,
    buyers: BuyerBook,
    queues: QueueBook,
    requests: RequestBook,
    timing: Timing,
    /// Seats of all holds and sold seats of all orders, each as often as it is claimed.
    claims: u64,
    /// The entry that is looked at.
    sequence: u64,
    at: Timestamp,
    /// Seats whose waiters are looked at when the entry is over: freed, joined, or waited for by who got poorer.
    unsettled: Vec<SeatIndex>,
}

impl Ledger {
    pub(super) fn new(layout: Arc<Layout>, settings: Arc<Settings>, expiry_bound: Millis) -> Self {
        Self {
            seats: SeatBook::new(layout.capacity()),
            layout,
            settings,
            holds: HashMap::new(),
            holds_accepted: 0,
            orders: Vec::new(),
            refunds: Vec::new(),
            coupons: CouponBook::default(),
            cancelled: false,
            buyers: BuyerBook::default(),
            queues: QueueBook::default(),
            requests: RequestBook::default(),
            timing: Timing::new(expiry_bound),
            claims: 0,
            sequence: 0,
            at: Timestamp(0),
            unsettled: Vec::new(),
        }
    }

    /// Enters one entry of the journal, which was written under `epoch`.
    pub(super) fn enter(&mut self, entry: &Entry, epoch: u64, findings: &mut Findings) {
        self.sequence = entry.sequence.0;
        self.at = entry.at;
        self.timing.entry(epoch, entry.at, findings);
        if let Some(stamp) = &entry.request {
            self.requests.answered(stamp.id, entry.at, &self.settings.limits, findings);
        }
        for event in &entry.events {
            self.event(event, findings);
        }
        self.require_nobody_eligible_waits(findings);
        self.require_sums(findings);
    }

    /// The journal ends here.
    pub(super) fn close(&self, findings: &mut Findings) {
        for hold in self.holds.values().filter(|hold| hold.order.is_none() && hold.deadline <= self.at) {
            self.timing.still_lives(hold.deadline, self.at, findings);
        }
    }

    pub(super) fn into_lateness(self) -> Lateness {
        self.timing.into_lateness()
    }

    fn event(&mut self, event: &Event, findings: &mut Findings) {
        match event {
            Event::Held { hold, buyer, seats, deadline, .. } => {
                let buyer = self.buyers.number(buyer);
                self.held(*hold, buyer, seats, *deadline, findings);
            }
            Event::Offered { hold, buyer, seat, deadline } => {
                let buyer = self.buyers.number(buyer);
                self.offered(*seat, buyer, findings);
                self.held(*hold, buyer, &[*seat], *deadline, findings);
            }
            Event::Extended { hold, deadline } => self.extended(*hold, *deadline, findings),
            Event::Released { hold } => self.released(*hold, findings),
            Event::Expired { hold } => self.expired(*hold, findings),
            Event::WaitlistJoined { seat, buyer } => self.joined(*seat, buyer, findings),
            Event::WaitlistLeft { seat, buyer } => self.left(*seat, buyer, findings),
            Event::Blocked { seats } => {
                self.seats.pass_all(seats, Owner::Nobody, Owner::Administrator, findings);
            }
            Event::Unblocked { seats } => {
                self.seats.pass_all(seats, Owner::Administrator, Owner::Nobody, findings);
                self.unsettled.extend_from_slice(seats);
            }
            Event::PerformanceCancelled => self.performance_cancelled(findings),
            money => self.money_event(money, findings),
        }
    }

    /// What happens between the engine and the payment provider.
    fn money_event(&mut self, event: &Event, findings: &mut Findings) {
        match event {
            Event::PaymentBegun { order, hold, amount_minor, payment_key, coupon } => {
                let payment = Payment { amount_minor: *amount_minor, payment_key, coupon: coupon.as_ref() };
                self.payment_begun(*order, *hold, &payment, findings);
            }
            Event::DepositAwaited { order, deadline } => self.deposit_awaited(*order, *deadline, findings),
            Event::PaymentConfirmed { order } => self.payment_confirmed(*order, findings),
            Event::LateSold { order } => self.late_sold(*order, findings),
            Event::PaymentDeclined { order, reason, freed } => {
                self.payment_declined(*order, reason, *freed, findings);
            }
            Event::RefundBegun { refund, order, seats, amount_minor, fee_minor, reason, note: _ } => {
                let (seats, outcome) = (seats.clone(), RefundOutcome::Pending);
                let (amount_minor, fee_minor, reason) = (*amount_minor, *fee_minor, *reason);
                let begun = Refund { order: *order, seats, amount_minor, fee_minor, reason, outcome };
                self.refund_begun(*refund, begun, findings);
            }
            Event::Refunded { refund, order } => self.refunded(*refund, *order, findings),
            Event::RefundAccountGiven { refund, order } => {
                self.refund_account_given(*refund, *order, findings);
            }
            Event::RefundFailed { refund, order, .. } => self.refund_failed(*refund, *order, findings),
            other => {
                findings.violated(Rule::Journal, || format!("{} is not known to the ledger", other.kind()))
            }
        }
    }

    /// The performance will not take place: holds that are not being paid, and waitlists, end with it.
    fn performance_cancelled(&mut self, findings: &mut Findings) {
        self.require_open(findings);
        self.cancelled = true;
        self.empty_waitlists();
        let ended = self.holds.iter().filter(|(_, hold)| hold.order.is_none());
        let ended: Vec<_> = ended.map(|(id, hold)| (*id, hold.clone())).collect();
        for (id, hold) in ended {
            self.free_hold(id, &hold, findings);
        }
    }

    /// Nothing is sold of a cancelled performance.
    fn require_open(&self, findings: &mut Findings) {
        findings
            .require(Rule::Journal, !self.cancelled, || "the performance was cancelled before".to_owned());
    }

    /// The sums that are kept apart from each other agree (I11).
    fn require_sums(&self, findings: &mut Findings) {
        let counts = self.seats.counts();
        let unclaimed = u64::from(counts.free) + u64::from(counts.blocked);
        findings.require(Rule::Counts, unclaimed + self.claims == self.layout.capacity() as u64, || {
            format!(
                "{} seats are free, {} blocked and {} claimed: not the {} that there are",
                counts.free,
                counts.blocked,
                self.claims,
                self.layout.capacity()
            )
        });
    }

    /// The buyer has fewer seats than before, and may be eligible again for what they wait for.
    fn gave_up(&mut self, buyer: BuyerNumber, seats: &[SeatIndex]) {
        // Saturating, since a journal that contradicts itself may give the same thing up twice.
        self.claims = self.claims.saturating_sub(seats.len() as u64);
        let buyer = self.buyers.get_mut(buyer);
        buyer.claims = buyer.claims.saturating_sub(seats.len() as u32);
        self.unsettled.extend_from_slice(seats);
        self.unsettled.extend(buyer.waits.iter().map(|wait| wait.0));
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { waiters: self.queues.waiters(), ..self.seats.counts() }
    }

    pub(super) fn owners(&self) -> impl Iterator<Item = (SeatIndex, Owner)> {
        self.seats.iter()
    }
}
