//! After the curve: lets holds lapse and waitlists move, and sells what is left.

use std::time::Duration;

use crate::onsale::house::Facts;
use crate::onsale::options::Options;
use crate::onsale::view::Counts;

/// Time for the last payments and replies.
const MARGIN: Duration = Duration::from_secs(15);
/// Seats sold at a time, so that a tick's worth of sales is decided before the next.
const SALES_PER_ROUND_MAX: u32 = 512;
/// The longest settling that is chosen without being asked for.
const CHOSEN_MAX: Duration = Duration::from_secs(120);

/// How long settling may take: every hold and offer may lapse twice.
pub(super) fn settle_max(options: &Options, facts: &Facts) -> Duration {
    options.settle_max.unwrap_or_else(|| (facts.hold_ttl * 2 + facts.offer_ttl * 2 + MARGIN).min(CHOSEN_MAX))
}

/// What a round of settling does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// All that can be sold is.
    SoldOut,
    /// Sells so many seats.
    Sell(u32),
    /// Holds and payments are under way.
    Wait,
}

/// The next round, given the house.
pub(super) fn round(seats: Counts) -> Round {
    match seats {
        Counts { free: 0, held: 0, paying: 0, .. } => Round::SoldOut,
        Counts { free: 0, .. } => Round::Wait,
        Counts { free, .. } => Round::Sell(free.min(SALES_PER_ROUND_MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_seats_are_sold_and_held_ones_waited_for() {
        let counts = |free, held| Counts { free, held, sold: 5, ..Counts::default() };
        assert_eq!(round(counts(0, 0)), Round::SoldOut);
        assert_eq!(round(counts(0, 3)), Round::Wait);
        assert_eq!(round(counts(2, 3)), Round::Sell(2));
        assert_eq!(round(counts(9_000, 0)), Round::Sell(SALES_PER_ROUND_MAX));
    }
}
