//! Coupons over gRPC: campaigns, issues, claims, quotes, and the jobs behind them.

use std::collections::BTreeSet;

use earlybird_proto::v1;
use earlybird_proto::v1::campaign::Discount;
use earlybird_proto::v1::coupons_client::CouponsClient;
use earlybird_proto::v1::issue_coupons_request::Audience;
use earlybird_proto::v1::job::State;
use earlybird_proto::v1::jobs_client::JobsClient;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use super::house::{
    CIRCLE_MINOR, House, Plan, STALLS_MINOR, eventually, failure, from_now, pay_request, payment_key,
    request_id,
};
use crate::support::Options;

const CAMPAIGN: &str = "campaigns/summer";

fn client(house: &House) -> CouponsClient<Channel> {
    CouponsClient::new(house.server.channel())
}

fn percent(basis_points: u32) -> v1::Campaign {
    v1::Campaign {
        display_name: "Summer".into(),
        discount: Some(Discount::PercentBasisPoints(basis_points)),
        valid_days: 30,
        ..Default::default()
    }
}

async fn create(house: &House, campaign: v1::Campaign) -> v1::Campaign {
    let request = v1::CreateCampaignRequest {
        campaign_id: "summer".into(),
        campaign: Some(campaign),
        request_id: request_id(),
    };
    client(house).create_campaign(request).await.expect("a good campaign").into_inner()
}

async fn claim(house: &House, member: &str) -> Result<v1::Coupon, Status> {
    let request = v1::ClaimCouponRequest {
        campaign: CAMPAIGN.into(),
        member_id: member.into(),
        request_id: request_id(),
    };
    client(house).claim_coupon(request).await.map(Response::into_inner)
}

async fn quote(house: &House, hold: &v1::Hold, coupon: &str) -> Result<v1::PriceQuote, Status> {
    let request = v1::QuotePriceRequest {
        hold: hold.name.clone(),
        buyer_id: hold.buyer_id.clone(),
        coupon: coupon.into(),
    };
    client(house).quote_price(request).await.map(Response::into_inner)
}

#[tokio::test]
async fn a_coupon_is_good_for_its_currency_and_until_its_date() {
    let house = House::open().await;
    let dollars = v1::Campaign {
        discount: Some(Discount::AmountMinor(100)),
        currency_code: "USD".into(),
        ..percent(1)
    };
    let soon = v1::Campaign { valid_days: 0, valid_until: Some(from_now(2)), ..percent(1_000) };
    let hold = house.hold("alice", &[0]).await.expect("a free seat");
    for (campaign_id, campaign, expected) in
        [("dollars", dollars, "COUPON_NOT_APPLICABLE"), ("soon", soon, "COUPON_EXPIRED")]
    {
        let campaign_id = campaign_id.to_owned();
        let request =
            v1::CreateCampaignRequest { campaign_id, campaign: Some(campaign), request_id: request_id() };
        let campaign = client(&house).create_campaign(request).await.expect("a good campaign").into_inner();
        let claim = v1::ClaimCouponRequest {
            campaign: campaign.name,
            member_id: "alice".into(),
            request_id: request_id(),
        };
        let coupon = client(&house).claim_coupon(claim).await.expect("there is one").into_inner().name;
        eventually("it is not good any more", async || {
            let (status, reason, _) =
                failure(Some(quote(&house, &hold, &coupon).await).filter(Result::is_err)?);
            assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, expected));
            Some(())
        })
        .await;
        let pay = v1::PayHoldRequest { coupon, ..pay_request(&hold, &payment_key()) };
        assert_eq!(failure(house.orders.clone().pay_hold(pay).await).1, expected);
    }
    house.pay(&hold).await.expect("it is paid without one");
}

