//! How long a call may take: what the caller says, within what the server allows.

use std::time::{Duration, Instant};

use tonic::metadata::MetadataMap;

/// When a call that came now is past its deadline. `request_timeout` is the server's limit.
#[must_use]
pub(crate) fn of_call(metadata: &MetadataMap, request_timeout: Duration) -> Instant {
    let asked_for = metadata.get("grpc-timeout").and_then(|value| parse(value.to_str().ok()?));
    Instant::now() + asked_for.map_or(request_timeout, |timeout| timeout.min(request_timeout))
}

/// When a command of a session is past its deadline; `timeout_ms` 0 is the server's limit.
#[must_use]
pub(crate) fn of_command(now: Instant, timeout_ms: u32, request_timeout: Duration) -> Instant {
    match timeout_ms {
        0 => now + request_timeout,
        _ => now + Duration::from_millis(timeout_ms.into()).min(request_timeout),
    }
}

/// A `grpc-timeout`: one to eight digits and a unit. One that is malformed counts as none, as the gRPC library has it.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_of_all_units() {
        for (text, expected) in [
            ("1H", Some(Duration::from_secs(3_600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("99999999m", Some(Duration::from_millis(99_999_999))),
            ("5u", Some(Duration::from_micros(5))),
            ("0n", Some(Duration::ZERO)),
            ("", None),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("100000000S", None),
            ("-1S", None),
            ("1é", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn the_servers_limit_holds() {
        let now = Instant::now();
        let limit = Duration::from_secs(10);
        assert_eq!(of_command(now, 0, limit), now + limit);
        assert_eq!(of_command(now, 5, limit), now + Duration::from_millis(5));
        assert_eq!(of_command(now, u32::MAX, limit), now + limit);
    }
}
