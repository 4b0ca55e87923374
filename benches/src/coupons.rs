//! Coupon campaigns, made through the public API.

use anyhow::Context;
use earlybird_proto::v1::campaign::Discount;
use earlybird_proto::v1::coupons_client::CouponsClient;
use earlybird_proto::v1::{Campaign, CreateCampaignRequest, GetCampaignRequest};
use rush::connect::Dialer;

/// Creates a campaign of ten percent, and returns its name.
///
/// # Errors
/// When the server does not take it.
pub async fn campaign(
    dialer: &Dialer,
    id: &str,
    stock: Option<u64>,
    birthday: bool,
) -> anyhow::Result<String> {
    let campaign = Campaign {
        display_name: "A campaign".to_owned(),
        discount: Some(Discount::PercentBasisPoints(1_000)),
        valid_days: 30,
        stock,
        birthday,
        ..Campaign::default()
    };
    let request = CreateCampaignRequest {
        campaign_id: id.to_owned(),
        campaign: Some(campaign),
        request_id: uuid::Uuid::new_v4().to_string(),
    };
    let created = CouponsClient::new(dialer.channel(0)).create_campaign(request).await;
    Ok(created.context("cannot create a campaign")?.into_inner().name)
}

/// How many coupons a campaign has issued.
///
/// # Errors
/// When the server does not tell.
pub async fn issued(dialer: &Dialer, campaign: &str) -> anyhow::Result<u64> {
    let request = GetCampaignRequest { name: campaign.to_owned() };
    Ok(CouponsClient::new(dialer.channel(0)).get_campaign(request).await?.into_inner().issued)
}
