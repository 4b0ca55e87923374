//! A campaign between the wire and the store.

use earlybird_engine::Timestamp;
use earlybird_persistence::{
    CampaignId, CampaignRow, CreateOutcome, Fingerprint, NewCampaign, RequestId, UnixMillis,
};
use earlybird_proto::v1::{self, campaign::Discount as WireDiscount};
use tonic::Status;

use super::{Method, fingerprint};
use crate::coupons::{Discount, Terms, Validity, decode_terms};
use crate::ingress::answer::time;
use crate::ingress::catalog::time::timestamp;
use crate::ingress::catalog::violations::Violations;
use crate::ingress::status::{Problem, Reason};
use crate::ingress::{Ingress, names, validate};

const INVALID_CAMPAIGN: &str = "INVALID_CAMPAIGN";
const ID_RULE: &str = "must have 1 to 63 of a-z, 0-9 and -, start with a letter and not end in -";
const DISPLAY_NAME_CHARS_MAX: usize = 200;
/// The highest amount: as for prices, so that it is exact also where numbers are floating-point.
const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000;
const BASIS_POINTS_MAX: u32 = 10_000;
const VALID_DAYS_MAX: u32 = 3_650;
const STOCK_MAX: u64 = 1_000_000_000;
const NAMES_MAX: usize = 100;

impl Ingress {
    pub(super) async fn create_campaign(
        &self,
        mut request: v1::CreateCampaignRequest,
    ) -> Result<v1::Campaign, Status> {
        let now = UnixMillis(self.node.clock.now().0);
        let request_id = RequestId(validate::request_id(&std::mem::take(&mut request.request_id))?.0);
        if let Some(campaign) = &mut request.campaign {
            // What the server sets is ignored, so it is no part of the fingerprint either.
            campaign.name.clear();
            (campaign.issued, campaign.create_time, campaign.update_time) = (0, None, None);
        }
        let fingerprint = fingerprint(Method::CreateCampaign, &request);
        let new = new_campaign(request, (request_id, fingerprint), now)?;
        let row = CampaignRow { campaign: new, issued: 0, updated_at: now };
        match self.node.coupons.create(&row.campaign).await.map_err(Problem::from)? {
            CreateOutcome::Created => Ok(wire_campaign(&row)?),
            CreateOutcome::Replayed(row) => Ok(wire_campaign(&row)?),
            CreateOutcome::RequestIdReused => Err(Problem::new(Reason::RequestIdReused, "")
                .with_field("request_id", "was used before for another request")
                .into()),
            CreateOutcome::AlreadyExists => {
                let message = format!("there is a campaign named campaigns/{} already", row.campaign.id);
                Err(Problem::new(Reason::CampaignExists, message).into())
            }
        }
    }
}

/// Checks every field, and tells all that is wrong at once.
fn new_campaign(
    request: v1::CreateCampaignRequest,
    (request_id, fingerprint): (RequestId, Fingerprint),
    now: UnixMillis,
) -> Result<NewCampaign, Status> {
    let mut wrong = Violations::default();
    if !names::is_id(&request.campaign_id) {
        wrong.add("campaign_id", ID_RULE);
    }
    let wire = request.campaign.unwrap_or_default();
    check_display_name(&wire.display_name, &mut wrong);
    let terms = terms(&wire, &mut wrong);
    let opens_at = moment("campaign.open_time", wire.open_time.as_ref(), &mut wrong);
    let ends_at = moment("campaign.end_time", wire.end_time.as_ref(), &mut wrong);
    if ends_at.is_some_and(|ends_at| ends_at <= opens_at.unwrap_or(now)) {
        wrong.add("campaign.end_time", "must be after open_time, and to come");
    }
    if wire.stock.is_some_and(|stock| stock > STOCK_MAX) {
        wrong.add("campaign.stock", format!("must be at most {STOCK_MAX}"));
    }
    if wire.birthday && wire.per_member_max != 0 {
        wrong.add("campaign.per_member_max", "must be 0 for a birthday campaign, which grants one a year");
    }
    wrong.check(INVALID_CAMPAIGN)?;
    // Terms of texts and numbers always serialise.
    let terms = serde_json::to_vec(&terms).unwrap_or_default().into();
    Ok(NewCampaign {
        id: CampaignId::from(request.campaign_id),
        request_id,
        fingerprint,
        display_name: wire.display_name.into(),
        terms,
        stock: wire.stock,
        per_member_max: Some(wire.per_member_max).filter(|max| *max > 0),
        opens_at: opens_at.unwrap_or(now),
        ends_at,
        returns_on_refund: wire.returns_on_refund,
        is_birthday: wire.birthday,
        created_at: now,
    })
}

