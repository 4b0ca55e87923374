//! The desk where coupons are issued: what comes while a statement is under way goes into the next one.
//!
//! ```text
//!  claim ──► queue (bounded) ──► up to a batch at once ──► by campaign: one transaction each ──► replies
//!             └ full: OVERLOADED at once
//! ```
//!
//! A rush on one campaign is a rush on one row. One by one, each claim would wait for that row's lock and for a commit of
//! its own; together they share both.

use std::collections::BTreeMap;
use std::time::Duration;

use earlybird_engine::Timestamp;
use earlybird_persistence::{
    BuyerId, CampaignId, CouponRow, Fingerprint, IssueBatch, IssueOutcome, IssueWish, RequestId, StoreError,
    UnixMillis,
};
use futures::future::join_all;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::Coupons;
use crate::ingress::status::{Problem, Reason, rfc3339};
use crate::reply::Unavailable;

/// Claims of one round.
const ROUND_MAX: usize = 1_024;
/// When to claim again after the queue was full: some rounds later.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Why a coupon was not issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// There is no such campaign.
    #[error("no such campaign")]
    CampaignNotFound,
    /// All were issued.
    #[error("all coupons of the campaign were issued")]
    OutOfStock,
    /// The member has had as many as the campaign grants.
    #[error("the member has had as many coupons as the campaign grants")]
    LimitReached,
    /// The campaign has not begun.
    #[error("the campaign has not begun")]
    NotOpen {
        /// When it begins.
        opens_at: UnixMillis,
    },
    /// The campaign has ended.
    #[error("the campaign has ended")]
    Ended,
    /// The request id belongs to another request.
    #[error("the request id was used before for another request")]
    RequestIdReused,
    /// Too many wait. Nothing was done.
    #[error("too many claims are waiting")]
    Overloaded,
    /// The store does not answer: it may have been issued.
    #[error("the store does not answer")]
    Unavailable,
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        let message = error.to_string();
        match error {
            IssueError::CampaignNotFound => Self::new(Reason::CampaignNotFound, message),
            IssueError::OutOfStock => Self::new(Reason::CampaignOutOfStock, message),
            IssueError::LimitReached => Self::quota("per_member_max", message),
            IssueError::NotOpen { opens_at } => {
                Self::new(Reason::CampaignNotOpen, message).with("open_time", rfc3339(Timestamp(opens_at.0)))
            }
            IssueError::Ended => Self::new(Reason::CampaignEnded, message),
            IssueError::RequestIdReused => Self::new(Reason::RequestIdReused, "")
                .with_field("request_id", "was used before for another request"),
            IssueError::Overloaded => Self::new(Reason::Overloaded, message).retry_after(RETRY_AFTER),
            IssueError::Unavailable => Unavailable::Store.into(),
        }
    }
}

/// A claim that waits.
struct Claim {
    campaign: CampaignId,
    member: BuyerId,
    request: (RequestId, Fingerprint),
    reply: oneshot::Sender<Result<CouponRow, IssueError>>,
}

/// The queue before the desk.
pub(crate) struct Desk {
    claims: mpsc::Sender<Claim>,
    /// Taken by the one who runs the desk.
    waiting: Mutex<Option<mpsc::Receiver<Claim>>>,
}

impl Desk {
    pub(super) fn new(waiting_max: usize) -> Self {
        let (claims, waiting) = mpsc::channel(waiting_max.max(1));
        Self { claims, waiting: Mutex::new(Some(waiting)) }
    }
}

impl Coupons {
    /// Issues a coupon to a member, as long as there are some: once per request (I8). Dropped before it was decided, it
    /// issues nothing.
    ///
    /// # Errors
    /// See [`IssueError`].
    pub async fn claim(
        &self,
        campaign: CampaignId,
        member: BuyerId,
        request: (RequestId, Fingerprint),
    ) -> Result<CouponRow, IssueError> {
        let (reply, answer) = oneshot::channel();
        let claim = Claim { campaign, member, request, reply };
        self.desk.claims.try_send(claim).map_err(|_| IssueError::Overloaded)?;
        answer.await.unwrap_or(Err(IssueError::Unavailable))
    }

    /// Claims that wait.
    pub fn claims_waiting(&self) -> usize {
        self.desk.claims.max_capacity() - self.desk.claims.capacity()
    }

    /// Decides claims until it is dropped. To be called once.
    pub async fn run_desk(&self) {
        let taken = self.desk.waiting.lock().take();
        let Some(mut waiting) = taken else { return };
        let mut round = Vec::with_capacity(ROUND_MAX);
        while waiting.recv_many(&mut round, ROUND_MAX).await > 0 {
            let mut by_campaign: BTreeMap<CampaignId, Vec<Claim>> = BTreeMap::new();
            // Whoever is gone wants nothing any more.
            for claim in round.drain(..).filter(|claim| !claim.reply.is_closed()) {
                by_campaign.entry(claim.campaign.clone()).or_default().push(claim);
            }
            let batches = by_campaign.into_iter().map(|(campaign, claims)| self.decide(campaign, claims));
            join_all(batches).await;
        }
    }

    async fn decide(&self, campaign: CampaignId, claims: Vec<Claim>) {
        let outcomes = self.issue(campaign, &claims).await;
        let outcomes = outcomes.unwrap_or_else(|error| {
            tracing::debug!(%error, "cannot issue coupons");
            claims.iter().map(|_| Err(IssueError::Unavailable)).collect()
        });
        for (claim, outcome) in claims.into_iter().zip(outcomes) {
            // A caller that is gone wants no answer.
            drop(claim.reply.send(outcome));
        }
    }

    async fn issue(
        &self,
        campaign: CampaignId,
        claims: &[Claim],
    ) -> Result<Vec<Result<CouponRow, IssueError>>, StoreError> {
        let Some(terms) = self.terms(&campaign).await? else {
            return Ok(claims.iter().map(|_| Err(IssueError::CampaignNotFound)).collect());
        };
        let now = UnixMillis(self.clock.now().0);
        let wishes = claims.iter().map(|claim| IssueWish {
            member: claim.member.clone(),
            // Every request is an occasion of its own.
            occasion: uuid::Uuid::from_bytes(claim.request.0.0).to_string().into(),
            request: Some(claim.request),
            expires_at: terms.expires_at(now),
        });
        let batch = IssueBatch { campaign, wishes: wishes.collect(), now };
        let outcomes = self.store.issue_coupons(&batch).await?;
        metrics::histogram!("earlybird_coupon_claims_entries").record(claims.len() as f64);
        Ok(outcomes.into_iter().map(answer).collect())
    }
}

fn answer(outcome: IssueOutcome) -> Result<CouponRow, IssueError> {
    match outcome {
        IssueOutcome::Issued(row) | IssueOutcome::Repeated(row) => Ok(*row),
        IssueOutcome::RequestIdReused => Err(IssueError::RequestIdReused),
        IssueOutcome::LimitReached => Err(IssueError::LimitReached),
        IssueOutcome::OutOfStock => Err(IssueError::OutOfStock),
        IssueOutcome::NotOpen { opens_at } => Err(IssueError::NotOpen { opens_at }),
        IssueOutcome::Ended => Err(IssueError::Ended),
        IssueOutcome::NoCampaign => Err(IssueError::CampaignNotFound),
    }
}
