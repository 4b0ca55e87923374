//! The fingerprint of a request's body: what tells a retry from another request under the same `request_id` (I8).
//!
//! It is written into the journal, so the encoding is fixed: a byte for the method, then each field in the order of the
//! protocol file without `request_id`; texts and lists after their length, so that no two bodies look alike. A unary
//! call and a command of a session have the same fingerprint.

use earlybird_proto::v1;
use xxhash_rust::xxh3::xxh3_64;

/// Which method a body belongs to. The numbers are part of the journal and never change.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Method {
    HoldSeats = 1,
    HoldBestAvailable = 2,
    ExtendHold = 3,
    ReleaseHold = 4,
    JoinWaitlist = 5,
    LeaveWaitlist = 6,
    PayHold = 7,
    RefundOrder = 8,
    BlockSeats = 9,
    UnblockSeats = 10,
}

/// A buffer for canonical encodings, reused from request to request.
#[derive(Default)]
pub(crate) struct Fingerprinter(Vec<u8>);

impl Fingerprinter {
    fn of(&mut self, method: Method, fields: impl FnOnce(&mut Body<'_>)) -> u64 {
        self.0.clear();
        self.0.push(method as u8);
        fields(&mut Body(&mut self.0));
        xxh3_64(&self.0)
    }
}

/// The encoding of one body under construction.
struct Body<'b>(&'b mut Vec<u8>);

impl Body<'_> {
    fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    /// A text that came to the protocol later: nothing where it is empty, as before.
    fn named(&mut self, text: &str) -> &mut Self {
        if text.is_empty() { self } else { self.text(text) }
    }

    /// A number that came to the protocol later: nothing where it is not given, as before.
    fn given(&mut self, number: Option<i64>) -> &mut Self {
        match number {
            Some(number) => self.number(number.cast_unsigned()),
            None => self,
        }
    }

    /// An account, which came to the protocol later: nothing where it is not given, as before.
    fn account(&mut self, account: Option<&v1::RefundAccount>) -> &mut Self {
        match account {
            Some(v1::RefundAccount { bank_code, account_number, holder_name }) => {
                self.text(bank_code).text(account_number).text(holder_name)
            }
            None => self,
        }
    }

    fn seats(&mut self, seats: &[u32]) -> &mut Self {
        self.number(seats.len() as u64);
        for seat in seats {
            self.0.extend_from_slice(&seat.to_le_bytes());
        }
        self
    }
}

/// A request that has a fingerprint.
pub(crate) trait Fingerprint {
    /// The fingerprint of everything but `request_id`.
    fn fingerprint(&self, by: &mut Fingerprinter) -> u64;
}

macro_rules! fingerprint {
    ($($request:ident as $method:ident: |$body:ident, $it:ident| $fields:expr;)*) => {
        $(impl Fingerprint for v1::$request {
            fn fingerprint(&self, by: &mut Fingerprinter) -> u64 {
                let $it = self;
                by.of(Method::$method, |$body| { $fields; })
            }
        })*
    };
}

fingerprint! {
    HoldSeatsRequest as HoldSeats: |body, it|
        body.text(&it.performance).text(&it.buyer_id).text(&it.grade).seats(&it.seats);
    HoldBestAvailableRequest as HoldBestAvailable: |body, it|
        body.text(&it.performance).text(&it.buyer_id).text(&it.grade)
            .number(it.count.into()).text(&it.category).text(&it.zone);
    ExtendHoldRequest as ExtendHold: |body, it| body.text(&it.name).text(&it.buyer_id);
    ReleaseHoldRequest as ReleaseHold: |body, it| body.text(&it.name).text(&it.buyer_id);
    JoinWaitlistRequest as JoinWaitlist: |body, it|
        body.text(&it.performance).number(it.seat.into()).text(&it.buyer_id).text(&it.grade);
    LeaveWaitlistRequest as LeaveWaitlist: |body, it|
        body.text(&it.performance).number(it.seat.into()).text(&it.buyer_id);
    PayHoldRequest as PayHold: |body, it|
        body.text(&it.hold).text(&it.buyer_id).number(it.amount_minor.cast_unsigned()).text(&it.payment_key)
            .named(&it.coupon);
    RefundOrderRequest as RefundOrder: |body, it|
        body.text(&it.name).text(&it.buyer_id).seats(&it.seats).text(&it.reason).given(it.fee_minor)
            .account(it.refund_account.as_ref());
    BlockSeatsRequest as BlockSeats: |body, it| body.text(&it.performance).seats(&it.seats);
    UnblockSeatsRequest as UnblockSeats: |body, it| body.text(&it.performance).seats(&it.seats);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(buyer: &str, grade: &str, seats: &[u32], request: &str) -> u64 {
        let request = v1::HoldSeatsRequest {
            performance: "performances/p".into(),
            buyer_id: buyer.into(),
            grade: grade.into(),
            seats: seats.into(),
            request_id: request.into(),
        };
        request.fingerprint(&mut Fingerprinter::default())
    }

    #[test]
    fn the_request_id_is_no_part_of_it() {
        assert_eq!(hold("a", "vip", &[1, 2], "x"), hold("a", "vip", &[1, 2], "y"));
    }

    #[test]
    fn every_field_is_part_of_it_and_fields_do_not_run_together() {
        let mut all = vec![
            hold("a", "vip", &[1, 2], ""),
            hold("av", "ip", &[1, 2], ""),
            hold("avip", "", &[1, 2], ""),
            hold("a", "vip", &[2, 1], ""),
            hold("a", "vip", &[1], ""),
            hold("a", "vip", &[], ""),
        ];
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn methods_with_the_same_fields_differ() {
        let by = &mut Fingerprinter::default();
        let (name, buyer_id) = ("performances/p/holds/1".to_owned(), "a".to_owned());
        let extend =
            v1::ExtendHoldRequest { name: name.clone(), buyer_id: buyer_id.clone(), ..Default::default() };
        let release = v1::ReleaseHoldRequest { name, buyer_id, ..Default::default() };
        assert_ne!(extend.fingerprint(by), release.fingerprint(by));
    }

    /// The journal holds fingerprints: a change of the encoding would make every retry across an upgrade a reuse.
    #[test]
    fn the_encoding_is_fixed() {
        assert_eq!(hold("a", "vip", &[1, 2], ""), 7_541_216_005_952_143_618);
    }
}
