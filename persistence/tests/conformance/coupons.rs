//! Campaigns and coupons: issued within stock and limits, reserved for one hold, ended by their date.

use std::collections::BTreeSet;
use std::slice;

use bytes::Bytes;
use earlybird_persistence::{
    CampaignId, CampaignRow, CouponId, CouponRow, CouponState, CreateOutcome, Fingerprint, HoldId, HoldToken,
    IssueBatch, IssueOutcome, IssueWish, NewCampaign, UnixMillis,
};

use crate::support::{Fixture, request_id};

pub(crate) const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const LATER: UnixMillis = UnixMillis(NOW.0 + 1_000);

pub(crate) fn campaign(id: &str, request: u8) -> NewCampaign {
    NewCampaign {
        id: id.into(),
        request_id: request_id(request),
        fingerprint: Fingerprint(u64::MAX),
        display_name: "Summer".into(),
        terms: Bytes::from_static(b"\x00terms\xff"),
        stock: Some(100),
        per_member_max: Some(1),
        opens_at: NOW,
        ends_at: None,
        returns_on_refund: false,
        is_birthday: false,
        created_at: NOW,
    }
}

fn wish(member: &str, request: u8) -> IssueWish {
    IssueWish {
        member: member.into(),
        occasion: format!("request-{request}").into(),
        request: Some((request_id(request), Fingerprint(7))),
        expires_at: LATER,
    }
}

fn batch(campaign: &str, wishes: Vec<IssueWish>) -> IssueBatch {
    IssueBatch { campaign: campaign.into(), wishes, now: NOW }
}

fn token(hold: u64) -> HoldToken {
    HoldToken { performance: "p".into(), hold: HoldId(hold) }
}

/// Issues a coupon to a member, from a campaign of its own.
pub(crate) async fn coupon(fixture: &Fixture, member: &str, returns_on_refund: bool) -> CouponRow {
    let campaign = NewCampaign { returns_on_refund, ..campaign("summer", 1) };
    fixture.store.create_campaign(&campaign).await.unwrap();
    let issued = fixture.store.issue_coupons(&batch("summer", vec![wish(member, 2)])).await.unwrap();
    let [IssueOutcome::Issued(row)] = issued.as_slice() else { panic!("{issued:?}") };
    (**row).clone()
}

async fn stored(fixture: &Fixture, id: CouponId) -> CouponRow {
    fixture.store.coupon(id).await.unwrap().unwrap()
}

pub(crate) async fn a_campaign_is_created_once(fixture: &Fixture) {
    let store = &fixture.store;
    let plain = NewCampaign { stock: None, per_member_max: None, ..campaign("plain", 9) };
    let summer = NewCampaign { ends_at: Some(LATER), is_birthday: true, ..campaign("summer", 1) };
    let row = CampaignRow { campaign: summer.clone(), issued: 0, updated_at: NOW };
    assert_eq!(store.create_campaign(&summer).await.unwrap(), CreateOutcome::Created);
    assert_eq!(store.create_campaign(&plain).await.unwrap(), CreateOutcome::Created);
    assert_eq!(store.create_campaign(&summer).await.unwrap(), CreateOutcome::Replayed(row.clone()));
    let other = NewCampaign { fingerprint: Fingerprint(0), ..summer.clone() };
    assert_eq!(store.create_campaign(&other).await.unwrap(), CreateOutcome::RequestIdReused);
    let other = NewCampaign { request_id: request_id(2), ..summer.clone() };
    assert_eq!(store.create_campaign(&other).await.unwrap(), CreateOutcome::AlreadyExists);
    assert_eq!(store.campaign(&"summer".into()).await.unwrap(), Some(row.clone()));
    assert_eq!(store.campaign(&"plain".into()).await.unwrap().unwrap().campaign, plain);
    assert_eq!(store.campaign(&"winter".into()).await.unwrap(), None);
    let birthdays =
        async |now, after: Option<&CampaignId>| store.birthday_campaigns(now, after, 10).await.unwrap();
    assert_eq!(birthdays(NOW, None).await, slice::from_ref(&row));
    assert_eq!(birthdays(UnixMillis(LATER.0 - 1), Some(&"sum".into())).await, [row]);
    assert_eq!(birthdays(NOW, Some(&"summer".into())).await, [], "there is no other");
    assert_eq!(birthdays(LATER, None).await, [], "it has ended");
    let names = |rows: Vec<CampaignRow>| rows.into_iter().map(|row| row.campaign.id.to_string());
    assert!(names(store.list_campaigns(None, 10).await.unwrap()).eq(["plain", "summer"]));
    assert!(names(store.list_campaigns(Some(&"plain".into()), 10).await.unwrap()).eq(["summer"]));
}