#[tokio::test]
async fn a_campaign_lives_and_ends() {
    let house = House::open().await;
    let mut client = client(&house);
    let request = v1::CreateCampaignRequest {
        campaign_id: "summer".into(),
        campaign: Some(v1::Campaign { stock: Some(5), ..percent(1_000) }),
        request_id: request_id(),
    };
    let created = client.create_campaign(request.clone()).await.expect("it is good").into_inner();
    let again = client.create_campaign(request.clone()).await.expect("a replay").into_inner();
    assert_eq!((created.name.as_str(), &again), (CAMPAIGN, &created));
    let other = v1::CreateCampaignRequest { campaign: Some(percent(1)), ..request.clone() };
    assert_eq!(failure(client.create_campaign(other).await).1, "REQUEST_ID_REUSED");
    let other = v1::CreateCampaignRequest { request_id: request_id(), ..request.clone() };
    assert_eq!(failure(client.create_campaign(other).await).1, "CAMPAIGN_EXISTS");
    let bad = v1::CreateCampaignRequest {
        campaign_id: "bad".into(),
        campaign: Some(percent(10_001)),
        request_id: request_id(),
    };
    let (status, reason, _) = failure(client.create_campaign(bad).await);
    assert_eq!((status.code(), reason.as_str()), (Code::InvalidArgument, "INVALID_CAMPAIGN"));

    let empty = v1::CreateCampaignRequest {
        campaign_id: "empty".into(),
        campaign: Some(v1::Campaign { stock: Some(0), ..percent(1_000) }),
        request_id: request_id(),
    };
    client.create_campaign(empty).await.expect("nobody gets any");
    let claimed = v1::ClaimCouponRequest {
        campaign: "campaigns/empty".into(),
        member_id: "ann".into(),
        request_id: request_id(),
    };
    assert_eq!(failure(client.claim_coupon(claimed).await).1, "CAMPAIGN_OUT_OF_STOCK");

    let coupon = claim(&house, "ann").await.expect("there are some");
    let shown = client.get_campaign(v1::GetCampaignRequest { name: CAMPAIGN.into() }).await;
    assert_eq!(shown.expect("it is there").into_inner().issued, 1);
    let ended = v1::EndCampaignRequest { name: CAMPAIGN.into(), end_time: created.create_time };
    let ended = client.end_campaign(ended).await.expect("it ends").into_inner();
    assert_eq!(ended.end_time, created.create_time);
    assert_eq!(failure(claim(&house, "ben").await).1, "CAMPAIGN_ENDED");
    // What was issued stays good.
    let hold = house.hold("ann", &[0]).await.expect("free");
    assert_eq!(quote(&house, &hold, &coupon.name).await.expect("it is good").discount_minor, 1_200);
    let list = client.list_campaigns(v1::ListCampaignsRequest::default()).await.expect("a page").into_inner();
    assert_eq!(list.campaigns.len(), 2);
    let (_, reason, _) =
        failure(client.get_campaign(v1::GetCampaignRequest { name: "campaigns/x".into() }).await);
    assert_eq!(reason, "CAMPAIGN_NOT_FOUND");
}

