//! Why a coupon cannot be used.

use earlybird_engine::Timestamp;
use earlybird_persistence::{StoreError, UnixMillis};

use crate::ingress::status::{Problem, Reason, rfc3339};

/// Why a coupon cannot be used for a hold.
#[derive(Debug, thiserror::Error)]
pub enum CouponError {
    /// There is no such coupon.
    #[error("no such coupon")]
    NotFound,
    /// Its campaign is gone.
    #[error("no such campaign")]
    CampaignNotFound,
    /// It is another's.
    #[error("the coupon is another member's")]
    NotOwner,
    /// Its date has passed.
    #[error("the coupon has expired")]
    Expired,
    /// Its date is to come.
    #[error("the coupon is not valid yet")]
    NotYetValid {
        /// When it is.
        valid_from: UnixMillis,
    },
    /// It was used.
    #[error("the coupon was used")]
    Used,
    /// A payment with it is under way.
    #[error("another payment has the coupon")]
    Reserved,
    /// It is not for what is bought.
    #[error("{0}")]
    NotApplicable(&'static str),
    /// What is bought costs too little.
    #[error("the coupon is good from {minimum_minor} {currency} on")]
    MinimumSpend {
        /// What it has to cost, in minor units.
        minimum_minor: i64,
        /// ISO 4217 code.
        currency: Box<str>,
    },
    /// The sum of the prices is beyond what can be charged.
    #[error("the sum of the prices is too large")]
    AmountOverflow,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CouponError {
    /// The reason as callers see it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotFound => Reason::CouponNotFound,
            Self::CampaignNotFound => Reason::CampaignNotFound,
            Self::NotOwner => Reason::CouponNotOwner,
            Self::Expired => Reason::CouponExpired,
            Self::NotYetValid { .. } => Reason::CouponNotYetValid,
            Self::Used => Reason::CouponUsed,
            Self::Reserved => Reason::CouponReserved,
            Self::NotApplicable(_) => Reason::CouponNotApplicable,
            Self::MinimumSpend { .. } => Reason::MinimumSpend,
            Self::AmountOverflow => Reason::AmountOverflow,
            Self::Store(_) => Reason::StoreUnavailable,
        }
    }
}

impl From<CouponError> for Problem {
    fn from(error: CouponError) -> Self {
        let problem = Self::new(error.reason(), error.to_string());
        match error {
            CouponError::Store(error) => error.into(),
            CouponError::MinimumSpend { minimum_minor, currency } => {
                problem.with("minimum_minor", minimum_minor.to_string()).with("currency_code", currency)
            }
            CouponError::NotYetValid { valid_from } => {
                problem.with("valid_from", rfc3339(Timestamp(valid_from.0)))
            }
            _ => problem,
        }
    }
}
