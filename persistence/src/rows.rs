//! From columns to rows. A column that cannot be what this program wrote is reported, never guessed at.

use bytes::Bytes;

use crate::batch::{JournalRecord, OrderRow, SnapshotRow};
use crate::catalog::{CancellationRow, Fingerprint, PerformanceRow, RequestId, VenueRow};
use crate::details::OrderDetails;
use crate::error::StoreError;
use crate::ids::{Bucket, Epoch, HoldId, OrderId, PerformanceId, Seat, Sequence, UnixMillis};

pub(crate) type VenueColumns = (String, Vec<u8>, i64, String, Vec<u8>, i64);
pub(crate) type PerformanceColumns = (String, i32, String, Vec<u8>, i64, Vec<u8>, i64);
pub(crate) type CancellationColumns = (String, i64, String, String);
pub(crate) type JournalColumns = (i64, i64, i64, String, Vec<u8>);
pub(crate) type SnapshotColumns = (String, i32, i64, i64, i64, Vec<u8>);
pub(crate) type OrderColumns = (
    String,
    i64,
    String,
    String,
    i64,
    i64,
    String,
    String,
    Option<String>,
    i64,
    i64,
    i64,
    i64,
    String,
    Option<String>,
    String,
);

pub(crate) fn venue(columns: VenueColumns) -> Result<VenueRow, StoreError> {
    let (id, request_id, fingerprint, display_name, body, created_at) = columns;
    Ok(VenueRow {
        request_id: self::request_id(&request_id, &id)?,
        fingerprint: Fingerprint(fingerprint.cast_unsigned()),
        display_name: display_name.into(),
        body: Bytes::from(body),
        created_at: UnixMillis(unsigned(created_at, &id)?),
        id: id.into(),
    })
}

pub(crate) fn performance(columns: PerformanceColumns) -> Result<PerformanceRow, StoreError> {
    let (id, bucket, venue, request_id, fingerprint, body, created_at) = columns;
    Ok(PerformanceRow {
        bucket: self::bucket(bucket, &id)?,
        venue: venue.into(),
        request_id: self::request_id(&request_id, &id)?,
        fingerprint: Fingerprint(fingerprint.cast_unsigned()),
        body: Bytes::from(body),
        created_at: UnixMillis(unsigned(created_at, &id)?),
        id: id.into(),
    })
}

pub(crate) fn cancellation(
    (performance, cancelled_at, cancelled_by, reason): CancellationColumns,
) -> Result<CancellationRow, StoreError> {
    Ok(CancellationRow {
        cancelled_at: UnixMillis(unsigned(cancelled_at, &performance)?),
        performance: performance.into(),
        cancelled_by: cancelled_by.into(),
        reason: reason.into(),
    })
}

pub(crate) fn journal_record(
    columns: JournalColumns,
    performance: &PerformanceId,
) -> Result<JournalRecord, StoreError> {
    let (sequence, epoch, at, kind, body) = columns;
    let of = performance.as_str();
    Ok(JournalRecord {
        sequence: Sequence(unsigned(sequence, of)?),
        epoch: Epoch(unsigned(epoch, of)?),
        at: UnixMillis(unsigned(at, of)?),
        kind: kind.into(),
        body: Bytes::from(body),
    })
}

pub(crate) fn snapshot(columns: SnapshotColumns) -> Result<SnapshotRow, StoreError> {
    let (performance, bucket, epoch, sequence, at, body) = columns;
    Ok(SnapshotRow {
        bucket: self::bucket(bucket, &performance)?,
        epoch: Epoch(unsigned(epoch, &performance)?),
        sequence: Sequence(unsigned(sequence, &performance)?),
        at: UnixMillis(unsigned(at, &performance)?),
        body: Bytes::from(body),
        performance: performance.into(),
    })
}

pub(crate) fn order(columns: OrderColumns) -> Result<OrderRow, StoreError> {
    let (performance, order, buyer, state, amount_minor, refunded_minor, ..) = columns;
    let (
        ..,
        currency,
        seats,
        payment_key,
        created_at,
        updated_at,
        sequence,
        hold,
        seats_left,
        reason,
        details,
    ) = columns;
    Ok(OrderRow {
        order: OrderId(unsigned(order, &performance)?),
        buyer: buyer.into(),
        state: state.into(),
        amount_minor,
        refunded_minor,
        currency: currency.into(),
        seats: self::seats(&seats, &performance)?,
        payment_key: payment_key.map(Into::into),
        created_at: UnixMillis(unsigned(created_at, &performance)?),
        updated_at: UnixMillis(unsigned(updated_at, &performance)?),
        sequence: Sequence(unsigned(sequence, &performance)?),
        hold: HoldId(unsigned(hold, &performance)?),
        seats_left: self::seats(&seats_left, &performance)?,
        decline_reason: reason.map(Into::into),
        details: self::details(&details, &performance)?,
        performance: performance.into(),
    })
}

pub(crate) fn claim((bucket, epoch): (i32, i64)) -> Result<(Bucket, Epoch), StoreError> {
    Ok((self::bucket(bucket, "bucket_owner")?, Epoch(unsigned(epoch, "bucket_owner")?)))
}

/// Pairs of bucket and epoch, in the order of the buckets.
pub(crate) fn claims(columns: Vec<(i32, i64)>) -> Result<Vec<(Bucket, Epoch)>, StoreError> {
    let mut claims = columns.into_iter().map(claim).collect::<Result<Vec<_>, _>>()?;
    claims.sort_unstable();
    Ok(claims)
}

pub(crate) fn unsigned(number: i64, of: &str) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| corrupt(of, format_args!("has the number {number}")))
}

pub(crate) fn bucket(number: i32, of: &str) -> Result<Bucket, StoreError> {
    let bucket = u16::try_from(number).ok().and_then(Bucket::new);
    bucket.ok_or_else(|| corrupt(of, format_args!("has the bucket {number}")))
}

pub(crate) fn request_id(bytes: &[u8], of: &str) -> Result<RequestId, StoreError> {
    let id =
        bytes.try_into().map_err(|_| corrupt(of, format_args!("has a request id of {} bytes", bytes.len())));
    id.map(RequestId)
}

/// Reads `[1,2]` (SQLite) and `{1,2}` (PostgreSQL).
fn seats(text: &str, of: &str) -> Result<Vec<Seat>, StoreError> {
    let numbers = text.trim_matches(['[', ']', '{', '}']);
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let parse = |number: &str| number.trim().parse().map(Seat);
    let seats = numbers.split(',').map(parse).collect::<Result<_, _>>();
    seats.map_err(|_| corrupt(of, format_args!("has an order with the seats {text:?}")))
}

fn details(text: &str, of: &str) -> Result<OrderDetails, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| corrupt(of, format_args!("has an order whose details cannot be read: {error}")))
}

pub(crate) fn corrupt(of: &str, what: std::fmt::Arguments<'_>) -> StoreError {
    StoreError::Corrupt { what: format!("{of} {what}") }
}
