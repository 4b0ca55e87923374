//! Which provider a node pays through.

use std::sync::Arc;

use super::{OffGateway, PaymentGateway, TossError, TossGateway, TossOptions};

/// A provider by name, with what it needs.
#[derive(Clone, Debug)]
pub enum Provider {
    /// None: holds cannot be paid.
    Off,
    /// Toss Payments.
    Toss(Box<TossOptions>),
}

impl Provider {
    /// Sets it up. Nothing is sent yet.
    ///
    /// # Errors
    /// What it was given cannot work.
    pub fn open(&self) -> Result<Arc<dyn PaymentGateway>, TossError> {
        Ok(match self {
            Self::Off => {
                tracing::warn!("payments are off: holds cannot be paid until payments.gateway is set");
                Arc::new(OffGateway)
            }
            Self::Toss(options) => {
                tracing::info!(base_url = %options.base_url, "payments go through Toss Payments");
                Arc::new(TossGateway::new(options)?)
            }
        })
    }
}
