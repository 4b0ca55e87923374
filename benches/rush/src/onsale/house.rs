//! The house: finds or makes the performance, and reads what the generator must know of it.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use earlybird_proto::v1::sale_phase::Kind as PhaseKind;
use earlybird_proto::v1::{
    CreatePerformanceRequest, GetPerformanceRequest, GetVenueRequest, HoldAck, ImportVenueRequest, Limits,
    ListSeatsRequest, Performance, Price, SalePhase, Venue,
};
use tonic::{Code, Status};

use crate::clock::unix_ms;
use crate::connect::{Wire, catalog};
use crate::onsale::options::{House, Options};

/// What the generator knows of what it sells.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The performance.
    pub performance: Performance,
    /// Price of each seat in minor units, by index.
    pub prices: Vec<i64>,
    /// Life of a hold.
    pub hold_ttl: Duration,
    /// Life of an offer.
    pub offer_ttl: Duration,
    /// The member grade of the presale, or any that a member may show.
    pub grade: String,
}

impl Facts {
    /// Number of seats.
    pub fn capacity(&self) -> u32 {
        self.performance.capacity
    }

    /// Whether holds are acknowledged before they are on disk.
    pub fn memory_ack(&self) -> bool {
        self.performance.hold_ack() == HoldAck::Memory
    }

    /// Seats that one buyer may have at once.
    pub fn seats_per_buyer_max(&self) -> u32 {
        let limits = self.performance.limits.as_ref();
        limits.and_then(|limits| limits.seats_per_buyer_max).unwrap_or(SEATS_PER_BUYER_MAX_DEFAULT)
    }

    /// When the first phase that is not over opens, and when the presale that is open then ends, in milliseconds since
    /// 1970; nothing when all is over.
    pub fn opening(&self, now_ms: u64) -> Option<(u64, Option<u64>)> {
        let first = self
            .performance
            .phases
            .iter()
            .filter(|phase| phase.close_time.is_none_or(|close| stamp_ms(&close) > now_ms))
            .min_by_key(|phase| phase.open_time.as_ref().map(stamp_ms))?;
        let open = first.open_time.as_ref().map_or(now_ms, stamp_ms);
        let presale_end = match first.kind() {
            PhaseKind::Presale => first.close_time.as_ref().map(stamp_ms),
            PhaseKind::General | PhaseKind::Unspecified => None,
        };
        Some((open.max(now_ms), presale_end))
    }
}

fn stamp_ms(stamp: &prost_types::Timestamp) -> u64 {
    u64::try_from(stamp.seconds * 1_000 + i64::from(stamp.nanos) / 1_000_000).unwrap_or(0)
}

fn stamp(unix_ms: u64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: (unix_ms / 1_000) as i64, nanos: (unix_ms % 1_000) as i32 * 1_000_000 }
}

