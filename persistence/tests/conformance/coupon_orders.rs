//! What orders do to coupons, in the transaction of the journal (I14).

use earlybird_persistence::CouponStep::{Bind, Redeem, Release};
use earlybird_persistence::{
    AppendBatch, CouponChange, CouponId, CouponRow, CouponState, CouponStep, HoldId, HoldToken, OrderId,
    UnixMillis,
};

use crate::coupons::{NOW, coupon};
use crate::support::{Fixture, Writer, assert_fenced, assert_invalid};

fn token() -> HoldToken {
    HoldToken { performance: "p".into(), hold: HoldId(1) }
}

/// An entry with these changes of a coupon by orders of "p" that pay this hold.
fn changes_of(
    hold: HoldId,
    writer: Writer,
    sequence: u64,
    coupon: CouponId,
    changes: &[(CouponStep, u64)],
) -> AppendBatch {
    let change = |&(step, order): &(CouponStep, u64)| CouponChange {
        performance: "p".into(),
        order: OrderId(order),
        hold,
        coupon,
        step,
    };
    let coupon_changes = changes.iter().map(change).collect();
    AppendBatch { coupon_changes, ..writer.batch("p", sequence, sequence) }
}

/// An entry with these changes of a coupon by orders that pay the hold of [`token`].
fn changes(writer: Writer, sequence: u64, coupon: CouponId, changes: &[(CouponStep, u64)]) -> AppendBatch {
    changes_of(token().hold, writer, sequence, coupon, changes)
}

/// A coupon that is reserved for [`token`].
async fn reserved(fixture: &Fixture, returns_on_refund: bool) -> CouponId {
    let id = coupon(fixture, "ann", returns_on_refund).await.id;
    fixture.store.reserve_coupon(id, &"ann".into(), &token(), NOW).await.unwrap().unwrap();
    id
}

async fn standing(fixture: &Fixture, id: CouponId) -> (CouponState, Option<u64>) {
    let row: CouponRow = fixture.store.coupon(id).await.unwrap().unwrap();
    assert_eq!(row.reserved_for.is_none(), row.state == CouponState::Issued, "{row:?}");
    (row.state, row.order.map(|(_, order)| order.0))
}

pub(crate) async fn a_coupon_follows_its_order(fixture: &Fixture) {
    let (store, writer) = (&fixture.store, fixture.writer(5).await);
    let id = reserved(fixture, false).await;
    store.append(&changes(writer, 1, id, &[(Bind, 7)])).await.unwrap();
    assert_eq!(standing(fixture, id).await, (CouponState::Reserved, Some(7)));
    // Its order has it: neither the buyer's other tab nor time takes it away.
    assert!(!store.give_back_coupon(id, &token()).await.unwrap());
    assert_eq!(store.give_back_stale_coupons(UnixMillis(u64::MAX), 10).await.unwrap(), 0);
    assert_eq!(store.expire_coupons(UnixMillis(u64::MAX), 10).await.unwrap(), 0);
    assert!(store.reserve_coupon(id, &"ann".into(), &token(), NOW).await.unwrap().is_some());
    store.append(&changes(writer, 2, id, &[(Release, 7)])).await.unwrap();
    assert_eq!(standing(fixture, id).await, (CouponState::Issued, None));

    store.reserve_coupon(id, &"ann".into(), &token(), NOW).await.unwrap().unwrap();
    store.append(&changes(writer, 3, id, &[(Bind, 8), (Redeem, 8)])).await.unwrap();
    assert_eq!(standing(fixture, id).await, (CouponState::Redeemed, Some(8)));
    assert!(store.reserve_coupon(id, &"ann".into(), &token(), NOW).await.unwrap().is_some());
    let other = HoldToken { hold: HoldId(2), ..token() };
    assert!(store.reserve_coupon(id, &"ann".into(), &other, NOW).await.unwrap().is_none());
}

pub(crate) async fn a_refund_returns_a_coupon_if_its_campaign_does(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    let id = reserved(fixture, true).await;
    fixture.store.append(&changes(writer, 1, id, &[(Bind, 7), (Redeem, 7)])).await.unwrap();
    fixture.store.append(&changes(writer, 2, id, &[(Release, 7)])).await.unwrap();
    assert_eq!(standing(fixture, id).await, (CouponState::Issued, None));
}

