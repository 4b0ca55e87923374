//! What an order does to its coupon, in the transaction of the journal (I14).
//!
//! ```text
//! ISSUED ──reserve──► RESERVED ──Bind──► RESERVED, of an order ──Redeem──► REDEEMED
//!    ▲                                        └───────Release───────┐         │ Release, if the campaign returns it
//!    └──────────────────────────────────────────────────────────────┴─────────┘
//! ```
//!
//! A coupon is written once however often it changes within a batch. What comes out depends on what the database has, so
//! the changes are played through for every standing that they may meet, and the row picks the one that it is in.

use std::collections::BTreeMap;

use crate::error::AppendError;
use crate::ids::{CouponId, OrderId, PerformanceId};
use crate::plan::invalid;

/// A change of a coupon that an order causes. One that does not fit the coupon, or a coupon that there is not, changes
/// nothing: the journal is the truth, and a coupon's row never keeps it from being written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CouponChange {
    /// The order's payment begins with the coupon. It is the order's from here on, unless another order has it.
    Bind {
        /// The order's performance.
        performance: PerformanceId,
        /// The order.
        order: OrderId,
        /// The coupon.
        coupon: CouponId,
    },
    /// The order is paid: its coupon is used up.
    Redeem {
        /// The order's performance.
        performance: PerformanceId,
        /// The order.
        order: OrderId,
        /// The coupon.
        coupon: CouponId,
    },
    /// The order was declined or refunded in full: its coupon may be used again. One that is used up already comes back
    /// only when its campaign returns coupons on a refund; the store looks at that, the caller need not.
    Release {
        /// The order's performance.
        performance: PerformanceId,
        /// The order.
        order: OrderId,
        /// The coupon.
        coupon: CouponId,
    },
}

impl CouponChange {
    /// The order's performance.
    #[must_use]
    pub fn performance(&self) -> &PerformanceId {
        self.parts().0
    }

    fn parts(&self) -> (&PerformanceId, OrderId, CouponId) {
        match self {
            Self::Bind { performance, order, coupon }
            | Self::Redeem { performance, order, coupon }
            | Self::Release { performance, order, coupon } => (performance, *order, *coupon),
        }
    }
}

/// Which order has a coupon.
type Owner<'a> = Option<(&'a PerformanceId, OrderId)>;

/// The standing of a coupon towards orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing<'a> {
    pub(crate) owner: Owner<'a>,
    pub(crate) is_redeemed: bool,
}

impl Standing<'_> {
    /// The state in the words of the table.
    pub(crate) fn state(&self) -> &'static str {
        match self {
            Self { is_redeemed: true, .. } => "REDEEMED",
            Self { owner: Some(_), .. } => "RESERVED",
            Self { owner: None, .. } => "ISSUED",
        }
    }
}

/// What a batch does to a coupon that stands so, under such a campaign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CouponPlan<'a> {
    pub(crate) coupon: CouponId,
    pub(crate) before: Standing<'a>,
    pub(crate) returns_on_refund: bool,
    pub(crate) after: Standing<'a>,
}

/// At most one plan that fits each coupon; ordered by coupon.
pub(crate) fn fold_coupons(changes: &[CouponChange]) -> Result<Vec<CouponPlan<'_>>, AppendError> {
    let mut of_each: BTreeMap<CouponId, Vec<&CouponChange>> = BTreeMap::new();
    for change in changes {
        let (performance, order, coupon) = change.parts();
        if i64::try_from(order.0).is_err() || i64::try_from(coupon.0).is_err() {
            return invalid(format!("{performance}: coupon {coupon} or order {order} is too large"));
        }
        of_each.entry(coupon).or_default().push(change);
    }
    Ok(of_each.into_iter().flat_map(|(coupon, changes)| plans_of(coupon, &changes)).collect())
}