/// Repeats `call` while the server cannot be reached, for at most `patience`.
///
/// # Errors
/// The status of the last attempt.
pub async fn until_reachable<T, F>(patience: Duration, mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        match call().await {
            Err(status)
                if matches!(status.code(), Code::Unavailable | Code::Unknown | Code::DeadlineExceeded) =>
            {
                if tokio::time::Instant::now() >= deadline {
                    return Err(status);
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            result => return result,
        }
    }
}

/// Finds or makes the performance of `options`. `run` marks what is made.
///
/// # Errors
/// When the server cannot be reached within the patience, or refuses, or the plan cannot be read.
pub async fn prepare(wire: &Wire, options: &Options, run: u64) -> anyhow::Result<Facts> {
    let performance = match &options.house {
        House::Performance(name) => existing(wire, options, &full_name("performances", name)).await?,
        House::Venue(name) => {
            let name = full_name("venues", name);
            let get = || async { catalog(wire).get_venue(GetVenueRequest { name: name.clone() }).await };
            let venue = until_reachable(options.patience, get).await.context("--venue: it cannot be read")?;
            create(wire, options, &venue.into_inner(), run).await?
        }
        House::Plan(path) => {
            let venue = import(wire, options, path).await?;
            create(wire, options, &venue, run).await?
        }
    };
    facts(wire, performance).await
}

fn full_name(collection: &str, name: &str) -> String {
    if name.contains('/') { name.to_owned() } else { format!("{collection}/{name}") }
}

async fn existing(wire: &Wire, options: &Options, name: &str) -> anyhow::Result<Performance> {
    let get =
        || async { catalog(wire).get_performance(GetPerformanceRequest { name: name.to_owned() }).await };
    Ok(until_reachable(options.patience, get).await.context("--performance: it cannot be read")?.into_inner())
}

async fn import(wire: &Wire, options: &Options, path: &Path) -> anyhow::Result<Venue> {
    let seating_plan =
        std::fs::read(path).with_context(|| format!("--plan: {} cannot be read", path.display()))?;
    let venue_id = slug(path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("venue"));
    let request = ImportVenueRequest {
        venue_id: venue_id.clone(),
        seating_plan: seating_plan.into(),
        request_id: uuid::Uuid::new_v4().to_string(),
    };
    let call = || async { catalog(wire).import_venue(request.clone()).await };
    match until_reachable(options.patience, call).await {
        Ok(venue) => Ok(venue.into_inner()),
        // The same plan on a server that has it already: what is sold is the same.
        Err(status) if status.code() == Code::AlreadyExists => {
            let name = format!("venues/{venue_id}");
            Ok(catalog(wire).get_venue(GetVenueRequest { name }).await?.into_inner())
        }
        Err(status) => Err(status).context("--plan: the venue was not imported"),
    }
}

/// A valid id made of a file's name.
fn slug(name: &str) -> String {
    let mut slug: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    if !slug.starts_with(|c: char| c.is_ascii_lowercase()) {
        slug.insert_str(0, "venue-");
    }
    slug.truncate(63);
    slug.trim_end_matches('-').to_owned()
}

async fn create(wire: &Wire, options: &Options, venue: &Venue, run: u64) -> anyhow::Result<Performance> {
    let request = CreatePerformanceRequest {
        performance_id: format!("rush-{:08x}", run & 0xffff_ffff),
        performance: Some(performance(options, venue, unix_ms())),
        request_id: uuid::Uuid::new_v4().to_string(),
    };
    let call = || async { catalog(wire).create_performance(request.clone()).await };
    let created = until_reachable(options.patience, call).await.context("the performance was not created")?;
    Ok(created.into_inner())
}

/// From creation until the curve begins: lanes connect in this time.
const LEAD_MS: u64 = 1_500;
/// How long sales stay open after the opening.
const OPEN_FOR_MS: u64 = 30 * 24 * 3_600 * 1_000;

fn performance(options: &Options, venue: &Venue, now_ms: u64) -> Performance {
    let opening = now_ms + LEAD_MS;
    let presale_ms = options.compressed(options.presale).as_millis() as u64;
    let general = opening + presale_ms;
    let mut phases = Vec::with_capacity(2);
    if presale_ms > 0 && options.vip_share > 0.0 {
        phases.push(SalePhase {
            kind: PhaseKind::Presale.into(),
            grades: vec!["vip".to_owned()],
            open_time: Some(stamp(opening)),
            close_time: Some(stamp(general)),
            waitlist_open: true,
        });
    }
    phases.push(SalePhase {
        kind: PhaseKind::General.into(),
        grades: Vec::new(),
        open_time: Some(stamp(if phases.is_empty() { opening } else { general })),
        close_time: Some(stamp(general + OPEN_FOR_MS)),
        waitlist_open: true,
    });
    Performance {
        display_name: "Rush on-sale".to_owned(),
        venue: venue.name.clone(),
        start_time: Some(stamp(general + OPEN_FOR_MS)),
        currency_code: "KRW".to_owned(),
        prices: prices(options.price_minor, &venue.categories),
        phases,
        limits: Some(Limits {
            hold_ttl: prost_types::Duration::try_from(options.hold_ttl).ok(),
            ..Limits::default()
        }),
        hold_ack: if options.memory_ack { HoldAck::Memory } else { HoldAck::Durable }.into(),
        ..Performance::default()
    }
}

/// The last category is the cheapest; each before it costs half of that more.
fn prices(cheapest: i64, categories: &[String]) -> Vec<Price> {
    let last = categories.len().saturating_sub(1);
    let price = |rank: usize| cheapest + cheapest / 2 * (last - rank) as i64;
    let of =
        |(rank, category): (usize, &String)| Price { category: category.clone(), amount_minor: price(rank) };
    categories.iter().enumerate().map(of).collect()
}

/// Default of that limit, from the API.
const SEATS_PER_BUYER_MAX_DEFAULT: u32 = 8;
/// Default life of a hold, from the API.
const HOLD_TTL_DEFAULT: Duration = Duration::from_secs(600);

async fn facts(wire: &Wire, performance: Performance) -> anyhow::Result<Facts> {
    ensure!(performance.capacity > 0, "{} has no seats", performance.name);
    let prices = seat_prices(wire, &performance).await.context("the seats cannot be read")?;
    let limits = performance.limits.unwrap_or_default();
    let of = |field: Option<prost_types::Duration>| field.and_then(|ttl| Duration::try_from(ttl).ok());
    let hold_ttl = of(limits.hold_ttl).unwrap_or(HOLD_TTL_DEFAULT);
    let grade = performance.phases.iter().find_map(|phase| phase.grades.first().cloned());
    Ok(Facts {
        prices,
        hold_ttl,
        offer_ttl: of(limits.offer_ttl).unwrap_or(hold_ttl),
        grade: grade.unwrap_or_else(|| "vip".to_owned()),
        performance,
    })
}

async fn seat_prices(wire: &Wire, performance: &Performance) -> anyhow::Result<Vec<i64>> {
    let mut prices = Vec::with_capacity(performance.capacity as usize);
    let mut page_token = String::new();
    loop {
        let request = ListSeatsRequest { parent: performance.venue.clone(), page_size: 10_000, page_token };
        let page = catalog(wire).list_seats(request).await?.into_inner();
        for seat in &page.seats {
            let price = performance.prices.iter().find(|price| price.category == seat.category);
            prices.push(price.with_context(|| format!("no price for {:?}", seat.category))?.amount_minor);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        page_token = page.next_page_token;
    }
    if prices.len() != performance.capacity as usize {
        bail!("{} seats are listed, but the capacity is {}", prices.len(), performance.capacity);
    }
    Ok(prices)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn venue() -> Venue {
        Venue { name: "venues/hall".to_owned(), categories: vec!["A".into(), "B".into()], ..Venue::default() }
    }

    #[test]
    fn the_presale_comes_first_and_the_general_sale_follows_without_a_gap() {
        let options = Options::new("http://127.0.0.1:1", House::Venue("hall".into()));
        let performance = performance(&options, &venue(), 1_000_000);
        assert_eq!(performance.phases[0].close_time, performance.phases[1].open_time);
        assert_eq!(performance.prices.iter().map(|p| p.amount_minor).collect::<Vec<_>>(), [75_000, 50_000]);
        let facts = Facts {
            performance,
            prices: vec![],
            hold_ttl: HOLD_TTL_DEFAULT,
            offer_ttl: HOLD_TTL_DEFAULT,
            grade: String::new(),
        };
        assert_eq!(facts.opening(1_000_000), Some((1_001_500, Some(1_001_900))));
        assert_eq!(facts.opening(1_001_950), Some((1_001_950, None)));
    }

    #[test]
    fn slugs_are_ids() {
        assert_eq!(slug("Olympic Hall (10k)"), "olympic-hall--10k");
        assert_eq!(slug("10k"), "venue-10k");
    }
}
