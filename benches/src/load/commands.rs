//! Commands for the wire, written as cheaply as they can be: the client shares its cores with the server.

use earlybird_proto::v1::session_request::Command;
use earlybird_proto::v1::{Hold, HoldSeatsRequest, PayHoldRequest, ReleaseHoldRequest, SessionRequest};
use rand::Rng;

/// Writes the commands of one session. Each has a buyer and a `request_id` of its own.
#[derive(Clone, Debug)]
pub struct Commands {
    performance: String,
    session: u64,
    serial: u64,
}

impl Commands {
    /// For one performance, by its whole name.
    #[must_use]
    pub fn new(performance: &str) -> Self {
        Self { performance: performance.to_owned(), session: rand::rng().random(), serial: 0 }
    }

    /// The performance.
    #[must_use]
    pub fn performance(&self) -> &str {
        &self.performance
    }

    /// A hold of these seats by a buyer who has never been seen before.
    pub fn hold(&mut self, seats: Vec<u32>) -> HoldSeatsRequest {
        let (buyer_id, request_id) = self.names();
        HoldSeatsRequest {
            performance: self.performance.clone(),
            buyer_id,
            grade: String::new(),
            seats,
            request_id,
        }
    }

    /// The release of a hold by its owner.
    pub fn release(&mut self, hold: &str, buyer: &str) -> ReleaseHoldRequest {
        let (_, request_id) = self.names();
        ReleaseHoldRequest { name: hold.to_owned(), buyer_id: buyer.to_owned(), request_id }
    }

    /// The payment of a hold by its owner.
    pub fn pay(&mut self, hold: &Hold) -> PayHoldRequest {
        let (payment_key, request_id) = self.names();
        PayHoldRequest {
            hold: hold.name.clone(),
            buyer_id: hold.buyer_id.clone(),
            amount_minor: hold.amount_minor,
            payment_key,
            request_id,
            ..PayHoldRequest::default()
        }
    }

    /// A new buyer and a new request id.
    fn names(&mut self) -> (String, String) {
        self.serial += 1;
        let number = u128::from(self.session) << 64 | u128::from(self.serial);
        let id = uuid::Builder::from_custom_bytes(number.to_be_bytes()).into_uuid();
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let text = id.hyphenated().encode_lower(&mut text);
        // Of the buyer, the last 22 characters: part of the session, and the whole serial number.
        (text[14..].to_owned(), text.to_owned())
    }
}

/// A tagged command of a session.
#[must_use]
pub(super) fn tagged(tag: u64, command: Command) -> SessionRequest {
    SessionRequest { tag, timeout_ms: 0, command: Some(command) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn buyers_and_request_ids_never_repeat() {
        let mut one = Commands::new("performances/one");
        let mut other = Commands::new("performances/one");
        let holds: Vec<HoldSeatsRequest> =
            (0..1_000).flat_map(|seat| [one.hold(vec![seat]), other.hold(vec![seat])]).collect();
        let buyers: HashSet<&str> = holds.iter().map(|hold| hold.buyer_id.as_str()).collect();
        let requests: HashSet<&str> = holds.iter().map(|hold| hold.request_id.as_str()).collect();
        assert_eq!((buyers.len(), requests.len()), (2_000, 2_000));
        assert!(requests.iter().all(|id| uuid::Uuid::parse_str(id).is_ok()));
    }
}