pub(crate) async fn a_campaign_ends_when_it_is_told_to(fixture: &Fixture) {
    let store = &fixture.store;
    store.create_campaign(&campaign("summer", 1)).await.unwrap();
    let ended = store.end_campaign(&"summer".into(), Some(NOW), LATER).await.unwrap().unwrap();
    assert_eq!((ended.campaign.ends_at, ended.updated_at), (Some(NOW), LATER));
    let told = store.issue_coupons(&batch("summer", vec![wish("a", 2)])).await.unwrap();
    assert_eq!(told, [IssueOutcome::Ended]);
    assert_eq!(store.end_campaign(&"winter".into(), None, NOW).await.unwrap(), None);
    let told = store.issue_coupons(&batch("winter", vec![wish("a", 2)])).await.unwrap();
    assert_eq!(told, [IssueOutcome::NoCampaign]);
}

pub(crate) async fn a_coupon_is_issued_once_per_request(fixture: &Fixture) {
    let store = &fixture.store;
    let row = coupon(fixture, "ann", false).await;
    assert_eq!((row.state, row.member.as_str(), row.expires_at), (CouponState::Issued, "ann", LATER));
    assert_eq!(stored(fixture, row.id).await, row);
    let reused = IssueWish { member: "ben".into(), ..wish("ben", 2) };
    let told = store.issue_coupons(&batch("summer", vec![wish("ann", 2), reused, wish("ann", 3)])).await;
    let repeated = IssueOutcome::Repeated(Box::new(row.clone()));
    let expected = [repeated, IssueOutcome::RequestIdReused, IssueOutcome::LimitReached];
    assert_eq!(told.unwrap(), expected);
    assert_eq!(store.campaign(&"summer".into()).await.unwrap().unwrap().issued, 1);
    // The same request for another campaign is another request.
    store.create_campaign(&campaign("winter", 8)).await.unwrap();
    let told = store.issue_coupons(&batch("winter", vec![wish("ann", 2)])).await.unwrap();
    assert_eq!(told, [IssueOutcome::RequestIdReused]);
    assert_eq!(store.list_coupons(&"ann".into(), None, 10).await.unwrap(), [row]);
}

pub(crate) async fn an_occasion_has_one_coupon(fixture: &Fixture) {
    let store = &fixture.store;
    let unlimited = NewCampaign { stock: None, per_member_max: None, ..campaign("birthday", 1) };
    store.create_campaign(&unlimited).await.unwrap();
    let birthday = |member: &str, year: u32| IssueWish {
        occasion: format!("birthday-{year}").into(),
        request: None,
        ..wish(member, 0)
    };
    let wishes = vec![birthday("a", 2026), birthday("b", 2026), birthday("a", 2026)];
    for round in 0..2 {
        let told = store.issue_coupons(&batch("birthday", wishes.clone())).await.unwrap();
        let issued = told.iter().filter(|told| matches!(told, IssueOutcome::Issued(_))).count();
        let repeated = told.iter().filter(|told| matches!(told, IssueOutcome::Repeated(_))).count();
        assert_eq!((issued, repeated), if round == 0 { (2, 1) } else { (0, 3) });
    }
    store.issue_coupons(&batch("birthday", vec![birthday("a", 2027)])).await.unwrap();
    let of_ann = store.list_coupons(&"a".into(), None, 10).await.unwrap();
    assert_eq!(of_ann.len(), 2);
    assert!(of_ann[0].id > of_ann[1].id);
    let rest = store.list_coupons(&"a".into(), Some(of_ann[0].id), 10).await.unwrap();
    assert_eq!(rest, of_ann[1..]);
    assert_eq!(store.campaign(&"birthday".into()).await.unwrap().unwrap().issued, 3);
}

