//! The stores of earlybird: PostgreSQL for a cluster, an SQLite file for one machine, behind one trait.
//!
//! ```text
//! node ──► Store ──┬─► PostgresStore ──► lanes (writes), readers
//!                  └─► SqliteStore ────► one connection, the file locked for this process
//! ```
//!
//! A store keeps a journal per performance, rows that other systems query beside it, snapshots, the catalog, members,
//! coupons and jobs, the nodes of the cluster, and who owns which bucket. Bodies are opaque bytes: it knows neither the engine nor gRPC.
//!
//! **Architecture invariant:** every append is fenced where it is written. No write of a node that lost a bucket is
//! committed after the bucket's new owner has its epoch (I9).
//!
//! **Architecture invariant:** an append is all or nothing, and an error that is not [`AppendError::Unknown`] says
//! that nothing was written.
//!
//! **Architecture invariant:** a journal has no gap and no second entry of one sequence. The first entry of a batch
//! needs its predecessor; the primary key refuses a second.

mod batch;
mod catalog;
mod cluster;
mod cluster_queries;
mod cluster_rows;
mod coupon_changes;
mod coupon_queries;
mod coupon_rows;
mod coupons;
mod details;
mod error;
mod ids;
mod issue;
mod job_queries;
mod jobs;
mod member_queries;
mod members;
mod open;
mod options;
mod payment_queries;
mod payments;
mod plan;
mod plan_seats;
mod postgres;
mod queries;
mod rows;
mod sqlite;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod wait;

pub use batch::{
    AppendBatch, JournalRecord, JournalRow, OrderCursor, OrderFilter, OrderRow, SeatGuardChange, SnapshotRow,
};
pub use catalog::{
    CancellationRow, CreateOutcome, Fingerprint, NewPerformance, NewVenue, PerformanceRow, RequestId,
    VenueRow,
};
pub use cluster::{
    ClusterStore, ClusterView, LEASE_MAX, NewNode, NodeRow, NodeState, OwnerRow, PinOutcome, PinRow,
};
pub use coupon_changes::{CouponChange, CouponStep};
pub use coupons::{
    CampaignRow, CouponRow, CouponState, CouponStore, HoldToken, ISSUE_MAX, IssueBatch, IssueOutcome,
    IssueWish, NewCampaign,
};
pub use details::{OrderDetails, RefundDetails};
pub use error::{AppendError, Cause, OpenError, StoreError};
pub use ids::{
    Bucket, BuyerId, CampaignId, CouponId, Epoch, HoldId, Incarnation, JobId, NodeId, OrderId, PerformanceId,
    Seat, Sequence, UnixMillis, VenueId, ViewVersion,
};
pub use jobs::{JobCursor, JobEnd, JobProgress, JobRow, JobState, JobStore, NewJob};
pub use members::{BirthDate, MEMBERS_MAX, MemberFilter, MemberRow, MemberStore, MonthDay};
pub use open::{open, open_with};
pub use options::StoreOptions;
pub use payments::{DepositAccountRow, PaymentStore, RefundAccount, WebhookRow};
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
pub use store::{PAGE_ROWS_MAX, Store};
