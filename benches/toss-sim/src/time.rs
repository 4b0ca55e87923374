//! Times as the provider writes them: in Korea, to the second.

use time::format_description::BorrowedFormatItem;
use time::macros::{format_description, offset};
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// The provider's zone.
const KOREA: UtcOffset = offset!(+9);

/// What a query may give: `2026-01-31T09:00:00`, with or without fractions of a second.
const QUERIED: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]");

/// How webhooks write when they were made.
const CREATED: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]");

/// The provider's clock.
#[must_use]
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().to_offset(KOREA)
}

/// A time as a Payment shows it.
#[must_use]
pub fn shown(time: OffsetDateTime) -> OffsetDateTime {
    time.to_offset(KOREA).truncate_to_second()
}

/// A time as a webhook shows it.
#[must_use]
pub fn created(time: OffsetDateTime) -> String {
    time.to_offset(KOREA).format(&CREATED).unwrap_or_default()
}

/// A time of a query; without an offset it is Korea's.
#[must_use]
pub fn queried(text: &str) -> Option<OffsetDateTime> {
    let with_offset = OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok();
    with_offset.or_else(|| Some(PrimitiveDateTime::parse(text, &QUERIED).ok()?.assume_offset(KOREA)))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn queries_are_in_korean_time_unless_they_say_otherwise() {
        let moment = datetime!(2026-01-31 00:30:15 UTC);
        assert_eq!(queried("2026-01-31T09:30:15"), Some(moment));
        assert_eq!(queried("2026-01-31T09:30:15.000"), Some(moment));
        assert_eq!(queried("2026-01-31T00:30:15Z"), Some(moment));
        assert_eq!(queried("2026-01-31T09:30:15+09:00"), Some(moment));
        assert_eq!(queried("2026-01-31"), None);
        assert_eq!(created(moment), "2026-01-31T09:30:15.000000");
    }
}