pub(crate) async fn racing_issues_never_oversell(fixture: &Fixture) {
    fixture.store.create_campaign(&campaign("summer", 1)).await.unwrap();
    let racers = (0..8_u32).map(|racer| {
        let store = fixture.store.clone();
        // Every member asks twice, in two places.
        let wishes = (0..40_u32).map(|number| {
            let member = format!("m{}", (racer / 2) * 40 + number);
            IssueWish { occasion: format!("{racer}-{number}").into(), request: None, ..wish(&member, 0) }
        });
        let batch = batch("summer", wishes.collect());
        tokio::spawn(async move { store.issue_coupons(&batch).await.unwrap() })
    });
    let mut members = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        for told in racer.await.unwrap() {
            match told {
                IssueOutcome::Issued(row) => members.push(row.member),
                IssueOutcome::LimitReached | IssueOutcome::OutOfStock => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(members.len(), 100);
    assert_eq!(members.iter().collect::<BTreeSet<_>>().len(), 100);
    assert_eq!(fixture.store.campaign(&"summer".into()).await.unwrap().unwrap().issued, 100);
}

pub(crate) async fn a_coupon_is_reserved_for_one_hold(fixture: &Fixture) {
    let store = &fixture.store;
    let id = coupon(fixture, "ann", false).await.id;
    let reserve = async |member: &str, hold, now| {
        let reserved = store.reserve_coupon(id, &member.into(), &token(hold), now).await.unwrap();
        reserved.is_some()
    };
    assert!(!reserve("ben", 1, NOW).await, "another member's");
    assert!(!reserve("ann", 1, LATER).await, "past its date");
    assert!(reserve("ann", 1, NOW).await);
    let reserved = stored(fixture, id).await;
    assert_eq!((reserved.state, reserved.reserved_for), (CouponState::Reserved, Some(token(1))));
    assert!(reserve("ann", 1, LATER).await, "the same hold again, whenever it is");
    assert!(!reserve("ann", 2, NOW).await, "another hold");
    assert!(!store.give_back_coupon(id, &token(2)).await.unwrap());
    assert!(store.give_back_coupon(id, &token(1)).await.unwrap());
    assert!(!store.give_back_coupon(id, &token(1)).await.unwrap());
    assert!(reserve("ann", 2, NOW).await);
}

pub(crate) async fn of_many_holds_one_gets_the_coupon(fixture: &Fixture) {
    let id = coupon(fixture, "ann", false).await.id;
    let racers = (0..8).map(|hold| {
        let store = fixture.store.clone();
        tokio::spawn(async move {
            store.reserve_coupon(id, &"ann".into(), &token(hold), NOW).await.unwrap().is_some()
        })
    });
    let mut winners = 0;
    for racer in racers.collect::<Vec<_>>() {
        winners += usize::from(racer.await.unwrap());
    }
    assert_eq!(winners, 1);
}

pub(crate) async fn a_date_ends_a_coupon_but_not_one_being_paid_with(fixture: &Fixture) {
    let store = &fixture.store;
    let ann = coupon(fixture, "ann", false).await.id;
    let told = store.issue_coupons(&batch("summer", vec![wish("ben", 3), wish("cid", 4)])).await.unwrap();
    let ids: Vec<CouponId> = told
        .iter()
        .map(|told| match told {
            IssueOutcome::Issued(row) => row.id,
            other => panic!("{other:?}"),
        })
        .collect();
    store.reserve_coupon(ann, &"ann".into(), &token(1), NOW).await.unwrap().unwrap();
    assert_eq!(store.expire_coupons(NOW, 10).await.unwrap(), 0);
    assert_eq!(store.expire_coupons(LATER, 1).await.unwrap(), 1);
    assert_eq!(store.expire_coupons(LATER, 10).await.unwrap(), 1);
    for id in ids {
        assert_eq!(stored(fixture, id).await.state, CouponState::Expired);
    }
    assert_eq!(stored(fixture, ann).await.state, CouponState::Reserved);
    // Nobody's reservation is given back after a while, and then its date counts.
    assert_eq!(store.give_back_stale_coupons(UnixMillis(NOW.0 - 1), 10).await.unwrap(), 0);
    // Reserved again for its hold, it is young again, until its payment begins or does not.
    let again = UnixMillis(NOW.0 + 1);
    store.reserve_coupon(ann, &"ann".into(), &token(1), again).await.unwrap().unwrap();
    assert_eq!(store.give_back_stale_coupons(NOW, 10).await.unwrap(), 0);
    assert_eq!(store.give_back_stale_coupons(again, 10).await.unwrap(), 1);
    assert_eq!(store.expire_coupons(LATER, 10).await.unwrap(), 1);
}