#[tokio::test]
async fn a_claim_has_one_effect_and_one_answer() {
    let house = House::open().await;
    create(&house, v1::Campaign { stock: Some(2), per_member_max: 1, ..percent(1_000) }).await;
    let request = v1::ClaimCouponRequest {
        campaign: CAMPAIGN.into(),
        member_id: "ann".into(),
        request_id: request_id(),
    };
    let mut client = client(&house);
    let first = client.claim_coupon(request.clone()).await.expect("the first").into_inner();
    assert_eq!(client.claim_coupon(request.clone()).await.expect("a replay").into_inner(), first);
    let other = v1::ClaimCouponRequest { member_id: "ben".into(), ..request.clone() };
    assert_eq!(failure(client.claim_coupon(other).await).1, "REQUEST_ID_REUSED");
    // The same id for another method is another request as well.
    let other = v1::IssueCouponRequest {
        campaign: CAMPAIGN.into(),
        member_id: "ann".into(),
        request_id: request.request_id.clone(),
    };
    assert_eq!(failure(client.issue_coupon(other).await).1, "REQUEST_ID_REUSED");
    let (status, reason, details) = failure(claim(&house, "ann").await);
    assert_eq!((status.code(), reason.as_str()), (Code::ResourceExhausted, "LIMIT_REACHED"));
    assert_eq!(
        details.quota_failure().map(|quota| quota.violations[0].subject.as_str()),
        Some("per_member_max")
    );
    claim(&house, "ben").await.expect("the last");
    let (status, reason, _) = failure(claim(&house, "cid").await);
    assert_eq!((status.code(), reason.as_str()), (Code::ResourceExhausted, "CAMPAIGN_OUT_OF_STOCK"));
    let mine = v1::ListCouponsRequest { member_id: "ann".into(), ..Default::default() };
    assert_eq!(client.list_coupons(mine).await.expect("a page").into_inner().coupons, [first]);
}

#[tokio::test]
async fn a_quote_says_what_a_coupon_is_good_for() {
    let house = House::open().await;
    let campaign = v1::Campaign {
        currency_code: "KRW".into(),
        discount_max_minor: 2_000,
        spend_min_minor: 20_000,
        categories: vec!["Stalls".into()],
        performances: vec![super::house::NAME.into()],
        ..percent(1_500)
    };
    create(&house, campaign).await;
    let ann = claim(&house, "ann").await.expect("there is no limit").name;
    let ben = claim(&house, "ben").await.expect("there is no limit").name;
    let hold = house.hold("ann", &[0, 1, 10]).await.expect("free");
    let quoted = quote(&house, &hold, &ann).await.expect("it is good");
    let amount_minor = 2 * STALLS_MINOR + CIRCLE_MINOR;
    assert_eq!((quoted.amount_minor, quoted.discount_minor), (amount_minor, 2_000));
    assert_eq!((quoted.payable_minor, quoted.currency_code.as_str()), (amount_minor - 2_000, "KRW"));
    let (status, reason, _) = failure(quote(&house, &hold, &ben).await);
    assert_eq!((status.code(), reason.as_str()), (Code::PermissionDenied, "COUPON_NOT_OWNER"));
    assert_eq!(failure(quote(&house, &hold, "coupons/999999").await).1, "COUPON_NOT_FOUND");
    assert_eq!(failure(quote(&house, &hold, "coupons/01").await).1, "INVALID_FIELD");

    let dear = house.hold("ben", &[2, 11]).await.expect("free");
    let (_, reason, details) = failure(quote(&house, &dear, &ben).await);
    assert_eq!(reason, "MINIMUM_SPEND");
    let facts = &details.error_info().expect("facts").metadata;
    assert_eq!((facts["minimum_minor"].as_str(), facts["currency_code"].as_str()), ("20000", "KRW"));
    let other = house.hold("ben", &[12]).await.expect("free");
    assert_eq!(failure(quote(&house, &other, &ben).await).1, "COUPON_NOT_APPLICABLE");
    let gone = v1::Hold { name: format!("{}/holds/999", super::house::NAME), ..hold.clone() };
    assert_eq!(failure(quote(&house, &gone, &ann).await).1, "HOLD_NOT_FOUND");
    let stolen = v1::Hold { buyer_id: "ben".into(), ..hold };
    assert_eq!(failure(quote(&house, &stolen, &ben).await).1, "NOT_HOLDER");
}

