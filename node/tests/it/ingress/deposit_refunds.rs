//! Deposits that go back: to an account that somebody names, or not before somebody has.

use earlybird_proto::v1;
use earlybird_proto::v1::job::State as JobState;
use earlybird_proto::v1::jobs_client::JobsClient;
use earlybird_proto::v1::order::State;
use earlybird_proto::v1::refund::State as RefundState;
use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::session_response::Result as Message;
use tonic::Code;
use toss_sim::Behaviour;

use super::depositing::{WITH_DEPOSITS, open};
use super::house::*;
use super::paying::Shop;
use super::session::Client;

const ACCOUNT_NUMBER: &str = "98765432109";
const HOLDER: &str = "Ann Example";

fn account() -> v1::RefundAccount {
    let (bank_code, account_number) = ("20".into(), ACCOUNT_NUMBER.into());
    v1::RefundAccount { bank_code, account_number, holder_name: HOLDER.into() }
}

fn refund_to_account(order: &v1::Order, seats: &[u32]) -> v1::RefundOrderRequest {
    v1::RefundOrderRequest { refund_account: Some(account()), ..refund(order, seats) }
}

impl Shop {
    async fn refund(&self, request: v1::RefundOrderRequest) -> Result<v1::Order, tonic::Status> {
        self.house.orders.clone().refund_order(request).await.map(tonic::Response::into_inner)
    }

    /// Cancels the performance, and waits for the job.
    async fn cancel(&self) -> v1::Job {
        let request = v1::CancelPerformanceRequest { name: WITH_DEPOSITS.into(), ..Default::default() };
        let cancelled = self.house.admin.clone().cancel_performance(request).await.expect("it exists");
        self.finished(cancelled.into_inner().job).await
    }

    /// Does the cancellation's job once more.
    async fn cancel_again(&self, job: &v1::Job) -> v1::Job {
        let request = v1::StartJobRequest {
            kind: job.kind.clone(),
            arguments: job.arguments.clone(),
            request_id: request_id(),
        };
        let started = JobsClient::new(self.house.server.channel()).start_job(request).await;
        self.finished(started.expect("it can be done again").into_inner().name).await
    }

    async fn finished(&self, job: String) -> v1::Job {
        let get = v1::GetJobRequest { name: job };
        let mut jobs = JobsClient::new(self.house.server.channel());
        eventually("the job ends", async || {
            let job = jobs.get_job(get.clone()).await.expect("it exists").into_inner();
            (!matches!(job.state(), JobState::Pending | JobState::Running)).then_some(job)
        })
        .await
    }

