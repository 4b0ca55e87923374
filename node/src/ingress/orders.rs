//! The `Orders` service, and what a session shares with it: settling what was begun.

use std::sync::Arc;
use std::time::{Duration, Instant};

use earlybird_engine::{OrderId, RefundBy, RefundId};
use earlybird_persistence::{BuyerId, OrderCursor, OrderFilter, PerformanceId};
use earlybird_proto::v1::{self, orders_server::Orders};
use tonic::{Request, Response, Status};

use super::answer::{Told, numbers};
use super::status::{Problem, Reason};
use super::unary::Decided;
use super::validate::SEATS_NAMED_MAX;
use super::{Ingress, Services, names, order, page, validate};
use crate::auth::Caller;
use crate::payments::{RefundSettled, Settled};
use crate::shard::Shard;

/// The provider is asked again about once a second: sooner there is no news of a payment.
const PAYMENT_RETRY_DELAY: Duration = Duration::from_secs(1);

impl Ingress {
    /// Waits for a durable payment to be settled, until `expires_at`, and tells the order as it then is.
    pub(super) async fn settle_payment(
        &self,
        shard: &Arc<Shard>,
        order: OrderId,
        expires_at: Instant,
    ) -> Result<v1::Order, Problem> {
        let settling = self.node.payments.settle(shard, order);
        match tokio::time::timeout_at(expires_at.into(), settling).await {
            Ok(Settled::Paid | Settled::AwaitingDeposit) => self.order_now(shard, order).await,
            Ok(Settled::Declined { reason }) => {
                let message = format!("the payment was declined: {reason}");
                Err(Problem::new(Reason::PaymentDeclined, message).with("provider_reason", reason))
            }
            // The next owner takes it up, and answers the request when it comes again.
            Ok(Settled::Unknown) if !self.node.directory.serves(shard.performance().bucket) => {
                Err(Problem::between_owners())
            }
            // The node goes on to settle it; whoever asks again joins that.
            Ok(Settled::Unknown) | Err(_) => {
                let name = names::of_order(&shard.performance().name, order);
                let problem =
                    Problem::new(Reason::PaymentUnknown, "the provider has not told the outcome yet");
                Err(problem.with("order", name).retry_after(PAYMENT_RETRY_DELAY))
            }
        }
    }

    /// Waits for a durable refund to be settled, until `expires_at`, and tells the order as it then is: still being
    /// refunded when the provider has not answered.
    pub(super) async fn settle_refund(
        &self,
        shard: &Arc<Shard>,
        refund: RefundId,
        order: OrderId,
        expires_at: Instant,
    ) -> Result<v1::Order, Problem> {
        let settling = self.node.payments.refund(shard, refund);
        match tokio::time::timeout_at(expires_at.into(), settling).await {
            Ok(RefundSettled::Failed { reason }) => {
                let message = format!("the provider refused the refund: {reason}");
                Err(Problem::new(Reason::RefundFailed, message).with("provider_reason", reason))
            }
            Ok(RefundSettled::Refunded | RefundSettled::AccountNeeded | RefundSettled::Unknown) | Err(_) => {
                self.order_now(shard, order).await
            }
        }
    }

    /// The order as it is, although its shard may have been restarted while the provider was asked.
    async fn order_now(&self, shard: &Shard, order: OrderId) -> Result<v1::Order, Problem> {
        let shard = self.shard(shard.performance().id.as_str()).await?;
        order::durable(&self.node, &shard, order).await
    }

