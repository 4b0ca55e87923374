//! The way of one unary mutation.

use std::sync::Arc;
use std::time::Instant;

use tonic::{Request, Status};

use super::answer::{Told, tell};
use super::fingerprint::Fingerprinter;
use super::grade::Missing;
use super::status::Problem;
use super::wish::{Parse, Wish};
use super::{Ingress, deadline};
use crate::auth::Caller;
use crate::shard::Shard;

/// A decided mutation.
pub(super) struct Decided {
    pub(super) shard: Arc<Shard>,
    pub(super) told: Told,
    pub(super) expires_at: Instant,
}

impl Ingress {
    /// Carries a unary mutation to its shard and `finish`es it. A caller that goes away drops this future: a command
    /// that is not decided yet is then not decided any more.
    pub(super) async fn mutate<R, T>(
        &self,
        request: Request<R>,
        finish: impl AsyncFnOnce(Decided) -> Result<T, Problem>,
    ) -> Result<T, Status>
    where
        R: Parse,
    {
        let arrived = Instant::now();
        let expires_at = deadline::of_call(request.metadata(), self.options.request_timeout);
        let caller = Caller::of(&request);
        let wish = request.into_inner().parse(&mut Fingerprinter::default())?;
        wish.authorise(&caller)?;
        let kind = wish.kind();
        let finished = match self.decide(wish, expires_at).await {
            Ok(decided) => finish(decided).await,
            Err(problem) => Err(problem),
        };
        self.meters.count(kind, finished.as_ref().err().map(|problem| problem.reason), 1);
        self.meters.took(kind, arrived.elapsed());
        Ok(finished?)
    }

    async fn decide(&self, mut wish: Wish, expires_at: Instant) -> Result<Decided, Problem> {
        self.admit(&wish)?;
        let prepared = async {
            let shard = self.shard(wish.performance()).await?;
            if let (Missing::LookUp, Some(buyer)) = (self.fill_grade(&mut wish, &shard), wish.without_grade())
            {
                let grade = self.look_up_grade(&buyer.0).await?;
                wish.set_grade(grade);
            }
            Ok(shard)
        };
        let shard = tokio::time::timeout_at(expires_at.into(), prepared)
            .await
            .unwrap_or_else(|_| Err(Problem::deadline_exceeded()))?;
        let info = shard.performance();
        let (buyer, coupon) = (wish.buyer().cloned(), wish.coupon());
        let account = wish.refund_account().cloned();
        let command =
            wish.resolve(&info.layout).map_err(|rejection| Problem::rejected(rejection, &info.name))?;
        // Most holds of an on-sale end here. What would be accepted is decided by the shard, in its turn.
        if shard.is_open()
            && let Some(rejection) = shard.preview(self.node.clock.now()).rejection(&command)
        {
            return Err(Problem::rejected(rejection, &info.name));
        }
        let reply = match (coupon, account) {
            (Some(coupon), _) => self.begin_with_coupon(&shard, command, coupon, expires_at).await?,
            (None, Some(account)) => self.refund_to_account(&shard, command, account, expires_at).await?,
            (None, None) => shard.call(command, Some(expires_at)).await,
        };
        let answer = reply.map_err(|failure| Problem::failed(failure, &info.name))?;
        let told = tell(&shard, self.node.clock.now(), buyer, answer)?;
        Ok(Decided { shard, told, expires_at })
    }
}