#[tokio::test]
async fn ten_thousand_claims_at_once_take_exactly_the_stock() {
    const CLAIMS: usize = 10_000;
    const STOCK: usize = 4_000;
    let Some(server) = Options::on_postgres().await else { return };
    let house = House::build(Plan { server, ..Plan::default() }).await;
    create(&house, v1::Campaign { stock: Some(STOCK as u64), per_member_max: 1, ..percent(1_000) }).await;
    let client = client(&house);
    let claims = (0..CLAIMS).map(|number| {
        let mut client = client.clone();
        let request = v1::ClaimCouponRequest {
            campaign: CAMPAIGN.into(),
            member_id: format!("m{number}"),
            request_id: request_id(),
        };
        tokio::spawn(async move { client.claim_coupon(request).await })
    });
    let mut names = BTreeSet::new();
    let mut sold_out = 0;
    for claim in claims.collect::<Vec<_>>() {
        match claim.await.expect("no panic") {
            Ok(coupon) => assert!(names.insert(coupon.into_inner().name), "a coupon was given twice"),
            Err(status) => {
                assert_eq!(failure::<()>(Err(status)).1, "CAMPAIGN_OUT_OF_STOCK");
                sold_out += 1;
            }
        }
    }
    assert_eq!((names.len(), sold_out), (STOCK, CLAIMS - STOCK));
}

async fn job(house: &House, name: &str) -> v1::Job {
    let request = v1::GetJobRequest { name: name.into() };
    JobsClient::new(house.server.channel()).get_job(request).await.expect("it is there").into_inner()
}

async fn ended(house: &House, name: &str) -> v1::Job {
    eventually("the job ends", async || {
        let job = job(house, name).await;
        (!matches!(job.state(), State::Pending | State::Running)).then_some(job)
    })
    .await
}

#[tokio::test]
async fn a_job_issues_and_shows_its_progress() {
    let house = House::build(Plan::default().with("EARLYBIRD_JOBS__POLL_EVERY", "10ms")).await;
    create(&house, percent(1_000)).await;
    let request = |members: &[&str]| v1::IssueCouponsRequest {
        campaign: CAMPAIGN.into(),
        audience: Some(Audience::Members(v1::MemberList {
            member_ids: members.iter().map(|member| (*member).to_owned()).collect(),
        })),
        request_id: "6f1c2a34-58d7-4b0e-9a3c-2f6d1e0b7c55".into(),
    };
    let mut client = client(&house);
    let started = client.issue_coupons(request(&["ann", "ben"])).await.expect("it starts").into_inner();
    let done = ended(&house, &started.name).await;
    assert_eq!((done.state(), done.done, done.total), (State::Succeeded, 2, Some(2)));
    let again = client.issue_coupons(request(&["ann", "ben"])).await.expect("a replay").into_inner();
    assert_eq!(again, done);
    assert_eq!(failure(client.issue_coupons(request(&["ann"])).await).1, "REQUEST_ID_REUSED");
    assert_eq!(failure(client.issue_coupons(request(&["ann", "ann"])).await).1, "INVALID_FIELD");
    let mine = v1::ListCouponsRequest { member_id: "ann".into(), ..Default::default() };
    assert_eq!(client.list_coupons(mine).await.expect("a page").into_inner().coupons.len(), 1);
}