    /// Waits until the refund of an order waits for an account.
    async fn until_account_is_awaited(&self, order: &v1::Order) {
        eventually("an account is awaited", async || {
            let order = self.get(order).await?;
            let is_awaited = order.refunds.last()?.state() == RefundState::AwaitingAccount;
            (is_awaited && order.state() == State::Refunding).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_deposit_goes_back_to_the_account_that_is_named() {
    let shop = open(Behaviour::default()).await;
    let order = shop.deposited(&[0, 1], "sim.virtual-account.cancel-silent-done.1").await;
    let quote =
        v1::QuoteRefundRequest { name: order.name.clone(), buyer_id: "ann".into(), ..Default::default() };
    let quote = shop.house.orders.clone().quote_refund(quote).await.expect("a quote").into_inner();
    assert!(quote.refund_account_required);

    let admin = v1::RefundOrderRequest { buyer_id: String::new(), ..refund(&order, &[]) };
    for without in [refund(&order, &[0]), admin] {
        let (status, reason, _) = failure(shop.refund(without).await);
        assert_eq!((status.code(), reason.as_str()), (Code::FailedPrecondition, "REFUND_ACCOUNT_REQUIRED"));
    }
    let dashes = v1::RefundAccount { account_number: "12-34".into(), ..account() };
    let wrong = v1::RefundOrderRequest { refund_account: Some(dashes), ..refund(&order, &[]) };
    let (_, reason, details) = failure(shop.refund(wrong).await);
    assert_eq!(reason, "INVALID_FIELD");
    let field = &details.bad_request().expect("BadRequest").field_violations[0].field;
    assert_eq!(field, "refund_account.account_number");
    assert_eq!(shop.get(&order).await.as_ref(), Some(&order));

    let first = refund_to_account(&order, &[0]);
    let part = shop.refund(first.clone()).await.expect("it goes back");
    assert_eq!((part.state(), part.refunded_minor), (State::PartiallyRefunded, STALLS_MINOR));
    // I8: the account is a part of the request.
    assert_eq!(shop.refund(first.clone()).await.expect("a replay"), part);
    let other = v1::RefundAccount { holder_name: "Ben".into(), ..account() };
    let reused = v1::RefundOrderRequest { refund_account: Some(other), ..first };
    assert_eq!(failure(shop.refund(reused).await).1, "REQUEST_ID_REUSED");
    let rest = shop.refund(refund_to_account(&order, &[])).await.expect("the rest goes back");
    assert_eq!((rest.state(), rest.refunded_minor), (State::Refunded, 2 * STALLS_MINOR));
    assert_eq!(shop.books(), (2 * STALLS_MINOR, 2 * STALLS_MINOR));
    let log = shop.house.server.log();
    assert!(!log.contains(ACCOUNT_NUMBER) && !log.contains(HOLDER), "{log}");
}

#[tokio::test]
async fn a_session_takes_no_account() {
    let shop = open(Behaviour::default()).await;
    let order = shop.deposited(&[0], "sim.virtual-account.1").await;
    let mut session = Client::open(&shop.house).await;
    for (request, expected) in
        [(refund(&order, &[]), "REFUND_ACCOUNT_REQUIRED"), (refund_to_account(&order, &[]), "INVALID_FIELD")]
    {
        let Message::Error(error) = session.send(Command::RefundOrder(request)).await else { panic!() };
        assert_eq!(error.reason, expected);
    }
}

#[tokio::test]
async fn an_account_that_the_provider_refuses_leaves_the_seats_sold() {
    let shop = open(Behaviour::default()).await;
    let order = shop.deposited(&[0], "sim.virtual-account.cancel-INVALID_REFUND_ACCOUNT_INFO.1").await;
    let (_, reason, details) = failure(shop.refund(refund_to_account(&order, &[])).await);
    assert_eq!(reason, "REFUND_FAILED");
    let told = &details.error_info().expect("ErrorInfo").metadata["provider_reason"];
    assert_eq!(told, "INVALID_REFUND_ACCOUNT_INFO");
    shop.until_it_is(&order, State::Paid).await;
    let refunded = shop.refund(refund_to_account(&order, &[])).await.expect("the account exists now");
    assert_eq!(refunded.state(), State::Refunded);
}

/// Whatever is open to be paid into is closed, and what was paid waits for somebody to say where it goes.
#[tokio::test]
async fn a_cancelled_performance_closes_accounts_and_asks_for_others() {
    let mut shop = open(Behaviour::default()).await;
    let waiting = shop.await_deposit(&[0], "sim.virtual-account.1").await;
    let order = shop.deposited(&[1], "sim.virtual-account.cancel-INVALID_REFUND_ACCOUNT_INFO.2").await;
    let job = shop.cancel().await;
    assert_eq!((job.state(), job.done, job.total), (JobState::Failed, 2, Some(2)), "{job:?}");
    assert!(job.error.contains("wait for accounts: 1"), "{job:?}");
    let declined = shop.until_it_is(&waiting, State::Declined).await;
    assert_eq!(declined.decline_reason, "PERFORMANCE_CANCELLED");
    shop.assert_closed("sim.virtual-account.1");

    shop.until_account_is_awaited(&order).await;
    let list = v1::ListOrdersRequest { parent: WITH_DEPOSITS.into(), ..Default::default() };
    let page = shop.house.orders.clone().list_orders(list).await.expect("a page").into_inner();
    assert_eq!(page.orders.first(), shop.get(&order).await.as_ref());
    shop.house.server.kill9().await;
    shop.house.server.restart().await;
    shop.until_account_is_awaited(&order).await;
    assert_eq!(failure(shop.refund(refund(&order, &[])).await).1, "ORDER_STATE");
    let stranger = v1::RefundOrderRequest { buyer_id: "ben".into(), ..refund_to_account(&order, &[]) };
    assert_eq!(failure(shop.refund(stranger).await).1, "NOT_HOLDER");
    assert_eq!(shop.books(), (STALLS_MINOR, 0));

    // The provider does not know the first account.
    let refused = shop.refund(refund_to_account(&order, &[])).await.expect("it is tried");
    assert_eq!((refused.state(), refused.refunds.len()), (State::Refunding, 1));
    shop.until_account_is_awaited(&order).await;
    let last = refund_to_account(&order, &[]);
    let refunded = shop.refund(last.clone()).await.expect("it goes back");
    assert_eq!((refunded.state(), refunded.refunded_minor), (State::Refunded, STALLS_MINOR));
    assert_eq!(shop.refund(last).await.expect("a replay"), refunded);
    assert_eq!(shop.books(), (STALLS_MINOR, STALLS_MINOR));
    assert_eq!(shop.cancel_again(&job).await.state(), JobState::Succeeded);
    let audit = v1::AuditPerformanceRequest { name: WITH_DEPOSITS.into() };
    let report = shop.house.admin.clone().audit_performance(audit).await.expect("a report").into_inner();
    assert!(report.clean, "{report:?}");
}
