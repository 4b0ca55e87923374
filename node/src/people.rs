//! Members, coupons and the jobs about them: all that a node does beside selling seats.

use std::sync::Arc;
use std::time::Duration;

use earlybird_engine::Timestamp;
use earlybird_persistence::{NodeId, Store};
use futures::future::BoxFuture;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::coupons::{Birthday, BirthdayOptions, Bulk, Coupons, Issuer};
use crate::jobs::{CouponExpiry, JobKind, Jobs, JobsOptions};
use crate::members::Members;

/// Bounds and intervals.
#[derive(Clone, Debug, PartialEq)]
pub struct PeopleOptions {
    /// Jobs.
    pub jobs: JobsOptions,
    /// Rows of one step of a job.
    pub chunk_rows: usize,
    /// Claims of coupons that wait; a further one is refused.
    pub claims_waiting_max: usize,
    /// How often coupons are ended whose date has passed.
    pub coupon_expiry_every: Duration,
    /// How long a coupon may be reserved without an order.
    pub coupon_reserved_for_max: Duration,
    /// When birthday coupons are issued.
    pub birthday: BirthdayOptions,
}

impl Default for PeopleOptions {
    fn default() -> Self {
        Self {
            jobs: JobsOptions::default(),
            chunk_rows: 2_000,
            claims_waiting_max: 16_384,
            coupon_expiry_every: Duration::from_secs(600),
            coupon_reserved_for_max: Duration::from_secs(1_800),
            birthday: BirthdayOptions::default(),
        }
    }
}

/// Members, coupons and jobs of a node.
#[derive(Clone)]
pub(crate) struct People {
    pub(crate) members: Arc<Members>,
    pub(crate) coupons: Arc<Coupons>,
    pub(crate) jobs: Arc<Jobs>,
}

impl People {
    /// Puts them together. `kinds` are the jobs that others have.
    pub(crate) fn new(
        node: NodeId,
        store: &Arc<dyn Store>,
        clock: &Arc<Clock>,
        coupons: Arc<Coupons>,
        options: &PeopleOptions,
        mut kinds: Vec<Arc<dyn JobKind>>,
    ) -> Self {
        let members = Members::new(Arc::clone(store));
        let issuer = || Issuer {
            store: Arc::clone(store),
            coupons: Arc::clone(&coupons),
            clock: Arc::clone(clock),
            chunk_rows: options.chunk_rows,
        };
        kinds.push(Arc::new(Bulk { issuer: issuer() }));
        kinds.push(Arc::new(Birthday {
            issuer: issuer(),
            options: options.birthday.clone(),
            looked_at: Mutex::new(Timestamp(0)),
        }));
        kinds.push(Arc::new(CouponExpiry {
            store: Arc::clone(store),
            clock: Arc::clone(clock),
            every: options.coupon_expiry_every,
            reserved_for_max: options.coupon_reserved_for_max,
            chunk_rows: options.chunk_rows,
        }));
        let jobs = Jobs::new(node, Arc::clone(store), Arc::clone(clock), options.jobs.clone(), kinds);
        Self { members, coupons, jobs }
    }

    /// What has to run for them.
    pub(crate) fn tasks(&self) -> [BoxFuture<'static, ()>; 3] {
        let Self { members, coupons, jobs } = self.clone();
        [
            Box::pin(async move { members.run_grades().await }),
            Box::pin(async move { coupons.run_desk().await }),
            Box::pin(jobs.run()),
        ]
    }
}
