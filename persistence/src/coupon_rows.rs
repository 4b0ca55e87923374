//! Coupons and campaigns between columns and rows.

use bytes::Bytes;
use serde_json::json;

use crate::catalog::{Fingerprint, RequestId};
use crate::coupon_changes::CouponPlan;
use crate::coupons::{
    CampaignRow, CouponRow, CouponState, HoldToken, ISSUE_MAX, IssueBatch, IssueWish, NewCampaign,
};
use crate::error::StoreError;
use crate::ids::{CouponId, HoldId, OrderId, UnixMillis};
use crate::issue::Verdict;
use crate::rows::{corrupt, request_id, unsigned};

pub(crate) type CampaignColumns = (
    String,
    Vec<u8>,
    i64,
    String,
    Vec<u8>,
    Option<i64>,
    i64,
    Option<i64>,
    i64,
    Option<i64>,
    bool,
    bool,
    i64,
    i64,
);
pub(crate) type CouponColumns = (
    i64,
    String,
    String,
    Option<Vec<u8>>,
    Option<i64>,
    String,
    bool,
    i64,
    i64,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<i64>,
);
/// The occasion before the coupon.
pub(crate) type OccasionColumns = (
    String,
    i64,
    String,
    String,
    Option<Vec<u8>>,
    Option<i64>,
    String,
    bool,
    i64,
    i64,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<i64>,
);

pub(crate) fn campaign(columns: CampaignColumns) -> Result<CampaignRow, StoreError> {
    let (id, request, fingerprint, display_name, terms, stock, issued, per_member_max, opens_at, ..) =
        columns;
    let (.., ends_at, returns_on_refund, is_birthday, created_at, updated_at) = columns;
    let millis = |number| unsigned(number, &id).map(UnixMillis);
    let per_member_max = per_member_max.map(|max| {
        u32::try_from(max).map_err(|_| corrupt(&id, format_args!("grants {max} coupons to a member")))
    });
    let campaign = NewCampaign {
        request_id: request_id(&request, &id)?,
        fingerprint: Fingerprint(fingerprint.cast_unsigned()),
        display_name: display_name.into(),
        terms: Bytes::from(terms),
        stock: stock.map(|stock| unsigned(stock, &id)).transpose()?,
        per_member_max: per_member_max.transpose()?,
        opens_at: millis(opens_at)?,
        ends_at: ends_at.map(millis).transpose()?,
        returns_on_refund,
        is_birthday,
        created_at: millis(created_at)?,
        id: id.as_str().into(),
    };
    Ok(CampaignRow { campaign, issued: unsigned(issued, &id)?, updated_at: millis(updated_at)? })
}

pub(crate) fn coupon(columns: CouponColumns) -> Result<CouponRow, StoreError> {
    let (id, campaign, member, request, fingerprint, state, returns_on_refund, issued_at, expires_at, ..) =
        columns;
    let (.., reserved_performance, reserved_hold, reserved_at, order_performance, order) = columns;
    let of = format!("coupon {id}");
    let request = request.zip(fingerprint).map(|(request, fingerprint)| {
        request_id(&request, &of).map(|request| (request, Fingerprint(fingerprint.cast_unsigned())))
    });
    let reserved_for = reserved_performance.zip(reserved_hold).map(|(performance, hold)| {
        unsigned(hold, &of).map(|hold| HoldToken { performance: performance.into(), hold: HoldId(hold) })
    });
    let order = order_performance
        .zip(order)
        .map(|(performance, order)| unsigned(order, &of).map(|order| (performance.into(), OrderId(order))));
    let millis = |number| unsigned(number, &of).map(UnixMillis);
    Ok(CouponRow {
        id: CouponId(unsigned(id, &of)?),
        campaign: campaign.into(),
        member: member.into(),
        request: request.transpose()?,
        state: self::state(&state, &of)?,
        returns_on_refund,
        issued_at: millis(issued_at)?,
        expires_at: millis(expires_at)?,
        reserved_for: reserved_for.transpose()?,
        reserved_at: reserved_at.map(millis).transpose()?,
        order: order.transpose()?,
    })
}

pub(crate) fn coupon_of_occasion(columns: OccasionColumns) -> Result<(Box<str>, CouponRow), StoreError> {
    let (occasion, a, b, c, d, e, f, g, h, i, j, k, l, m, n) = columns;
    Ok((occasion.into(), coupon((a, b, c, d, e, f, g, h, i, j, k, l, m, n))?))
}

fn state(text: &str, of: &str) -> Result<CouponState, StoreError> {
    Ok(match text {
        "ISSUED" => CouponState::Issued,
        "RESERVED" => CouponState::Reserved,
        "REDEEMED" => CouponState::Redeemed,
        "EXPIRED" => CouponState::Expired,
        _ => return Err(corrupt(of, format_args!("has the state {text:?}"))),
    })
}

/// The coupon that a wish becomes.
pub(crate) fn issued(
    batch: &IssueBatch,
    returns_on_refund: bool,
    wish: &IssueWish,
    id: CouponId,
) -> CouponRow {
    CouponRow {
        id,
        campaign: batch.campaign.clone(),
        member: wish.member.clone(),
        request: wish.request,
        state: CouponState::Issued,
        returns_on_refund,
        issued_at: batch.now,
        expires_at: wish.expires_at,
        reserved_for: None,
        reserved_at: None,
        order: None,
    }
}

pub(crate) fn check_batch(batch: &IssueBatch) -> Result<(), StoreError> {
    let (count, max) = (batch.wishes.len(), ISSUE_MAX);
    let numbers = batch.wishes.iter().map(|wish| wish.expires_at.0).chain([batch.now.0]);
    let what = if count > max {
        format!("{count} coupons, the most is {max}")
    } else if numbers.into_iter().any(|number| i64::try_from(number).is_err()) {
        "a time is over i64::MAX".to_owned()
    } else {
        return Ok(());
    };
    Err(StoreError::Invalid { what })
}

/// The wishes that are granted, as the statement takes them; none if there are none.
pub(crate) fn granted(batch: &IssueBatch, verdicts: &[Verdict]) -> Option<String> {
    let row = |wish: &IssueWish| {
        json!([
            wish.member.as_str(),
            wish.occasion,
            wish.request.map(|(request, _)| hexadecimal(request)),
            wish.request.map(|(_, fingerprint)| fingerprint.0.cast_signed()),
            wish.expires_at.0,
        ])
    };
    let granted = batch.wishes.iter().zip(verdicts).filter(|(_, verdict)| **verdict == Verdict::Issue);
    let rows: Vec<serde_json::Value> = granted.map(|(wish, _)| row(wish)).collect();
    (!rows.is_empty()).then(|| serde_json::Value::from(rows).to_string())
}

/// Changes as the group commit takes them.
pub(crate) fn changes(plans: &[CouponPlan<'_>]) -> String {
    let row = |CouponPlan { coupon, before, returns_on_refund, after }: &CouponPlan<'_>| {
        json!([
            coupon.0,
            before.hold.map(|(performance, _)| performance.as_str()),
            before.hold.map(|(_, hold)| hold.0),
            before.order.map(|order| order.0),
            before.is_redeemed,
            returns_on_refund,
            after.state(),
            after.hold.map(|(performance, _)| performance.as_str()),
            after.hold.map(|(_, hold)| hold.0),
            after.order.map(|order| order.0),
        ])
    };
    serde_json::Value::from_iter(plans.iter().map(row)).to_string()
}

/// A request id in hexadecimal digits: JSON has no bytes.
pub(crate) fn hexadecimal(RequestId(bytes): RequestId) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
