//! Toss Payments.
//!
//! ```text
//!  confirm ──► POST /v1/payments/confirm ──► answer ──► codes: what it means ──► check: is it about what was asked?
//!  find    ──► GET  /v1/payments/{paymentKey}
//!  cancel  ──► POST /v1/payments/{paymentKey}/cancel
//! ```
//!
//! Invariant: nothing is definite that the provider did not say about this very payment. A time-out, an answer that cannot
//! be read, a code that is not known, another amount: all of them are unknown.

mod amount;
mod client;
mod codes;
mod options;
mod record;
mod wire;

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use self::client::{Answer, Client};
use self::codes::Meaning;
use self::wire::{CancelRequest, ConfirmRequest, Movement, Payment, RefundReceiveAccount, Refusal};
use super::gateway::{
    CancelState, Cancellation, Charge, Confirmation, GatewayError, PaymentGateway, PaymentName,
    PaymentRecord, PaymentState, Transaction, Window,
};

pub use self::client::TossError;
pub use self::options::TossOptions;

/// Transactions of one page at most.
const PAGE_TRANSACTIONS_MAX: usize = 5_000;

/// The provider.
pub struct TossGateway {
    client: Client,
    /// Whether it was told already that the provider does not accept the key.
    misconfigured: AtomicBool,
}

impl TossGateway {
    /// A connection to the provider, which is made when it is first needed.
    ///
    /// # Errors
    /// The address or the key has a form that cannot work, or the key would go over the network in the clear.
    pub fn new(options: &TossOptions) -> Result<Self, TossError> {
        Ok(Self { client: Client::new(options)?, misconfigured: AtomicBool::new(false) })
    }

    /// What the provider did; else why not, by its code.
    fn accepted<T>(&self, answer: Answer<T>, definite: Meaning) -> Result<T, GatewayError> {
        let (refusal, is_kept) = match answer {
            Answer::Done(done) => {
                self.misconfigured.store(false, Ordering::Relaxed);
                return Ok(done);
            }
            Answer::Silence(why) => return Err(GatewayError::silence(why)),
            Answer::Refused { refusal, is_kept } => (refusal, is_kept),
        };
        let Refusal { code, message } = refusal;
        let meaning = codes::meaning(&code);
        if meaning == Meaning::Misconfigured {
            return Err(self.misconfigured(code));
        }
        self.misconfigured.store(false, Ordering::Relaxed);
        if meaning == definite {
            return Err(GatewayError::Declined(code));
        }
        let is_answered = is_kept && meaning != Meaning::StillProcessing;
        Err(GatewayError::Unknown { why: format!("{code}: {message}"), is_answered })
    }

    fn misconfigured(&self, code: String) -> GatewayError {
        metrics::counter!("earlybird_payments_misconfigured_total").increment(1);
        if !self.misconfigured.swap(true, Ordering::Relaxed) {
            tracing::error!(
                code,
                "the payment provider does not accept our secret key: no payment can be settled until that is set right"
            );
        }
        GatewayError::Misconfigured(code)
    }

    async fn ask(&self, path: &[&str]) -> Result<Option<PaymentRecord>, GatewayError> {
        let answer = self.client.get::<Payment>(path, &[]).await;
        match self.accepted(answer, Meaning::NotFound) {
            Ok(payment) => record::of_payment(payment).map(Some).map_err(GatewayError::indefinite),
            Err(GatewayError::Declined(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl PaymentGateway for TossGateway {
    async fn confirm(&self, charge: &Charge) -> Result<Confirmation, GatewayError> {
        let Some(amount) = amount::from_minor(charge.amount_minor, &charge.currency) else {
            return Err(GatewayError::Declined("INVALID_AMOUNT".to_owned()));
        };
        let PaymentName { order_reference, payment_key } = &charge.payment;
        let request = ConfirmRequest { payment_key, order_id: order_reference, amount };
        let path = ["payments", "confirm"];
        let answer = self.client.post::<Payment>(&path, &charge.idempotency_key, &request).await;
        let payment = self.accepted(answer, Meaning::Declined)?;
        let record = record::of_payment(payment).map_err(GatewayError::indefinite)?;
        record.check(charge)?;
        match record.state {
            PaymentState::Captured => Ok(Confirmation::Captured),
            PaymentState::AwaitingDeposit(deposit) => Ok(Confirmation::AwaitingDeposit(deposit)),
            other => Err(GatewayError::indefinite(format!("confirmed, and yet {other:?}"))),
        }
    }

    async fn find(&self, payment: &PaymentName) -> Result<Option<PaymentRecord>, GatewayError> {
        // No address can have these, and so no payment has them as its key.
        if matches!(payment.payment_key.as_str(), "." | "..") {
            return Ok(None);
        }
        self.ask(&["payments", &payment.payment_key]).await
    }

    async fn find_latest(&self, order_reference: &str) -> Result<Option<PaymentRecord>, GatewayError> {
        let found = self.ask(&["payments", "orders", order_reference]).await?;
        match found {
            Some(record) if record.payment.order_reference != order_reference => {
                Err(GatewayError::indefinite("the provider answered about another order"))
            }
            found => Ok(found),
        }
    }

    async fn cancel(&self, cancellation: &Cancellation) -> Result<(), GatewayError> {
        let amount = cancellation.amount_minor.map(|minor| amount::from_minor(minor, &cancellation.currency));
        let cancel_amount = match amount {
            Some(None) => return Err(GatewayError::Declined("INVALID_AMOUNT".to_owned())),
            Some(amount) => amount,
            None => None,
        };
        let refund_receive_account =
            cancellation.refund_account.as_ref().map(|account| RefundReceiveAccount {
                bank: &account.bank_code,
                account_number: &account.account_number,
                holder_name: &account.holder_name,
            });
        let reason = &cancellation.reason;
        let request = CancelRequest { cancel_reason: reason, cancel_amount, refund_receive_account };
        let path = ["payments", &cancellation.payment.payment_key, "cancel"];
        let answer = self.client.post::<Payment>(&path, &cancellation.idempotency_key, &request).await;
        let payment = self.accepted(answer, Meaning::NotCancelable)?;
        let record = record::of_payment(payment).map_err(GatewayError::indefinite)?;
        if record.payment != cancellation.payment {
            return Err(GatewayError::indefinite("the provider answered about another payment"));
        }
        let mut ours = record.cancels.iter().filter(|cancel| cancel.reason == *reason);
        if ours.any(|cancel| cancel.state != CancelState::Done) {
            return Err(GatewayError::indefinite("the refund has not arrived yet"));
        }
        Ok(())
    }

    async fn transactions(
        &self,
        window: Window,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Transaction>, GatewayError> {
        let time =
            |at| wire::local_time(at).ok_or_else(|| GatewayError::indefinite("not a time of the calendar"));
        // The provider's times are to the second; the last one is not to be missed for a fraction.
        let (from, to) = (time(window.from)?, time(earlybird_engine::Timestamp(window.to.0 + 1_000))?);
        let limit = limit.min(PAGE_TRANSACTIONS_MAX).to_string();
        let mut query = vec![("startDate", from.as_str()), ("endDate", &to), ("limit", &limit)];
        query.extend(after.map(|after| ("startingAfter", after)));
        let answer = self.client.get::<Vec<Movement>>(&["transactions"], &query).await;
        let movements = self.accepted(answer, Meaning::NotFound)?;
        movements
            .into_iter()
            .map(|movement| record::of_movement(movement).map_err(GatewayError::indefinite))
            .collect()
    }
}
