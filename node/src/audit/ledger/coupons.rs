//! Which order uses which coupon (I14).

use earlybird_engine::{CouponUse, OrderId};
use hashbrown::HashMap;

use super::Ledger;
use crate::audit::findings::Findings;
use crate::audit::rule::Rule;

/// The order that uses each coupon, from when its payment begins, or its money came late, until it is
/// declined or refunded as a whole.
#[derive(Debug, Default)]
pub(super) struct CouponBook(HashMap<Box<str>, OrderId>);

impl Ledger {
    pub(super) fn coupon_used(&mut self, id: OrderId, coupon: Option<&CouponUse>, findings: &mut Findings) {
        let Some(coupon) = coupon else { return };
        let other = self.coupons.0.insert(coupon.coupon.clone(), id);
        findings.require(Rule::Coupons, other.is_none(), || {
            format!("coupon {} of order {id} is used by order {}", coupon.coupon, other.unwrap_or(id))
        });
    }

    pub(super) fn coupon_given_up(&mut self, id: OrderId, coupon: Option<&CouponUse>) {
        if let Some(coupon) = coupon
            && self.coupons.0.get(&coupon.coupon) == Some(&id)
        {
            self.coupons.0.remove(&coupon.coupon);
        }
    }
}
