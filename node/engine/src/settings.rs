//! What a performance is configured with: phases, limits and prices.

use serde::{Deserialize, Serialize};

use crate::{Grade, InvalidSetup, Layout, Millis, Rejection, Timestamp};

/// The rules of one performance, fixed when it is created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Sale phases, ordered by opening time; they do not overlap. At least one.
    pub phases: Vec<SalePhase>,
    /// Limits per hold, per buyer and per seat.
    pub limits: Limits,
    /// Price of one seat in minor units of `currency`, by [`crate::CategoryIndex`].
    pub price_minor_by_category: Vec<i64>,
    /// ISO 4217 code of all prices, such as `KRW`.
    pub currency: Box<str>,
    /// What buyers get back who do not want their seats any more.
    pub refunds: RefundPolicy,
    /// How long a virtual account may stay unpaid, counted from when the provider opened it; none refuses virtual accounts.
    pub deposit_ttl_ms: Option<Millis>,
}

impl Settings {
    /// Whether the settings make sense for a layout.
    ///
    /// # Errors
    /// The first fault that is found: a category without a price or with a negative one, no phase, phases that end before
    /// they begin, overlap or are out of order, or a refund fee that is negative or more than all.
    pub fn check(&self, layout: &Layout) -> Result<(), InvalidSetup> {
        let fault = |what: String| Err(InvalidSetup(what.into()));
        let (prices, categories) = (self.price_minor_by_category.len(), layout.categories.len());
        if prices != categories {
            return fault(format!("there are {prices} prices for {categories} categories"));
        }
        if let Some(category) = self.price_minor_by_category.iter().position(|&price| price < 0) {
            return fault(format!("the price of category {category} is negative"));
        }
        if self.phases.is_empty() {
            return fault("there is no sale phase".to_owned());
        }
        if let Some(phase) = self.phases.iter().position(|phase| phase.opens_at >= phase.closes_at) {
            return fault(format!("phase {phase} closes before it opens"));
        }
        if self.phases.windows(2).any(|pair| pair[0].closes_at > pair[1].opens_at) {
            return fault("phases overlap or are out of order".to_owned());
        }
        self.refunds.fee.check()
    }

    /// Whether who may buy at `now` depends on the buyer's grade.
    #[must_use]
    pub fn asks_for_grade(&self, now: Timestamp) -> bool {
        let open = self.phases.iter().find(|phase| phase.opens_at <= now && now < phase.closes_at);
        open.is_some_and(|phase| matches!(phase.audience, Audience::Presale(_)))
    }

    /// The phase that is open at `now` for a buyer of this grade.
    pub(crate) fn open_phase(&self, now: Timestamp, grade: Option<&Grade>) -> Result<&SalePhase, Rejection> {
        let later = || self.phases.iter().filter(|phase| phase.opens_at > now);
        let Some(open) = self.phases.iter().find(|phase| phase.opens_at <= now && now < phase.closes_at)
        else {
            return Err(Rejection::SaleNotOpen { opens_at: later().map(|phase| phase.opens_at).next() });
        };
        if open.audience.admits(grade) {
            return Ok(open);
        }
        let opens_at = later().find(|phase| phase.audience.admits(grade)).map(|phase| phase.opens_at);
        Err(Rejection::PresaleOnly { opens_at })
    }
}

/// A window in which seats are sold: `opens_at <= now < closes_at`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SalePhase {
    /// Who may buy.
    pub audience: Audience,
    /// First moment of the window.
    pub opens_at: Timestamp,
    /// First moment after the window.
    pub closes_at: Timestamp,
    /// Whether buyers may join waitlists in this phase.
    pub waitlist_open: bool,
}

/// Who may buy in a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Audience {
    /// `presale`: members of one of these grades.
    Presale(Vec<Grade>),
    /// `general`: everyone.
    General,
}

impl Audience {
    fn admits(&self, grade: Option<&Grade>) -> bool {
        match self {
            Self::General => true,
            Self::Presale(members) => grade.is_some_and(|grade| members.contains(grade)),
        }
    }
}

/// What a buyer may give back, until when and at what cost. An administrator is not bound by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundPolicy {
    /// Whether buyers may refund at all.
    pub buyers_may_refund: bool,
    /// First moment at which they may not any more; none for never.
    pub closes_at: Option<Timestamp>,
    /// What is kept of what was paid.
    pub fee: RefundFee,
}

impl Default for RefundPolicy {
    /// Everything back, at any time.
    fn default() -> Self {
        Self { buyers_may_refund: true, closes_at: None, fee: RefundFee::BasisPoints(0) }
    }
}

/// What is kept of what was paid for the seats of a refund; never more than was paid for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundFee {
    /// So many ten-thousandths of it, rounded down.
    BasisPoints(u32),
    /// So much for each seat, in minor units: refunding seats one by one costs the same as together.
    PerSeatMinor(i64),
}

impl RefundFee {
    /// All of it, in basis points.
    pub const BASIS_POINTS_MAX: u32 = 10_000;

    fn check(self) -> Result<(), InvalidSetup> {
        match self {
            Self::BasisPoints(points) if points > Self::BASIS_POINTS_MAX => {
                Err(InvalidSetup(format!("a refund fee of {points} basis points is more than all").into()))
            }
            Self::PerSeatMinor(fee) if fee < 0 => {
                Err(InvalidSetup(format!("the refund fee of {fee} a seat is negative").into()))
            }
            Self::BasisPoints(_) | Self::PerSeatMinor(_) => Ok(()),
        }
    }
}

/// A limit on everything that a buyer or a queue can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Seats in one hold.
    pub seats_per_hold_max: u32,
    /// Seats that one buyer has held, being paid or bought, together.
    pub seats_per_buyer_max: u32,
    /// Waitlist places of one buyer.
    pub waitlist_entries_per_buyer_max: u32,
    /// Waiters of one seat.
    pub waiters_per_seat_max: u32,
    /// How often one hold may be extended.
    pub hold_extensions_max: u32,
    /// Life of a hold, and of each extension counted from the moment of the extension.
    pub hold_ttl_ms: Millis,
    /// Life of an offer made to a waiter.
    pub offer_ttl_ms: Millis,
    /// Longest life of a hold counted from its creation, extensions included.
    pub hold_total_ms_max: Millis,
    /// Declined payments of one hold, and refused refunds of one order that its buyer asked for: each leaves a record.
    pub payment_attempts_max: u32,
    /// How long an answered `request_id` is remembered (I8).
    pub request_memory_ms: Millis,
    /// How many answered `request_id`s are remembered; the oldest is forgotten first.
    pub requests_remembered_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            seats_per_hold_max: 8,
            seats_per_buyer_max: 8,
            waitlist_entries_per_buyer_max: 8,
            waiters_per_seat_max: 10_000,
            hold_extensions_max: 1,
            hold_ttl_ms: Millis(600_000),
            offer_ttl_ms: Millis(600_000),
            hold_total_ms_max: Millis(1_200_000),
            payment_attempts_max: 10,
            request_memory_ms: Millis(1_800_000),
            requests_remembered_max: 1_000_000,
        }
    }
}
