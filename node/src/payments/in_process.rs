//! A provider inside the process, until the real one is connected: it captures after a delay and keeps its records in
//! memory. Payment keys that begin with `decline-` are declined; those that begin with `unknown-` are captured, but the
//! first answer is lost.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::gateway::{Cancellation, Charge, GatewayError, PaymentGateway, ProviderRecord};

/// Records kept; the oldest is forgotten first.
const RECORDS_MAX: usize = 1_000_000;

/// The provider.
#[derive(Debug)]
pub struct InProcessGateway {
    latency: Duration,
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    by_order: HashMap<String, ProviderRecord>,
    oldest_first: VecDeque<String>,
}

impl InProcessGateway {
    /// A provider that answers after `latency`.
    #[must_use]
    pub fn new(latency: Duration) -> Self {
        Self { latency, records: Mutex::default() }
    }

    /// Records the outcome unless there is one already. Returns the one that counts, and whether it is new.
    fn record(&self, order_reference: &str, outcome: ProviderRecord) -> (ProviderRecord, bool) {
        let mut records = self.records.lock();
        if let Some(known) = records.by_order.get(order_reference) {
            return (known.clone(), false);
        }
        if records.oldest_first.len() == RECORDS_MAX
            && let Some(oldest) = records.oldest_first.pop_front()
        {
            records.by_order.remove(&oldest);
        }
        records.oldest_first.push_back(order_reference.to_owned());
        records.by_order.insert(order_reference.to_owned(), outcome.clone());
        (outcome, true)
    }
}

#[async_trait]
impl PaymentGateway for InProcessGateway {
    async fn confirm(&self, charge: &Charge) -> Result<(), GatewayError> {
        tokio::time::sleep(self.latency).await;
        let outcome = if charge.payment_key.starts_with("decline-") {
            ProviderRecord::Declined("REJECT_CARD_PAYMENT".to_owned())
        } else {
            ProviderRecord::Captured
        };
        let (outcome, is_new) = self.record(&charge.order_reference, outcome);
        if is_new && charge.payment_key.starts_with("unknown-") {
            return Err(GatewayError::Unknown("the answer was lost".to_owned()));
        }
        match outcome {
            ProviderRecord::Declined(reason) => Err(GatewayError::Declined(reason)),
            ProviderRecord::Captured | ProviderRecord::NotFound => Ok(()),
        }
    }

    async fn find(&self, order_reference: &str) -> Result<ProviderRecord, GatewayError> {
        tokio::time::sleep(self.latency).await;
        Ok(self.records.lock().by_order.get(order_reference).cloned().unwrap_or(ProviderRecord::NotFound))
    }

    async fn cancel(&self, _cancellation: &Cancellation) -> Result<(), GatewayError> {
        tokio::time::sleep(self.latency).await;
        Ok(())
    }
}
