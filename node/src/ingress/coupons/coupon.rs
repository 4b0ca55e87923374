//! A coupon on the wire.

use earlybird_engine::{OrderId, Timestamp};
use earlybird_persistence::{CouponRow, CouponState};
use earlybird_proto::v1;

use crate::ingress::answer::time;
use crate::ingress::names;

/// The coupon as it stands now: its date counts, whether or not a job has noted that it passed.
pub(super) fn wire_coupon(row: &CouponRow, now: Timestamp) -> v1::Coupon {
    let state = match row.state {
        CouponState::Issued if row.expires_at.0 <= now.0 => v1::coupon::State::Expired,
        CouponState::Issued => v1::coupon::State::Issued,
        CouponState::Reserved => v1::coupon::State::Reserved,
        CouponState::Redeemed => v1::coupon::State::Redeemed,
        CouponState::Expired => v1::coupon::State::Expired,
    };
    let order = row.order.as_ref().map(|(performance, order)| {
        names::of_order(&format!("performances/{performance}"), OrderId(order.0))
    });
    v1::Coupon {
        name: format!("coupons/{}", row.id),
        campaign: format!("campaigns/{}", row.campaign),
        member_id: row.member.to_string(),
        state: state.into(),
        create_time: Some(time(Timestamp(row.issued_at.0))),
        expire_time: Some(time(Timestamp(row.expires_at.0))),
        order: order.unwrap_or_default(),
    }
}
