//! No provider: payments are not taken, and what an earlier run has begun waits until there is one.

use async_trait::async_trait;

use super::gateway::{
    Cancellation, Charge, Confirmation, GatewayError, PaymentGateway, PaymentName, PaymentRecord,
    Transaction, Window,
};

/// Answers nothing.
#[derive(Debug)]
pub struct OffGateway;

fn off<T>() -> Result<T, GatewayError> {
    Err(GatewayError::Misconfigured("payments are off".to_owned()))
}

#[async_trait]
impl PaymentGateway for OffGateway {
    async fn confirm(&self, _charge: &Charge) -> Result<Confirmation, GatewayError> {
        off()
    }

    async fn find(&self, _payment: &PaymentName) -> Result<Option<PaymentRecord>, GatewayError> {
        off()
    }

    async fn find_latest(&self, _order_reference: &str) -> Result<Option<PaymentRecord>, GatewayError> {
        off()
    }

    async fn cancel(&self, _cancellation: &Cancellation) -> Result<(), GatewayError> {
        off()
    }

    async fn transactions(
        &self,
        _window: Window,
        _after: Option<&str>,
        _limit: usize,
    ) -> Result<Vec<Transaction>, GatewayError> {
        off()
    }
}
