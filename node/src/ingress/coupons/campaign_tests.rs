//! Campaigns in, rows or violations out.

use prost_types::Timestamp as Time;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::*;

const NOW: UnixMillis = UnixMillis(1_000_000);

fn at(seconds: i64) -> Option<Time> {
    Some(Time { seconds, nanos: 0 })
}

fn campaign() -> v1::Campaign {
    v1::Campaign {
        display_name: "Summer".into(),
        discount: Some(WireDiscount::PercentBasisPoints(1_000)),
        currency_code: "KRW".into(),
        discount_max_minor: 5_000,
        spend_min_minor: 10_000,
        valid_from: at(1_500),
        valid_until: at(3_000),
        stock: Some(100),
        per_member_max: 1,
        categories: vec!["Stalls".into()],
        performances: vec!["performances/carmen".into()],
        returns_on_refund: true,
        open_time: at(1_200),
        end_time: at(2_000),
        ..Default::default()
    }
}

fn read(id: &str, campaign: v1::Campaign) -> Result<NewCampaign, Status> {
    let request = v1::CreateCampaignRequest {
        campaign_id: id.into(),
        campaign: Some(campaign),
        request_id: String::new(),
    };
    new_campaign(request, (RequestId([1; 16]), Fingerprint(1)), NOW)
}

/// Changes a good campaign and expects these violations.
#[track_caller]
fn check(change: impl FnOnce(&mut v1::Campaign), expected: &[&str]) {
    let mut campaign = campaign();
    change(&mut campaign);
    let status = read("summer", campaign).unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(status.get_details_error_info().unwrap().reason, INVALID_CAMPAIGN);
    let told = status.get_details_bad_request().unwrap().field_violations;
    let told: Vec<String> =
        told.into_iter().map(|wrong| format!("{}: {}", wrong.field, wrong.description)).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_good_campaign_is_shown_as_it_was_given() {
    for given in [
        campaign(),
        v1::Campaign {
            discount: Some(WireDiscount::AmountMinor(3_000)),
            discount_max_minor: 0,
            valid_until: None,
            valid_days: 30,
            stock: None,
            per_member_max: 0,
            birthday: true,
            ..campaign()
        },
    ] {
        let row =
            CampaignRow { campaign: read("summer", given.clone()).unwrap(), issued: 7, updated_at: NOW };
        let shown = wire_campaign(&row).unwrap();
        assert_eq!((shown.name.as_str(), shown.issued), ("campaigns/summer", 7));
        let set_by_server = v1::Campaign {
            name: shown.name.clone(),
            issued: shown.issued,
            create_time: shown.create_time,
            update_time: shown.update_time,
            ..given
        };
        assert_eq!(shown, set_by_server);
    }
}

#[test]
fn a_campaign_without_a_time_opens_at_once() {
    let row = read("summer", v1::Campaign { open_time: None, end_time: None, ..campaign() }).unwrap();
    assert_eq!((row.opens_at, row.ends_at), (NOW, None));
}

#[test]
fn amounts_and_shares_are_bounded() {
    let percent = |share| Some(WireDiscount::PercentBasisPoints(share));
    check(|c| c.discount = percent(0), &["campaign.percent_basis_points: must be 1 to 10000"]);
    check(|c| c.discount = percent(10_001), &["campaign.percent_basis_points: must be 1 to 10000"]);
    check(|c| c.discount = None, &["campaign.discount: percent_basis_points or amount_minor must be set"]);
    for amount in [i64::MIN, -1, 0, AMOUNT_MINOR_MAX + 1, i64::MAX] {
        check(
            |c| (c.discount, c.discount_max_minor) = (Some(WireDiscount::AmountMinor(amount)), 0),
            &["campaign.amount_minor: must be 1 to 1000000000000"],
        );
    }
    check(
        |c| c.discount = Some(WireDiscount::AmountMinor(5)),
        &["campaign.discount_max_minor: must be 0 for an amount, which is its own maximum"],
    );
    check(
        |c| (c.discount_max_minor, c.spend_min_minor) = (-1, i64::MAX),
        &[
            "campaign.discount_max_minor: must be 0 to 1000000000000",
            "campaign.spend_min_minor: must be 0 to 1000000000000",
        ],
    );
    check(|c| c.stock = Some(u64::MAX), &["campaign.stock: must be at most 1000000000"]);
}

#[test]
fn amounts_have_a_currency() {
    check(
        |c| c.currency_code = "krw".into(),
        &["campaign.currency_code: must be an ISO 4217 code such as KRW"],
    );
    check(
        |c| c.currency_code = String::new(),
        &["campaign.currency_code: must be set where there is an amount"],
    );
    let any = v1::Campaign {
        currency_code: String::new(),
        discount_max_minor: 0,
        spend_min_minor: 0,
        ..campaign()
    };
    assert!(read("summer", any).is_ok());
}

#[test]
fn times_follow_one_another() {
    check(|c| c.valid_until = at(1_500), &["campaign.valid_until: must be after valid_from"]);
    check(|c| c.valid_until = None, &["campaign.valid_days: valid_until, or 1 to 3650 days, must be set"]);
    check(|c| c.valid_days = 3, &["campaign.valid_days: must be 0 when valid_until is set"]);
    check(|c| c.valid_until = at(-1), &["campaign.valid_until: must be a time from 1970 to 9999"]);
    check(|c| c.end_time = at(1_200), &["campaign.end_time: must be after open_time, and to come"]);
    check(
        |c| (c.open_time, c.end_time) = (None, at(1_000)),
        &["campaign.end_time: must be after open_time, and to come"],
    );
}

#[test]
fn names_are_checked() {
    let id = "campaign_id: must have 1 to 63 of a-z, 0-9 and -, start with a letter and not end in -";
    for bad in ["", "Summer", "1st", "a/b", "a-"] {
        assert_eq!(read(bad, campaign()).unwrap_err().message(), id, "{bad:?}");
    }
    check(
        |c| c.display_name = " ".into(),
        &["campaign.display_name: must have 1 to 200 characters and no control characters"],
    );
    check(
        |c| c.categories = vec![String::new()],
        &["campaign.categories[0]: must be the name of a seat category"],
    );
    check(
        |c| c.performances = vec!["performances/carmen".into(), "carmen".into()],
        &["campaign.performances[1]: must have the form performances/{performance}"],
    );
    check(
        |c| c.categories = vec!["A".into(); 101],
        &["campaign.categories: 101 of them, at most 100 are accepted"],
    );
    check(
        |c| c.birthday = true,
        &["campaign.per_member_max: must be 0 for a birthday campaign, which grants one a year"],
    );
}
