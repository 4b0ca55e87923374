//! The `Payments` service.

use std::pin::Pin;
use std::sync::Arc;

use earlybird_engine::Timestamp;
use earlybird_proto::v1::{self, payments_server::Payments, reconcile_response::Event};
use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::status::{Problem, Reason};
use super::{Services, names};
use crate::auth::Caller;
use crate::payments::reconcile::{Finding, ReconcileError, Summary, check_window};
use crate::payments::{DifferenceKind, GatewayError};

/// Messages that wait for a slow reader.
const MESSAGES_MAX: usize = 64;

type Messages = Pin<Box<dyn Stream<Item = Result<v1::ReconcileResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Payments for Services {
    type ReconcileStream = Messages;

    async fn reconcile(&self, request: Request<v1::ReconcileRequest>) -> Result<Response<Messages>, Status> {
        Caller::of(&request).require_admin()?;
        let request = request.into_inner();
        let from = time("from_time", request.from_time)?;
        let to = time("to_time", request.to_time)?;
        let window = check_window(from, to).map_err(|message| Problem::field("from_time", message))?;
        let payments = Arc::clone(&self.0.node.payments);
        if payments.is_off() {
            return Err(Problem::payments_off().into());
        }
        let (sender, receiver) = mpsc::channel(MESSAGES_MAX);
        tokio::spawn(async move {
            let teller = sender.clone();
            // A reader that is slow misses progress, and nothing else.
            let progress = move |orders| {
                drop(teller.try_send(Ok(message(Event::Progress(v1::ReconcileProgress { orders })))));
            };
            let outcome = tokio::select! {
                outcome = payments.reconcile(window, request.repair, &progress) => outcome,
                () = sender.closed() => return,
            };
            match outcome {
                Ok(summary) => tell(&sender, summary).await,
                Err(error) => drop(sender.send(Err(Problem::from(error).into())).await),
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

async fn tell(sender: &mpsc::Sender<Result<v1::ReconcileResponse, Status>>, summary: Summary) {
    let outcome = wire_summary(&summary);
    for finding in summary.findings {
        let difference = Event::Difference(wire_difference(finding));
        if sender.send(Ok(message(difference))).await.is_err() {
            return;
        }
    }
    drop(sender.send(Ok(message(Event::Summary(outcome)))).await);
}

fn message(event: Event) -> v1::ReconcileResponse {
    v1::ReconcileResponse { event: Some(event) }
}

fn time(field: &'static str, wire: Option<prost_types::Timestamp>) -> Result<Timestamp, Problem> {
    let time = wire.ok_or_else(|| Problem::field(field, "required"))?;
    super::catalog::timestamp(&time).map_err(|message| Problem::field(field, message))
}

fn wire_difference(finding: Finding) -> v1::PaymentDifference {
    let Finding { order, payment, difference, is_repaired } = finding;
    let name = |(performance, order)| names::of_order(&format!("performances/{performance}"), order);
    v1::PaymentDifference {
        kind: kind(difference.kind).into(),
        order: order.map(name).unwrap_or_default(),
        payment_key: payment.payment_key,
        ours_minor: difference.ours_minor,
        theirs_minor: difference.theirs_minor,
        repaired: is_repaired,
    }
}

fn kind(kind: DifferenceKind) -> v1::payment_difference::Kind {
    v1::payment_difference::Kind::from_str_name(kind.as_str()).unwrap_or_default()
}

fn wire_summary(summary: &Summary) -> v1::ReconcileSummary {
    let minor = |sum: i128| i64::try_from(sum).unwrap_or(i64::MAX);
    v1::ReconcileSummary {
        orders: summary.orders,
        payments: summary.payments,
        asked: summary.asked,
        repaired: summary.repaired,
        left: summary.left,
        captured_minor: minor(summary.captured_minor),
        cancelled_minor: minor(summary.cancelled_minor),
        unanswered: summary.unanswered,
        elsewhere: summary.elsewhere,
    }
}

impl From<ReconcileError> for Problem {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Store(error) => error.into(),
            ReconcileError::Provider(GatewayError::Declined(why)) => Self::new(Reason::PaymentUnknown, why),
            ReconcileError::Provider(error) => Self::new(Reason::PaymentUnknown, error.to_string()),
            ReconcileError::TooMany(_) => Self::field("from_time", error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_number() {
        for kind in DifferenceKind::ALL {
            assert_ne!(super::kind(kind), v1::payment_difference::Kind::Unspecified, "{kind}");
        }
    }
}