fn check_display_name(name: &str, wrong: &mut Violations) {
    let fits = !name.trim().is_empty()
        && name.len() <= DISPLAY_NAME_CHARS_MAX * 4
        && name.chars().count() <= DISPLAY_NAME_CHARS_MAX
        && !name.chars().any(char::is_control);
    if !fits {
        let rule = format!("must have 1 to {DISPLAY_NAME_CHARS_MAX} characters and no control characters");
        wrong.add("campaign.display_name", rule);
    }
}

fn moment(field: &str, wire: Option<&prost_types::Timestamp>, wrong: &mut Violations) -> Option<UnixMillis> {
    let at = wrong.take(field, wire.map(timestamp).transpose())??;
    Some(UnixMillis(at.0))
}

/// What coupons are good for. Nothing of it may be used when something is wrong.
fn terms(wire: &v1::Campaign, wrong: &mut Violations) -> Terms {
    let discount = discount(wire, wrong);
    for (field, amount) in [
        ("campaign.discount_max_minor", wire.discount_max_minor),
        ("campaign.spend_min_minor", wire.spend_min_minor),
    ] {
        if !(0..=AMOUNT_MINOR_MAX).contains(&amount) {
            wrong.add(field, format!("must be 0 to {AMOUNT_MINOR_MAX}"));
        }
    }
    let valid_from = moment("campaign.valid_from", wire.valid_from.as_ref(), wrong);
    Terms {
        currency: currency(wire, discount, wrong),
        discount,
        discount_max_minor: Some(wire.discount_max_minor).filter(|max| *max > 0),
        spend_min_minor: wire.spend_min_minor,
        valid_from: valid_from.map(|at| at.0),
        validity: validity(wire, valid_from, wrong),
        categories: categories(&wire.categories, wrong),
        performances: performances(&wire.performances, wrong),
    }
}

fn discount(wire: &v1::Campaign, wrong: &mut Violations) -> Discount {
    match wire.discount {
        Some(WireDiscount::PercentBasisPoints(basis_points)) => {
            if !(1..=BASIS_POINTS_MAX).contains(&basis_points) {
                wrong.add("campaign.percent_basis_points", format!("must be 1 to {BASIS_POINTS_MAX}"));
            }
            Discount::Percent { basis_points }
        }
        Some(WireDiscount::AmountMinor(amount_minor)) => {
            if !(1..=AMOUNT_MINOR_MAX).contains(&amount_minor) {
                wrong.add("campaign.amount_minor", format!("must be 1 to {AMOUNT_MINOR_MAX}"));
            }
            if wire.discount_max_minor != 0 {
                wrong.add("campaign.discount_max_minor", "must be 0 for an amount, which is its own maximum");
            }
            Discount::Fixed { amount_minor }
        }
        None => {
            wrong.add("campaign.discount", "percent_basis_points or amount_minor must be set");
            Discount::Percent { basis_points: 0 }
        }
    }
}

fn currency(wire: &v1::Campaign, discount: Discount, wrong: &mut Violations) -> Option<Box<str>> {
    let field = "campaign.currency_code";
    let code = wire.currency_code.as_str();
    if code.is_empty() {
        let has_amounts = matches!(discount, Discount::Fixed { .. })
            || wire.discount_max_minor > 0
            || wire.spend_min_minor > 0;
        if has_amounts {
            wrong.add(field, "must be set where there is an amount");
        }
        return None;
    }
    if code.len() != 3 || iso_currency::Currency::from_code(code).is_none() {
        wrong.add(field, "must be an ISO 4217 code such as KRW");
    }
    Some(code.into())
}

