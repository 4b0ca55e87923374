//! Buys a seat with a coupon, and gives it back: the whole way of a frontend, from the member to the refund.
//!
//! ```text
//! # A node that pays through the simulator of the provider, as the README tells; then:
//! cargo run -p earlybird --example buy_with_coupon -- http://127.0.0.1:50051
//! ```
//!
//! It makes a venue, a performance and a campaign of its own, so it may run as often as you like.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use earlybird_proto::v1;
use earlybird_proto::v1::campaign::Discount;
use earlybird_proto::v1::catalog_client::CatalogClient;
use earlybird_proto::v1::coupons_client::CouponsClient;
use earlybird_proto::v1::members_client::MembersClient;
use earlybird_proto::v1::orders_client::OrdersClient;
use earlybird_proto::v1::seating_client::SeatingClient;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

const CLUB: &[u8] = include_bytes!("../../venues/club.json");
const BUYER: &str = "ann";
/// A free seat in the bytes of a seat map.
const FREE: u8 = v1::SeatState::Free as u8;
/// How often a call is sent that nobody answers.
const TRIES_MAX: u32 = 5;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let endpoint = std::env::args().nth(1).context("usage: buy_with_coupon http://127.0.0.1:50051")?;
    buy(endpoint).await.map(drop)
}

/// Buys and gives back. Returns the order as it was paid, and as it is in the end.
pub(crate) async fn buy(endpoint: String) -> anyhow::Result<(v1::Order, v1::Order)> {
    let channel = Channel::from_shared(endpoint)?.connect().await.context("cannot connect")?;
    import_member(&channel).await?;
    let performance = create_performance(&channel).await?;
    let campaign = create_campaign(&channel, &performance).await?;

    let mut coupons = CouponsClient::new(channel.clone());
    let claim = v1::ClaimCouponRequest { campaign, member_id: BUYER.into(), request_id: new_id() };
    let coupon = patiently(claim, async |claim| coupons.claim_coupon(claim).await).await?;
    println!("{BUYER} has {}", coupon.name);

    let hold = hold_first_free_seat(&channel, performance).await?;
    println!("{} costs {}", hold.name, hold.amount_minor);
    let quote = v1::QuotePriceRequest {
        hold: hold.name.clone(),
        buyer_id: BUYER.into(),
        coupon: coupon.name.clone(),
    };
    let quote = coupons.quote_price(quote).await?.into_inner();
    println!("with the coupon {} {}", quote.payable_minor, quote.currency_code);

    // Here the buyer pays in the provider's window, which gives the key.
    let pay = v1::PayHoldRequest {
        hold: hold.name,
        buyer_id: BUYER.into(),
        amount_minor: quote.payable_minor,
        payment_key: format!("example-{}", new_id()),
        coupon: coupon.name,
        request_id: new_id(),
    };
    let mut orders = OrdersClient::new(channel);
    let paid = patiently(pay, async |pay| orders.pay_hold(pay).await).await?;
    println!("{} is {:?}: {} were charged", paid.name, paid.state(), paid.amount_minor);

    let refund = v1::RefundOrderRequest {
        name: paid.name.clone(),
        buyer_id: BUYER.into(),
        reason: "only an example".into(),
        request_id: new_id(),
        ..Default::default()
    };
    patiently(refund, async |refund| orders.refund_order(refund).await).await?;
    let order = orders.get_order(v1::GetOrderRequest { name: paid.name.clone() }).await?.into_inner();
    println!("{} is {:?}: {} went back", order.name, order.state(), order.refunded_minor);
    Ok((paid, order))
}

async fn hold_first_free_seat(channel: &Channel, performance: String) -> anyhow::Result<v1::Hold> {
    let mut seating = SeatingClient::new(channel.clone());
    let map = v1::GetSeatMapRequest { performance: performance.clone() };
    let map = seating.get_seat_map(map).await?.into_inner();
    let seat = map.states.iter().position(|state| *state == FREE).context("sold out")?;
    let hold = v1::HoldSeatsRequest {
        performance,
        buyer_id: BUYER.into(),
        seats: vec![u32::try_from(seat)?],
        request_id: new_id(),
        ..Default::default()
    };
    patiently(hold, async |hold| seating.hold_seats(hold).await).await
}

/// Sends a request until it is answered. The same `request_id` has one effect however often it is sent, so a lost answer does
/// no harm. A frontend would also wait for as long as `RetryInfo` says.
async fn patiently<R: Clone, A>(
    request: R,
    mut send: impl AsyncFnMut(Request<R>) -> Result<Response<A>, Status>,
) -> anyhow::Result<A> {
    let mut tries = 0;
    loop {
        tries += 1;
        match send(Request::new(request.clone())).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if status.code() == Code::Unavailable && tries < TRIES_MAX => {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(status) => return Err(status.into()),
        }
    }
}

async fn import_member(channel: &Channel) -> anyhow::Result<()> {
    let member = v1::Member {
        member_id: BUYER.into(),
        grade: "vip".into(),
        birth_date: "2004-02-29".into(),
        ..Default::default()
    };
    let messages = tokio_stream::iter([v1::ImportMembersRequest { members: vec![member] }]);
    let mut answers = MembersClient::new(channel.clone()).import_members(messages).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        anyhow::ensure!(answer.rejected == 0, "{:?}", answer.faults);
    }
    Ok(())
}

/// A performance in the club, open now.
async fn create_performance(channel: &Channel) -> anyhow::Result<String> {
    let mut catalog = CatalogClient::new(channel.clone());
    let id = format!("example-{}", new_id());
    let venue =
        v1::ImportVenueRequest { venue_id: id.clone(), seating_plan: CLUB.into(), request_id: new_id() };
    let venue = catalog.import_venue(venue).await?.into_inner();
    let price = |category: &str| v1::Price { category: category.into(), amount_minor: 90_000 };
    let (now, hour) = (SystemTime::now(), Duration::from_secs(3_600));
    let phase = v1::SalePhase {
        kind: v1::sale_phase::Kind::General.into(),
        open_time: Some((now - hour).into()),
        close_time: Some((now + hour).into()),
        ..Default::default()
    };
    let performance = v1::Performance {
        display_name: "An example".into(),
        venue: venue.name,
        currency_code: "KRW".into(),
        prices: ["VIP", "R", "S", "A"].map(price).into(),
        phases: vec![phase],
        ..Default::default()
    };
    let request = v1::CreatePerformanceRequest {
        performance_id: id,
        performance: Some(performance),
        request_id: new_id(),
    };
    Ok(catalog.create_performance(request).await?.into_inner().name)
}

/// Ten percent off this performance, one for each member.
async fn create_campaign(channel: &Channel, performance: &str) -> anyhow::Result<String> {
    let campaign = v1::Campaign {
        display_name: "An example".into(),
        discount: Some(Discount::PercentBasisPoints(1_000)),
        valid_days: 1,
        stock: Some(100),
        per_member_max: 1,
        performances: vec![performance.to_owned()],
        ..Default::default()
    };
    let request = v1::CreateCampaignRequest {
        campaign_id: format!("example-{}", new_id()),
        campaign: Some(campaign),
        request_id: new_id(),
    };
    Ok(CouponsClient::new(channel.clone()).create_campaign(request).await?.into_inner().name)
}

fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
