//! A provider inside the process, until the real one is connected: it captures after a delay and keeps its records in
//! memory. Payment keys that begin with `decline-` are declined; those that begin with `unknown-` are captured, but the
//! first answer is lost.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::gateway::{
    Cancellation, Charge, Confirmation, GatewayError, PaymentGateway, PaymentName, PaymentRecord,
    PaymentState, Transaction, Window,
};

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
    by_payment: HashMap<PaymentName, PaymentRecord>,
    oldest_first: VecDeque<PaymentName>,
}

impl InProcessGateway {
    /// A provider that answers after `latency`.
    #[must_use]
    pub fn new(latency: Duration) -> Self {
        Self { latency, records: Mutex::default() }
    }

    /// Records the outcome unless there is one already. Returns the one that counts, and whether it is new.
    fn record(&self, charge: &Charge, outcome: PaymentState) -> (PaymentState, bool) {
        let mut records = self.records.lock();
        if let Some(known) = records.by_payment.get(&charge.payment) {
            return (known.state.clone(), false);
        }
        if records.oldest_first.len() == RECORDS_MAX
            && let Some(oldest) = records.oldest_first.pop_front()
        {
            records.by_payment.remove(&oldest);
        }
        records.oldest_first.push_back(charge.payment.clone());
        let record = PaymentRecord {
            payment: charge.payment.clone(),
            state: outcome.clone(),
            amount_minor: charge.amount_minor,
            balance_minor: charge.amount_minor,
            currency: charge.currency.clone(),
            cancels: Vec::new(),
        };
        records.by_payment.insert(charge.payment.clone(), record);
        (outcome, true)
    }
}

#[async_trait]
impl PaymentGateway for InProcessGateway {
    async fn confirm(&self, charge: &Charge) -> Result<Confirmation, GatewayError> {
        tokio::time::sleep(self.latency).await;
        let outcome = if charge.payment.payment_key.starts_with("decline-") {
            PaymentState::Dead("REJECT_CARD_PAYMENT".to_owned())
        } else {
            PaymentState::Captured
        };
        let (outcome, is_new) = self.record(charge, outcome);
        if is_new && charge.payment.payment_key.starts_with("unknown-") {
            return Err(GatewayError::silence("the answer was lost"));
        }
        match outcome {
            PaymentState::Dead(reason) => Err(GatewayError::Declined(reason)),
            _ => Ok(Confirmation::Captured),
        }
    }

    async fn find(&self, payment: &PaymentName) -> Result<Option<PaymentRecord>, GatewayError> {
        tokio::time::sleep(self.latency).await;
        Ok(self.records.lock().by_payment.get(payment).cloned())
    }

    async fn find_latest(&self, _order_reference: &str) -> Result<Option<PaymentRecord>, GatewayError> {
        Err(GatewayError::indefinite("this provider finds payments by their keys alone"))
    }

    async fn cancel(&self, _cancellation: &Cancellation) -> Result<(), GatewayError> {
        tokio::time::sleep(self.latency).await;
        Ok(())
    }

    async fn transactions(
        &self,
        _window: Window,
        _after: Option<&str>,
        _limit: usize,
    ) -> Result<Vec<Transaction>, GatewayError> {
        Err(GatewayError::indefinite("this provider keeps no list of transactions"))
    }
}