fn validity(wire: &v1::Campaign, valid_from: Option<UnixMillis>, wrong: &mut Violations) -> Validity {
    let until = moment("campaign.valid_until", wire.valid_until.as_ref(), wrong);
    match (until, wire.valid_days) {
        (Some(until), 0) => {
            if valid_from.is_some_and(|from| until <= from) {
                wrong.add("campaign.valid_until", "must be after valid_from");
            }
            Validity::Until(until.0)
        }
        (None, days) => {
            // A date that cannot be read was told already.
            if wire.valid_until.is_none() && !(1..=VALID_DAYS_MAX).contains(&days) {
                wrong.add(
                    "campaign.valid_days",
                    format!("valid_until, or 1 to {VALID_DAYS_MAX} days, must be set"),
                );
            }
            Validity::Days(days)
        }
        (Some(until), _) => {
            wrong.add("campaign.valid_days", "must be 0 when valid_until is set");
            Validity::Until(until.0)
        }
    }
}

fn categories(wire: &[String], wrong: &mut Violations) -> Vec<Box<str>> {
    check_count("campaign.categories", wire, wrong);
    for (index, category) in wire.iter().enumerate().take(NAMES_MAX) {
        if category.is_empty() || category.len() > 1_000 {
            wrong.add(format!("campaign.categories[{index}]"), "must be the name of a seat category");
        }
    }
    wire.iter().map(|category| category.as_str().into()).collect()
}

fn performances(wire: &[String], wrong: &mut Violations) -> Vec<Box<str>> {
    check_count("campaign.performances", wire, wrong);
    let mut found = Vec::new();
    for (index, name) in wire.iter().enumerate().take(NAMES_MAX) {
        match names::performance("performances", name) {
            Ok(id) => found.push(id.into()),
            Err(_) => wrong.add(
                format!("campaign.performances[{index}]"),
                "must have the form performances/{performance}",
            ),
        }
    }
    found
}

fn check_count(field: &str, names: &[String], wrong: &mut Violations) {
    if names.len() > NAMES_MAX {
        wrong.add(field, format!("{} of them, at most {NAMES_MAX} are accepted", names.len()));
    }
}

/// A campaign on the wire.
pub(super) fn wire_campaign(row: &CampaignRow) -> Result<v1::Campaign, Problem> {
    let CampaignRow { campaign, issued, updated_at } = row;
    let terms = decode_terms(row)?;
    let at = |at: UnixMillis| Some(time(Timestamp(at.0)));
    let discount = match terms.discount {
        Discount::Percent { basis_points } => WireDiscount::PercentBasisPoints(basis_points),
        Discount::Fixed { amount_minor } => WireDiscount::AmountMinor(amount_minor),
    };
    let (valid_until, valid_days) = match terms.validity {
        Validity::Until(until) => (at(UnixMillis(until)), 0),
        Validity::Days(days) => (None, days),
    };
    Ok(v1::Campaign {
        name: format!("campaigns/{}", campaign.id),
        display_name: campaign.display_name.to_string(),
        discount: Some(discount),
        currency_code: terms.currency.map(String::from).unwrap_or_default(),
        discount_max_minor: terms.discount_max_minor.unwrap_or(0),
        spend_min_minor: terms.spend_min_minor,
        valid_from: terms.valid_from.and_then(|from| at(UnixMillis(from))),
        valid_until,
        valid_days,
        stock: campaign.stock,
        per_member_max: campaign.per_member_max.unwrap_or(0),
        categories: terms.categories.into_iter().map(String::from).collect(),
        performances: terms.performances.iter().map(|id| format!("performances/{id}")).collect(),
        returns_on_refund: campaign.returns_on_refund,
        birthday: campaign.is_birthday,
        open_time: at(campaign.opens_at),
        end_time: campaign.ends_at.and_then(at),
        issued: *issued,
        create_time: at(campaign.created_at),
        update_time: at(*updated_at),
    })
}

#[cfg(test)]
#[path = "campaign_tests.rs"]
mod tests;
