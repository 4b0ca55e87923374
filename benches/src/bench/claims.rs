//! Ten thousand who claim a coupon at once.

use std::time::Instant;

use anyhow::ensure;
use earlybird_proto::v1::{ClaimCouponRequest, coupons_client::CouponsClient};
use rush::connect::Dialer;
use tokio::task::JoinSet;
use tonic::Code;

use super::median;
use crate::coupons;
use crate::row::{Figure, Goal, Row};
use crate::world::World;

const CLAIMS: usize = 10_000;
const CONNECTIONS: usize = 8;
/// Half of them get one: both answers count.
const STOCK: u64 = CLAIMS as u64 / 2;

pub(super) async fn run(world: &World) -> anyhow::Result<Vec<Row>> {
    let node = world.node(&[]).await?;
    let mut rates = Vec::new();
    for round in 0..world.rounds() {
        let id = format!("rush-{round}");
        let campaign = coupons::campaign(&node.dialer, &id, Some(STOCK), false).await?;
        let rate = claim_all(&node.dialer, &campaign).await?;
        let issued = coupons::issued(&node.dialer, &campaign).await?;
        ensure!(issued == STOCK, "{issued} coupons of {STOCK}");
        eprintln!("  {rate:.0}/s");
        rates.push(rate);
    }
    let what = format!("claims of a coupon, {CLAIMS} at once, stock for half, PostgreSQL");
    Ok(vec![Row::new(what, Figure::per_second(median(rates)), Goal::AtLeast(5_000.0))])
}

async fn claim_all(dialer: &Dialer, campaign: &str) -> anyhow::Result<f64> {
    let wires: Vec<_> = (0..CONNECTIONS).map(|number| dialer.channel(number)).collect();
    let mut claims = JoinSet::new();
    let began = Instant::now();
    for number in 0..CLAIMS {
        let mut client = CouponsClient::new(wires[number % CONNECTIONS].clone());
        let request = ClaimCouponRequest {
            campaign: campaign.to_owned(),
            member_id: format!("member-{number}"),
            request_id: uuid::Uuid::new_v4().to_string(),
        };
        claims.spawn(async move { client.claim_coupon(request).await });
    }
    let (mut issued, mut sold_out) = (0, 0);
    while let Some(claimed) = claims.join_next().await {
        match claimed? {
            Ok(_) => issued += 1,
            Err(status) if status.code() == Code::ResourceExhausted => sold_out += 1,
            Err(status) => return Err(status.into()),
        }
    }
    let took = began.elapsed();
    ensure!(issued == STOCK, "{issued} were given a coupon, and {sold_out} none");
    Ok(CLAIMS as f64 / took.as_secs_f64())
}