fn plans_of<'a>(coupon: CouponId, changes: &[&'a CouponChange]) -> Vec<CouponPlan<'a>> {
    let mut befores = vec![Standing { owner: None, is_redeemed: false }];
    for change in changes {
        let (performance, order, _) = change.parts();
        for is_redeemed in [false, true] {
            let standing = Standing { owner: Some((performance, order)), is_redeemed };
            if !befores.contains(&standing) {
                befores.push(standing);
            }
        }
    }
    let mut plans = Vec::new();
    for before in befores {
        for returns_on_refund in [false, true] {
            let after =
                changes.iter().fold(before, |standing, change| apply(standing, change, returns_on_refund));
            if after != before {
                plans.push(CouponPlan { coupon, before, returns_on_refund, after });
            }
        }
    }
    plans
}

fn apply<'a>(standing: Standing<'a>, change: &'a CouponChange, returns_on_refund: bool) -> Standing<'a> {
    let (performance, order, _) = change.parts();
    let owner = Some((performance, order));
    match change {
        CouponChange::Bind { .. } if standing.owner.is_none() => Standing { owner, is_redeemed: false },
        CouponChange::Redeem { .. } if standing.owner == owner => Standing { owner, is_redeemed: true },
        CouponChange::Release { .. }
            if standing.owner == owner && (returns_on_refund || !standing.is_redeemed) =>
        {
            Standing { owner: None, is_redeemed: false }
        }
        _ => standing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIND: fn(u64) -> CouponChange =
        |order| CouponChange::Bind { performance: "p".into(), order: OrderId(order), coupon: CouponId(1) };
    const REDEEM: fn(u64) -> CouponChange =
        |order| CouponChange::Redeem { performance: "p".into(), order: OrderId(order), coupon: CouponId(1) };
    const RELEASE: fn(u64) -> CouponChange =
        |order| CouponChange::Release { performance: "p".into(), order: OrderId(order), coupon: CouponId(1) };

    /// Plays changes on a coupon that stands as `(owner, is_redeemed)`, and tells how it stands then.
    fn played(
        changes: &[CouponChange],
        (owner, is_redeemed): (Option<u64>, bool),
        returns: bool,
    ) -> (Option<u64>, bool) {
        let plans = fold_coupons(changes).unwrap();
        let fits: Vec<_> = plans
            .iter()
            .filter(|plan| plan.returns_on_refund == returns)
            .filter(|plan| plan.before.owner.map(|(_, order)| order.0) == owner)
            .filter(|plan| plan.before.is_redeemed == is_redeemed)
            .collect();
        assert!(fits.len() <= 1, "{fits:?}");
        fits.first().map_or((owner, is_redeemed), |plan| {
            (plan.after.owner.map(|(_, order)| order.0), plan.after.is_redeemed)
        })
    }

    #[test]
    fn a_coupon_goes_its_way_with_its_order() {
        let free = (None, false);
        assert_eq!(played(&[BIND(1)], free, false), (Some(1), false));
        assert_eq!(played(&[BIND(1), REDEEM(1)], free, false), (Some(1), true));
        assert_eq!(played(&[BIND(1), RELEASE(1)], free, false), free);
        assert_eq!(played(&[BIND(1), RELEASE(1), BIND(2), REDEEM(2)], free, false), (Some(2), true));
        assert_eq!(played(&[REDEEM(1)], (Some(1), false), false), (Some(1), true));
        assert_eq!(played(&[RELEASE(1)], (Some(1), false), false), free);
    }

    /// I14.
    #[test]
    fn what_another_order_has_is_left_alone() {
        assert_eq!(played(&[BIND(2), REDEEM(2)], (Some(1), false), true), (Some(1), false));
        assert_eq!(played(&[BIND(2), REDEEM(2)], (Some(1), true), true), (Some(1), true));
        assert_eq!(played(&[RELEASE(2)], (Some(1), false), true), (Some(1), false));
        assert_eq!(played(&[REDEEM(1)], (None, false), true), (None, false));
    }

    #[test]
    fn a_used_coupon_comes_back_only_if_its_campaign_says_so() {
        for (returns, expected) in [(false, (Some(1), true)), (true, (None, false))] {
            assert_eq!(played(&[RELEASE(1)], (Some(1), true), returns), expected);
            assert_eq!(played(&[REDEEM(1), RELEASE(1)], (Some(1), false), returns), expected);
            assert_eq!(played(&[BIND(1), REDEEM(1), RELEASE(1)], (None, false), returns), expected);
        }
    }
}
