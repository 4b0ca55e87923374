//! Reads the ledgers that the orders are held against: the provider's books and the journal's sum.

use std::time::Duration;

use anyhow::{Context, ensure};
use earlybird_proto::v1::AuditPerformanceRequest;
use toss_sim::Books;
use toss_sim::ledger::Line;

use super::ledgers::{LedgerSum, OtherLedgers, PaymentView};
use crate::command::Names;
use crate::connect::{Wire, admin};
use crate::ids::HoldId;
use crate::onsale::house::until_reachable;

/// Longest that the provider may take to show its books.
const BOOKS_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads both. `provider`: where the provider's simulator is, such as `http://127.0.0.1:8090`.
///
/// # Errors
/// When one of them cannot be read.
pub(super) async fn read(
    wire: &Wire,
    names: &Names,
    patience: Duration,
    provider: &str,
) -> anyhow::Result<OtherLedgers> {
    let books = books(provider).await.context("the provider's books cannot be read")?;
    let of_run = books.payments.iter().filter(|line| names.is_payment_of_run(line.payment_key.as_str()));
    let captured = of_run.filter(|line| line.captured_amount > 0);
    let provider = captured.map(view).collect::<anyhow::Result<Vec<_>>>()?;
    let request = || async {
        admin(wire).audit_performance(AuditPerformanceRequest { name: names.performance().to_owned() }).await
    };
    let audit = until_reachable(patience, request).await.context("the journal cannot be audited")?;
    let money = audit.into_inner().money.unwrap_or_default();
    let journal = LedgerSum {
        payments: money.payments,
        captured_minor: money.captured_minor,
        refunded_minor: money.refunded_minor,
    };
    Ok(OtherLedgers { provider, journal })
}

async fn books(provider: &str) -> anyhow::Result<Books> {
    let client = reqwest::Client::builder().no_proxy().timeout(BOOKS_TIMEOUT).build()?;
    let answer = client.get(format!("{}/sim/ledger", provider.trim_end_matches('/'))).send().await?;
    ensure!(answer.status().is_success(), "status {}", answer.status());
    Ok(answer.json().await?)
}

/// The name of an order at the provider ends with the number of the hold that it pays.
fn view(line: &Line) -> anyhow::Result<PaymentView> {
    let number = line.order_id.as_str().rsplit('-').next().and_then(|number| number.parse().ok());
    let hold = number.with_context(|| format!("{} does not end with the number of a hold", line.order_id))?;
    Ok(PaymentView {
        hold: HoldId(hold),
        // Of a currency without decimals, as the simulator keeps its books.
        captured_minor: line.captured_amount,
        refunded_minor: line.refunded_amount,
    })
}
