//! What seats of a performance cost, as coupons look at it.

use earlybird_engine::SeatIndex;

use super::terms::{Bill, Line};
use crate::catalog::PerformanceInfo;

/// What these seats cost without a coupon: one line for each category. Seats of a hold exist, so each has a price.
#[must_use]
pub fn bill<'a>(info: &'a PerformanceInfo, seats: &[SeatIndex]) -> Bill<'a> {
    let categories = info.layout.categories.iter();
    let mut lines: Vec<Line<'a>> = categories.map(|category| Line { category, amount_minor: 0 }).collect();
    for seat in seats {
        let Some(place) = info.layout.seats.get(seat.as_usize()) else { continue };
        let category = usize::from(place.category.0);
        let price = info.settings.price_minor_by_category.get(category).copied().unwrap_or(0);
        if let Some(line) = lines.get_mut(category) {
            // Saturated, it is found to be too large when the lines are added up.
            line.amount_minor = line.amount_minor.saturating_add(price);
        }
    }
    lines.retain(|line| line.amount_minor > 0);
    Bill { performance: info.id.as_str(), currency: &info.settings.currency, lines }
}