    /// What a refund would give back now.
    async fn quote_refund(
        &self,
        caller: &Caller,
        request: v1::QuoteRefundRequest,
    ) -> Result<v1::QuoteRefundResponse, Status> {
        let seats = validate::seats(&request.seats, SEATS_NAMED_MAX)?;
        let (id, order) = names::order("name", &request.name)?;
        let by = validate::refund_by(request.buyer_id, request.fee_minor)?;
        match &by {
            RefundBy::Buyer(buyer) => caller.may_act_for(&buyer.0)?,
            RefundBy::Admin { .. } | RefundBy::Cancellation => caller.require_admin()?,
        }
        let shard = self.shard(id).await?;
        let info = shard.performance();
        let now = self.node.clock.now();
        let (quote, is_deposit) = shard.read(|state| {
            let is_deposit = state.order(order).is_some_and(|view| view.deposit_deadline.is_some());
            (state.quote_refund(now, &by, order, &seats), is_deposit)
        });
        let quote = quote.map_err(|rejection| Problem::rejected(rejection, &info.name))?;
        Ok(v1::QuoteRefundResponse {
            seats: numbers(&quote.seats),
            paid_minor: quote.paid_minor,
            fee_minor: quote.fee_minor,
            amount_minor: quote.amount_minor,
            currency_code: info.settings.currency.to_string(),
            refund_account_required: is_deposit && quote.amount_minor > 0,
        })
    }

    async fn list_orders(&self, request: v1::ListOrdersRequest) -> Result<v1::ListOrdersResponse, Problem> {
        let performance = match request.parent.strip_prefix("performances/") {
            Some(names::ANY) => None,
            _ => Some(PerformanceId::from(names::performance("parent", &request.parent)?)),
        };
        let limit = validate::page_size(request.page_size)?;
        let listing = page::listing_of(&request.parent, &request.buyer_id);
        let after = page::decode(listing, &request.page_token)?;
        let buyer = match request.buyer_id.as_str() {
            "" => None,
            _ => Some(BuyerId::from(&*validate::buyer(request.buyer_id)?.0)),
        };
        let filter = OrderFilter { performance, buyer };
        // One more than asked for tells whether there is another page.
        let mut rows = self.node.store.list_orders(&filter, after.as_ref(), limit + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more);
        let next_page_token =
            last.map(|row| page::encode(listing, &OrderCursor::from(row))).unwrap_or_default();
        let orders = rows.iter().map(|row| order::listed(&self.node, row)).collect();
        Ok(v1::ListOrdersResponse { orders, next_page_token })
    }
}

#[tonic::async_trait]
impl Orders for Services {
    async fn pay_hold(&self, request: Request<v1::PayHoldRequest>) -> Result<Response<v1::Order>, Status> {
        let settle = async |Decided { shard, told, expires_at }: Decided| match told {
            Told::Payment(order) => self.0.settle_payment(&shard, order, expires_at).await.map(Response::new),
            _ => Err(Problem::mismatch()),
        };
        self.0.mutate(request, settle).await
    }

    async fn get_order(&self, request: Request<v1::GetOrderRequest>) -> Result<Response<v1::Order>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        let (id, order) = names::order("name", &request.name)?;
        let shard = self.0.shard(id).await?;
        let order = order::durable(&self.0.node, &shard, order).await?;
        caller.may_act_for(&order.buyer_id)?;
        Ok(Response::new(order))
    }

    async fn list_orders(
        &self,
        request: Request<v1::ListOrdersRequest>,
    ) -> Result<Response<v1::ListOrdersResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.into_inner();
        match request.buyer_id.as_str() {
            "" => caller.require_bff()?,
            buyer => caller.may_act_for(buyer)?,
        }
        Ok(Response::new(self.0.list_orders(request).await?))
    }

    async fn refund_order(
        &self,
        request: Request<v1::RefundOrderRequest>,
    ) -> Result<Response<v1::Order>, Status> {
        let settle = async |Decided { shard, told, expires_at }: Decided| match told {
            Told::Refund(refund, order) => {
                self.0.settle_refund(&shard, refund, order, expires_at).await.map(Response::new)
            }
            _ => Err(Problem::mismatch()),
        };
        self.0.mutate(request, settle).await
    }

    async fn quote_refund(
        &self,
        request: Request<v1::QuoteRefundRequest>,
    ) -> Result<Response<v1::QuoteRefundResponse>, Status> {
        let caller = Caller::of(&request);
        Ok(Response::new(self.0.quote_refund(&caller, request.into_inner()).await?))
    }
}