#[tokio::test]
async fn an_operator_starts_lists_and_stops_jobs() {
    let house = House::build(Plan::default().with("EARLYBIRD_JOBS__POLL_EVERY", "10ms")).await;
    let mut jobs = JobsClient::new(house.server.channel());
    let request = |kind: &str, arguments: &[(&str, &str)]| v1::StartJobRequest {
        kind: kind.into(),
        arguments: arguments.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        request_id: request_id(),
    };
    let wrong = failure(jobs.start_job(request("birthdays", &[])).await);
    assert!(wrong.1 == "INVALID_FIELD" && wrong.0.message().contains("birthday"), "{wrong:?}");
    let wrong =
        failure(jobs.start_job(request("birthday", &[("campaign", "x"), ("date", "2026-02-30")])).await);
    assert!(wrong.0.message().contains("date: must be a day such as 2026-02-28"), "{wrong:?}");
    // A campaign that there is not is found out by the job.
    let arguments = [("campaign", "x"), ("date", "2026-02-28")];
    let started = jobs.start_job(request("birthday", &arguments)).await.expect("it starts").into_inner();
    let failed = ended(&house, &started.name).await;
    assert_eq!((failed.state(), failed.error.as_str()), (State::Failed, "there is no campaign x"));
    assert_eq!(house.metric("earlybird_jobs_ended_total{outcome=\"failed\"}").await, 1.0);
    let expiry = jobs.start_job(request("coupon-expiry", &[])).await.expect("it starts").into_inner();
    assert_eq!(ended(&house, &expiry.name).await.state(), State::Succeeded);
    // Ended is ended.
    let stopped = jobs.cancel_job(v1::CancelJobRequest { name: expiry.name.clone() }).await;
    assert_eq!(stopped.expect("it is there").into_inner().state(), State::Succeeded);
    assert_eq!(
        failure(jobs.get_job(v1::GetJobRequest { name: "jobs/none".into() }).await).1,
        "JOB_NOT_FOUND"
    );
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListJobsRequest { page_size: 1, page_token };
        let page = jobs.list_jobs(request).await.expect("a page").into_inner();
        names.extend(page.jobs.into_iter().map(|job| job.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert!(names.contains(&expiry.name) && names.contains(&started.name), "{names:?}");
}

/// A node that dies while it gives presents: the next one goes on, and nobody has two.
#[tokio::test]
async fn birthdays_outlive_a_kill() {
    const MEMBERS: usize = 2_000;
    for options in [Some(Options::default()), Options::on_postgres().await].into_iter().flatten() {
        let options = options
            .with("EARLYBIRD_JOBS__POLL_EVERY", "10ms")
            .with("EARLYBIRD_JOBS__LEASE", "1s")
            .with("EARLYBIRD_JOBS__CHUNK_ROWS", "20");
        let mut house = House::build(Plan { server: options, ..Plan::default() }).await;
        create(&house, v1::Campaign { birthday: true, ..percent(1_000) }).await;
        let members = (0..MEMBERS).map(|number| v1::Member {
            member_id: format!("m{number:04}"),
            birth_date: if number % 2 == 0 { "1990-02-28" } else { "2004-02-29" }.into(),
            ..Default::default()
        });
        let import = v1::ImportMembersRequest { members: members.collect() };
        let mut importer = v1::members_client::MembersClient::new(house.server.channel());
        let mut answers =
            importer.import_members(tokio_stream::iter([import])).await.expect("it is taken").into_inner();
        while answers.message().await.expect("an answer").is_some() {}
        let request = v1::StartJobRequest {
            kind: "birthday".into(),
            arguments: [("campaign", "summer"), ("date", "2026-02-28")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            request_id: request_id(),
        };
        let name = JobsClient::new(house.server.channel())
            .start_job(request)
            .await
            .expect("it starts")
            .into_inner()
            .name;
        for _ in 0..2 {
            let before = job(&house, &name).await.done;
            // On a fast machine it may be over before anybody looks.
            let goes_on = async || {
                let job = job(&house, &name).await;
                (job.done > before || job.state() == State::Succeeded).then_some(())
            };
            eventually("it goes on", goes_on).await;
            house.server.kill9().await;
            house.server.restart().await;
        }
        let done = ended(&house, &name).await;
        assert_eq!((done.state(), done.done, done.total), (State::Succeeded, 2_000, Some(2_000)));
        let campaign = client(&house).get_campaign(v1::GetCampaignRequest { name: CAMPAIGN.into() }).await;
        assert_eq!(campaign.expect("it is there").into_inner().issued, MEMBERS as u64);
        for number in [0, 1, 999, 1_000, 1_999] {
            let mine = v1::ListCouponsRequest { member_id: format!("m{number:04}"), ..Default::default() };
            let coupons = client(&house).list_coupons(mine).await.expect("a page").into_inner().coupons;
            assert_eq!(coupons.len(), 1, "m{number:04}");
        }
    }
}
