//! Resource names: `performances/{performance}`, and the holds and orders beneath them.

use earlybird_engine::{HoldId, OrderId};
use earlybird_persistence::CouponId;

use super::status::Problem;

/// The wildcard that stands for every performance in a listing.
pub const ANY: &str = "-";

/// Longest `{job}`, in bytes: the name of a kind, and what tells its jobs apart.
const JOB_BYTES_MAX: usize = 200;

/// Longest `{performance}`, `{venue}` or `{campaign}`, in bytes.
const ID_BYTES_MAX: usize = 63;

/// The `{performance}` of `performances/{performance}`.
///
/// # Errors
/// `INVALID_FIELD` for `field` when the name has another form.
pub fn performance<'n>(field: &'static str, name: &'n str) -> Result<&'n str, Problem> {
    match name.strip_prefix("performances/") {
        Some(id) if is_id(id) => Ok(id),
        _ => Err(malformed(field, name, "performances/{performance}")),
    }
}

/// The `{node}` of `nodes/{node}`.
///
/// # Errors
/// `INVALID_FIELD` for `field` when the name has another form.
pub fn node<'n>(field: &'static str, name: &'n str) -> Result<&'n str, Problem> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let is_node = |id: &&str| (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(fits);
    name.strip_prefix("nodes/").filter(is_node).ok_or_else(|| malformed(field, name, "nodes/{node}"))
}

/// The `{performance}` of any name in one, whatever comes after it.
#[must_use]
pub fn performance_in(name: &str) -> Option<&str> {
    name.strip_prefix("performances/")?.split('/').next().filter(|id| is_id(id))
}

/// The `{performance}` and `{hold}` of `performances/{performance}/holds/{hold}`.
///
/// # Errors
/// `INVALID_FIELD` for `field` when the name has another form.
pub fn hold<'n>(field: &'static str, name: &'n str) -> Result<(&'n str, HoldId), Problem> {
    let (performance, number) = child(name, "/holds/")
        .ok_or_else(|| malformed(field, name, "performances/{performance}/holds/{hold}"))?;
    Ok((performance, HoldId(number)))
}

/// The `{performance}` and `{order}` of `performances/{performance}/orders/{order}`.
///
/// # Errors
/// `INVALID_FIELD` for `field` when the name has another form.
pub fn order<'n>(field: &'static str, name: &'n str) -> Result<(&'n str, OrderId), Problem> {
    let (performance, number) = child(name, "/orders/")
        .ok_or_else(|| malformed(field, name, "performances/{performance}/orders/{order}"))?;
    Ok((performance, OrderId(number)))
}

/// The `{campaign}` of `campaigns/{campaign}`.
///
/// # Errors
/// `INVALID_FIELD` for `field` when the name has another form.
pub fn campaign<'n>(field: &'static str, name: &'n str) -> Result<&'n str, Problem> {
    match name.strip_prefix("campaigns/") {
        Some(id) if is_id(id) => Ok(id),
        _ => Err(malformed(field, name, "campaigns/{campaign}")),
    }
}

/// The `{coupon}` of `coupons/{coupon}`.
///
/// # Errors
/// `INVALID_FIELD` for `field` when the name has another form.
pub fn coupon(field: &'static str, name: &str) -> Result<CouponId, Problem> {
    let id = name.strip_prefix("coupons/").and_then(CouponId::parse);
    id.ok_or_else(|| malformed(field, name, "coupons/{coupon}"))
}

/// The `{job}` of `jobs/{job}`.
///
/// # Errors
/// `INVALID_FIELD` for `field` when the name has another form.
pub fn job<'n>(field: &'static str, name: &'n str) -> Result<&'n str, Problem> {
    let is_job = |id: &&str| {
        let is_formed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=JOB_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_formed)
    };
    name.strip_prefix("jobs/").filter(is_job).ok_or_else(|| malformed(field, name, "jobs/{job}"))
}

/// The name of a hold of the performance called `performance` (its whole name).
#[must_use]
pub fn of_hold(performance: &str, hold: HoldId) -> String {
    format!("{performance}/holds/{hold}")
}

/// The name of an order of the performance called `performance` (its whole name).
#[must_use]
pub fn of_order(performance: &str, order: OrderId) -> String {
    format!("{performance}/orders/{order}")
}

/// The name of a coupon.
#[must_use]
pub fn of_coupon(coupon: &str) -> String {
    format!("coupons/{coupon}")
}

/// The name of a job.
#[must_use]
pub fn of_job(job: &str) -> String {
    format!("jobs/{job}")
}

/// Whether `id` is 1 to 63 of `a-z`, `0-9` and `-`, starting with a letter and not ending in `-`.
#[must_use]
pub fn is_id(id: &str) -> bool {
    let bytes = id.as_bytes();
    bytes.len() <= ID_BYTES_MAX
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last() != Some(&b'-')
        && bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn child<'n>(name: &'n str, collection: &str) -> Option<(&'n str, u64)> {
    let (performance, number) = name.strip_prefix("performances/")?.split_once(collection)?;
    // One number has one name: no sign, no leading zeros.
    let canonical = !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_id(performance) && canonical).then_some(())?;
    Some((performance, number.parse().ok()?))
}

fn malformed(field: &'static str, name: &str, form: &str) -> Problem {
    if name.is_empty() {
        return Problem::field(field, format!("required, of the form {form}"));
    }
    Problem::field(field, format!("must have the form {form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_performances() {
        for good in
            ["performances/a", "performances/swan-lake-2", &format!("performances/a{}", "b".repeat(62))]
        {
            assert_eq!(performance("name", good).ok(), good.strip_prefix("performances/"));
        }
        let long = format!("performances/a{}", "b".repeat(63));
        for bad in [
            "",
            "a",
            "performances/",
            "performances/-",
            "performances/A",
            "performances/1a",
            "performances/a-",
            "performances/a/b",
            "venues/a",
            "performances/a b",
            "performances/é",
            " performances/a",
            &long,
        ] {
            assert!(performance("name", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_holds_and_orders_round_trip() {
        let name = of_hold("performances/p", HoldId(u64::MAX));
        assert_eq!(hold("name", &name).ok(), Some(("p", HoldId(u64::MAX))));
        let name = of_order("performances/p", OrderId(1));
        assert_eq!(order("name", &name).ok(), Some(("p", OrderId(1))));
    }

    #[test]
    fn a_number_has_one_name() {
        for bad in ["", "0", "01", "+1", "-1", "1 ", "1/", "x", "18446744073709551616", "１"] {
            assert!(hold("name", &format!("performances/p/holds/{bad}")).is_err(), "{bad}");
            assert!(order("name", &format!("performances/p/orders/{bad}")).is_err(), "{bad}");
        }
        assert!(hold("name", "performances/p/orders/1").is_err());
        assert!(order("name", "performances//orders/1").is_err());
    }
}