pub(crate) async fn a_refund_keeps_a_coupon_if_its_campaign_does(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    let id = reserved(fixture, false).await;
    fixture.store.append(&changes(writer, 1, id, &[(Bind, 7), (Redeem, 7)])).await.unwrap();
    fixture.store.append(&changes(writer, 2, id, &[(Release, 7)])).await.unwrap();
    assert_eq!(standing(fixture, id).await, (CouponState::Redeemed, Some(7)));
}

pub(crate) async fn a_change_that_does_not_fit_changes_nothing(fixture: &Fixture) {
    let (store, writer) = (&fixture.store, fixture.writer(5).await);
    let id = reserved(fixture, true).await;
    store.append(&changes(writer, 1, id, &[(Bind, 7)])).await.unwrap();
    store.append(&changes(writer, 2, id, &[(Bind, 8), (Redeem, 8), (Release, 8)])).await.unwrap();
    assert_eq!(standing(fixture, id).await, (CouponState::Reserved, Some(7)));
    let nobody = CouponId(i64::MAX as u64);
    store.append(&changes(writer, 3, nobody, &[(Bind, 7), (Redeem, 7)])).await.unwrap();
    // A reservation that was given back too early: the journal says whose it is.
    store.append(&changes(writer, 4, id, &[(Release, 7)])).await.unwrap();
    store.append(&changes(writer, 5, id, &[(Bind, 9)])).await.unwrap();
    assert_eq!(standing(fixture, id).await, (CouponState::Reserved, Some(9)));
    assert_eq!(fixture.head("p").await, 5);
}

pub(crate) async fn a_coupon_of_another_hold_is_left_to_it(fixture: &Fixture) {
    let (store, writer) = (&fixture.store, fixture.writer(5).await);
    let id = reserved(fixture, true).await;
    // An order of another hold, such as one that is paid for after it was declined, whose coupon was taken meanwhile.
    let late = [(Bind, 7), (Redeem, 7)];
    store.append(&changes_of(HoldId(2), writer, 1, id, &late)).await.unwrap();
    assert_eq!(standing(fixture, id).await, (CouponState::Reserved, None));
    store.append(&changes(writer, 2, id, &[(Bind, 8), (Redeem, 8)])).await.unwrap();
    store.append(&changes_of(HoldId(2), writer, 3, id, &late)).await.unwrap();
    store.append(&changes_of(HoldId(2), writer, 4, id, &[(Release, 7)])).await.unwrap();
    assert_eq!(standing(fixture, id).await, (CouponState::Redeemed, Some(8)));
}

pub(crate) async fn a_declined_order_may_have_its_coupon_again(fixture: &Fixture) {
    let (store, writer) = (&fixture.store, fixture.writer(5).await);
    let id = reserved(fixture, true).await;
    store.append(&changes(writer, 1, id, &[(Bind, 7), (Release, 7)])).await.unwrap();
    let row = store.reserve_coupon(id, &"ann".into(), &token(), NOW).await.unwrap().unwrap();
    assert_eq!(row.order, None);
    store.append(&changes(writer, 2, id, &[(Bind, 7), (Redeem, 7)])).await.unwrap();
    assert_eq!(standing(fixture, id).await, (CouponState::Redeemed, Some(7)));
}

pub(crate) async fn a_refused_batch_changes_no_coupon(fixture: &Fixture) {
    let (store, writer) = (&fixture.store, fixture.writer(5).await);
    let id = reserved(fixture, true).await;
    let stranger =
        AppendBatch { entries: writer.batch("q", 1, 1).entries, ..changes(writer, 1, id, &[(Bind, 7)]) };
    assert_invalid(store.append(&stranger).await);
    fixture.writer(5).await;
    assert_fenced(store.append(&changes(writer, 1, id, &[(Bind, 7)])).await, &[5]);
    assert_eq!(standing(fixture, id).await, (CouponState::Reserved, None));
}
