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
use crate::ids::{CouponId, HoldId, OrderId, PerformanceId};
use crate::plan::invalid;

/// A change of a coupon that an order causes. One that does not fit the coupon, or a coupon that there is not, changes
/// nothing: the journal is the truth, and a coupon's row never keeps it from being written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CouponChange {
    /// The order's performance.
    pub performance: PerformanceId,
    /// The order.
    pub order: OrderId,
    /// The hold that the order pays.
    pub hold: HoldId,
    /// The coupon.
    pub coupon: CouponId,
    /// What becomes of it.
    pub step: CouponStep,
}

/// What an order does to its coupon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CouponStep {
    /// The order's payment begins with the coupon. It is the order's from here on, unless another order has it, or it is
    /// reserved for another hold.
    Bind,
    /// The order is paid: its coupon is used up.
    Redeem,
    /// The order was declined or refunded in full: its coupon may be used again. One that is used up already comes back
    /// only when its campaign returns coupons on a refund; the store looks at that, the caller need not.
    Release,
}

/// The standing of a coupon towards holds and orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing<'a> {
    /// The hold that it is reserved for.
    pub(crate) hold: Option<(&'a PerformanceId, HoldId)>,
    /// The order of that hold that has it.
    pub(crate) order: Option<OrderId>,
    pub(crate) is_redeemed: bool,
}

impl Standing<'_> {
    const FREE: Self = Self { hold: None, order: None, is_redeemed: false };

    /// The state in the words of the table.
    pub(crate) fn state(&self) -> &'static str {
        match self {
            Self { is_redeemed: true, .. } => "REDEEMED",
            Self { hold: Some(_), .. } => "RESERVED",
            Self { hold: None, .. } => "ISSUED",
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
        let CouponChange { performance, order, hold, coupon, .. } = change;
        if [order.0, hold.0, coupon.0].into_iter().any(|number| i64::try_from(number).is_err()) {
            return invalid(format!(
                "{performance}: coupon {coupon}, order {order} or its hold is too large"
            ));
        }
        of_each.entry(*coupon).or_default().push(change);
    }
    Ok(of_each.into_iter().flat_map(|(coupon, changes)| plans_of(coupon, &changes)).collect())
}

fn plans_of<'a>(coupon: CouponId, changes: &[&'a CouponChange]) -> Vec<CouponPlan<'a>> {
    let mut befores = vec![Standing::FREE];
    for standing in changes.iter().flat_map(|change| standings_of(change)) {
        if !befores.contains(&standing) {
            befores.push(standing);
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

/// Reserved for the hold of an order, the order's, and used up by it.
fn standings_of(change: &CouponChange) -> [Standing<'_>; 3] {
    let reserved = Standing { hold: Some((&change.performance, change.hold)), ..Standing::FREE };
    let bound = Standing { order: Some(change.order), ..reserved };
    [reserved, bound, Standing { is_redeemed: true, ..bound }]
}

fn apply<'a>(standing: Standing<'a>, change: &'a CouponChange, returns_on_refund: bool) -> Standing<'a> {
    let [reserved, bound, redeemed] = standings_of(change);
    match change.step {
        // A reservation may have been given back too early: then the journal says whose the coupon is.
        CouponStep::Bind if standing == reserved || standing == Standing::FREE => bound,
        CouponStep::Redeem if standing == bound => redeemed,
        CouponStep::Release if standing == bound || (standing == redeemed && returns_on_refund) => {
            Standing::FREE
        }
        _ => standing,
    }
}

#[cfg(test)]
mod tests {
    use super::CouponStep::{Bind, Redeem, Release};
    use super::*;

    /// A coupon as its row has it: the hold, the order, whether it is used up.
    type Stands = (Option<u64>, Option<u64>, bool);
    const FREE: Stands = (None, None, false);

    /// Orders 1 and 2 pay hold 1, order 3 pays hold 3.
    fn changes(steps: &[(CouponStep, u64)]) -> Vec<CouponChange> {
        let change = |&(step, order)| CouponChange {
            performance: "p".into(),
            order: OrderId(order),
            hold: HoldId(if order < 3 { 1 } else { order }),
            coupon: CouponId(1),
            step,
        };
        steps.iter().map(change).collect()
    }

    fn stands(standing: &Standing<'_>) -> Stands {
        let hold = standing.hold.map(|(_, hold)| hold.0);
        (hold, standing.order.map(|order| order.0), standing.is_redeemed)
    }

    /// Plays changes on a coupon that stands so, and tells how it stands then.
    #[track_caller]
    fn check(steps: &[(CouponStep, u64)], before: Stands, returns: bool, after: Stands) {
        let changes = changes(steps);
        let plans = fold_coupons(&changes).unwrap();
        let is_fit =
            |plan: &&CouponPlan<'_>| plan.returns_on_refund == returns && stands(&plan.before) == before;
        let fits: Vec<_> = plans.iter().filter(is_fit).collect();
        assert!(fits.len() <= 1, "{fits:?}");
        assert_eq!(fits.first().map_or(before, |plan| stands(&plan.after)), after);
    }

    #[test]
    fn a_coupon_goes_its_way_with_its_order() {
        for before in [FREE, (Some(1), None, false)] {
            check(&[(Bind, 1)], before, false, (Some(1), Some(1), false));
            check(&[(Bind, 1), (Redeem, 1)], before, false, (Some(1), Some(1), true));
            check(&[(Bind, 1), (Release, 1)], before, false, FREE);
            let again = [(Bind, 1), (Release, 1), (Bind, 2), (Redeem, 2)];
            check(&again, before, false, (Some(1), Some(2), true));
        }
        check(&[(Redeem, 1)], (Some(1), Some(1), false), false, (Some(1), Some(1), true));
        check(&[(Release, 1)], (Some(1), Some(1), false), false, FREE);
    }

    /// I14.
    #[test]
    fn what_another_has_is_left_alone() {
        for others in [(Some(1), Some(1), false), (Some(1), Some(1), true), (Some(1), None, false)] {
            check(&[(Bind, 3), (Redeem, 3)], others, true, others);
            check(&[(Release, 3)], others, true, others);
        }
        check(&[(Bind, 2), (Redeem, 2)], (Some(1), Some(1), false), true, (Some(1), Some(1), false));
        check(&[(Redeem, 1)], FREE, true, FREE);
        check(&[(Redeem, 1)], (Some(1), None, false), true, (Some(1), None, false));
    }

    #[test]
    fn a_used_coupon_comes_back_only_if_its_campaign_says_so() {
        for (returns, after) in [(false, (Some(1), Some(1), true)), (true, FREE)] {
            check(&[(Release, 1)], (Some(1), Some(1), true), returns, after);
            check(&[(Redeem, 1), (Release, 1)], (Some(1), Some(1), false), returns, after);
            check(&[(Bind, 1), (Redeem, 1), (Release, 1)], (Some(1), None, false), returns, after);
        }
    }
}
