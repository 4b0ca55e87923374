//! Times and spans between the wire and the engine: protobuf's seconds and nanoseconds, and the engine's milliseconds.

use earlybird_engine::{Millis, Timestamp};

/// 9999-12-31T23:59:59Z, the last second of a `google.protobuf.Timestamp`.
const SECONDS_MAX: i64 = 253_402_300_799;

/// The engine's time; less than a millisecond is cut off.
pub(in crate::ingress) fn timestamp(wire: &prost_types::Timestamp) -> Result<Timestamp, String> {
    let in_range = (0..=SECONDS_MAX).contains(&wire.seconds) && (0..1_000_000_000).contains(&wire.nanos);
    if !in_range {
        return Err("must be a time from 1970 to 9999".into());
    }
    Ok(Timestamp(wire.seconds.unsigned_abs() * 1000 + u64::from(wire.nanos.unsigned_abs()) / 1_000_000))
}

/// The time on the wire.
pub(in crate::ingress) fn wire_timestamp(time: Timestamp) -> prost_types::Timestamp {
    let seconds = i64::try_from(time.0 / 1000).unwrap_or(SECONDS_MAX);
    prost_types::Timestamp { seconds, nanos: (time.0 % 1000) as i32 * 1_000_000 }
}

/// A span from `min` to `max`; `accepted` says so in words.
pub(in crate::ingress) fn span(
    wire: &prost_types::Duration,
    min: Millis,
    max: Millis,
    accepted: &str,
) -> Result<Millis, String> {
    let fits = wire.seconds >= 0 && (0..1_000_000_000).contains(&wire.nanos);
    let ms = fits.then(|| {
        wire.seconds
            .unsigned_abs()
            .saturating_mul(1000)
            .saturating_add(u64::from(wire.nanos.unsigned_abs()) / 1_000_000)
    });
    match ms {
        // A span that is longer than the longest by less than a millisecond is too long as well.
        Some(ms) if (min.0..=max.0).contains(&ms) && !(ms == max.0 && wire.nanos % 1_000_000 != 0) => {
            Ok(Millis(ms))
        }
        _ => Err(format!("must be {accepted}")),
    }
}

/// The span on the wire.
pub(in crate::ingress) fn wire_span(span: Millis) -> prost_types::Duration {
    let seconds = i64::try_from(span.0 / 1000).unwrap_or(i64::MAX);
    prost_types::Duration { seconds, nanos: (span.0 % 1000) as i32 * 1_000_000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip_to_the_millisecond() {
        let wire = prost_types::Timestamp { seconds: 1_700_000_000, nanos: 123_456_789 };
        let time = timestamp(&wire).unwrap();
        assert_eq!(time, Timestamp(1_700_000_000_123));
        assert_eq!(wire_timestamp(time), prost_types::Timestamp { nanos: 123_000_000, ..wire });
        for (seconds, nanos) in
            [(-1, 0), (0, -1), (0, 1_000_000_000), (SECONDS_MAX + 1, 0), (i64::MIN, i32::MIN)]
        {
            assert!(timestamp(&prost_types::Timestamp { seconds, nanos }).is_err());
        }
    }

    #[test]
    fn spans_are_bounded() {
        let check =
            |seconds, nanos| span(&prost_types::Duration { seconds, nanos }, Millis(1000), Millis(5000), "x");
        assert_eq!(check(1, 500_000_000), Ok(Millis(1500)));
        assert_eq!(wire_span(Millis(1500)), prost_types::Duration { seconds: 1, nanos: 500_000_000 });
        assert_eq!(check(5, 0), Ok(Millis(5000)));
        for (seconds, nanos) in [(5, 1), (0, 999_999_999), (-1, 0), (1, -1), (i64::MAX, 999_999_999), (6, 0)]
        {
            assert_eq!(check(seconds, nanos), Err("must be x".into()));
        }
    }
}
