//! From a request to what is wished of a performance: the same for a unary call and for a command of a session.

use earlybird_engine::{
    Action, BuyerId, CategoryIndex, Command, Grade, Layout, RefundBy, Rejection, RequestStamp,
};
use earlybird_engine::{SeatIndex, ZoneIndex};
use earlybird_persistence::{CouponId, RefundAccount};
use earlybird_proto::v1;
use tonic::Status;

use super::fingerprint::{Fingerprint, Fingerprinter};
use super::meters::Kind;
use super::names;
use super::status::Problem;
use super::validate::{self, SEATS_BLOCKED_MAX, SEATS_NAMED_MAX};
use crate::auth::Caller;

/// A checked request that has not been resolved to a performance yet.
#[derive(Debug)]
pub(crate) struct Wish {
    /// A name in the performance, or its own: the text that came, so that nothing is copied.
    name: String,
    /// Where the id of the performance ends in `name`.
    id_end: usize,
    stamp: RequestStamp,
    action: Action,
    /// For best available: what the layout must be asked for.
    filter: Option<Box<Filter>>,
    coupon: Option<CouponId>,
    refund_account: Option<Box<RefundAccount>>,
}

/// Names of a category and a zone, empty for any.
#[derive(Debug)]
struct Filter {
    category: String,
    zone: String,
}

impl Wish {
    /// The `{performance}`.
    #[must_use]
    pub(crate) fn performance(&self) -> &str {
        &self.name["performances/".len()..self.id_end]
    }

    /// Which method was called.
    #[must_use]
    pub(crate) fn kind(&self) -> Kind {
        Kind::of(&self.action)
    }

    /// Who asks; none for an operator.
    #[must_use]
    pub(crate) fn buyer(&self) -> Option<&BuyerId> {
        buyer_of(&self.action)
    }

    /// Whether it pays.
    #[must_use]
    pub(crate) fn is_payment(&self) -> bool {
        matches!(self.action, Action::BeginPayment { .. })
    }

    /// Whether the caller may wish this: a buyer for itself alone, and what no buyer asks for only as an administrator.
    ///
    /// # Errors
    /// The status to answer with.
    pub(crate) fn authorise(&self, caller: &Caller) -> Result<(), Status> {
        match self.buyer() {
            Some(buyer) => caller.may_act_for(&buyer.0),
            None => caller.require_admin(),
        }
    }

    /// The buyer whose grade decides and was not sent; none if none decides, or one was sent.
    #[must_use]
    pub(crate) fn without_grade(&self) -> Option<&BuyerId> {
        match &self.action {
            Action::Hold { buyer, grade: None, .. }
            | Action::HoldBestAvailable { buyer, grade: None, .. }
            | Action::JoinWaitlist { buyer, grade: None, .. } => Some(buyer),
            _ => None,
        }
    }

    /// With the grade of the member. The fingerprint stays that of what was sent, so a retry is one, whatever the grade is
    /// then.
    pub(crate) fn set_grade(&mut self, known: Option<Grade>) {
        if let Action::Hold { grade, .. }
        | Action::HoldBestAvailable { grade, .. }
        | Action::JoinWaitlist { grade, .. } = &mut self.action
        {
            *grade = known;
        }
    }

    /// The coupon that a payment is to be made with.
    #[must_use]
    pub(crate) fn coupon(&self) -> Option<CouponId> {
        self.coupon
    }

    /// The account that a refund is to go to.
    #[must_use]
    pub(crate) fn refund_account(&self) -> Option<&RefundAccount> {
        self.refund_account.as_deref()
    }

    /// The command for a performance with this layout.
    ///
    /// # Errors
    /// [`Rejection::UnknownFilter`].
    pub(crate) fn resolve(mut self, layout: &Layout) -> Result<Command, Rejection> {
        if let (Some(filter), Action::HoldBestAvailable { category, zone, .. }) =
            (&self.filter, &mut self.action)
        {
            *category = position(&layout.categories, &filter.category, "category")?.map(CategoryIndex);
            *zone = position(&layout.zones, &filter.zone, "zone")?.map(ZoneIndex);
        }
        Ok(Command { request: Some(self.stamp), action: self.action })
    }

    fn new(name: String, id_len: usize, stamp: RequestStamp, action: Action) -> Self {
        let id_end = "performances/".len() + id_len;
        Self { name, id_end, stamp, action, filter: None, coupon: None, refund_account: None }
    }
}

/// Who asks for an action; none for an operator or the node itself.
#[must_use]
pub(crate) fn buyer_of(action: &Action) -> Option<&BuyerId> {
    match action {
        Action::Hold { buyer, .. }
        | Action::HoldBestAvailable { buyer, .. }
        | Action::ExtendHold { buyer, .. }
        | Action::ReleaseHold { buyer, .. }
        | Action::BeginPayment { buyer, .. }
        | Action::JoinWaitlist { buyer, .. }
        | Action::LeaveWaitlist { buyer, .. } => Some(buyer),
        Action::BeginRefund { by: RefundBy::Buyer(buyer), .. } => Some(buyer),
        _ => None,
    }
}

/// Who asks for an action, taken out of it.
#[must_use]
pub(crate) fn take_buyer(action: Action) -> Option<BuyerId> {
    match action {
        Action::Hold { buyer, .. }
        | Action::HoldBestAvailable { buyer, .. }
        | Action::ExtendHold { buyer, .. }
        | Action::ReleaseHold { buyer, .. }
        | Action::BeginPayment { buyer, .. }
        | Action::JoinWaitlist { buyer, .. }
        | Action::LeaveWaitlist { buyer, .. } => Some(buyer),
        Action::BeginRefund { by: RefundBy::Buyer(buyer), .. } => Some(buyer),
        _ => None,
    }
}

fn position(names: &[Box<str>], wanted: &str, what: &'static str) -> Result<Option<u16>, Rejection> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let found = (0..).zip(names).find(|(_, name)| &***name == wanted);
    found.map(|(index, _)| Some(index)).ok_or(Rejection::UnknownFilter { what })
}

/// A request that becomes a [`Wish`].
pub(crate) trait Parse: Fingerprint + Sized {
    /// Checks every field.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the first field that is wrong.
    fn parse(self, by: &mut Fingerprinter) -> Result<Wish, Problem>;
}

fn stamp(
    request: &impl Fingerprint,
    request_id: &str,
    by: &mut Fingerprinter,
) -> Result<RequestStamp, Problem> {
    Ok(RequestStamp { id: validate::request_id(request_id)?, fingerprint: request.fingerprint(by) })
}

impl Parse for v1::HoldSeatsRequest {
    fn parse(self, by: &mut Fingerprinter) -> Result<Wish, Problem> {
        let seats = validate::seats(&self.seats, SEATS_NAMED_MAX)?;
        let stamp = stamp(&self, &self.request_id, by)?;
        let id_len = names::performance("performance", &self.performance)?.len();
        let (buyer, grade) = (validate::buyer(self.buyer_id)?, validate::grade(self.grade)?);
        Ok(Wish::new(self.performance, id_len, stamp, Action::Hold { buyer, grade, seats }))
    }
}

impl Parse for v1::HoldBestAvailableRequest {
    fn parse(self, by: &mut Fingerprinter) -> Result<Wish, Problem> {
        let stamp = stamp(&self, &self.request_id, by)?;
        let id_len = names::performance("performance", &self.performance)?.len();
        let (buyer, grade) = (validate::buyer(self.buyer_id)?, validate::grade(self.grade)?);
        let count = self.count;
        let action = Action::HoldBestAvailable { buyer, grade, count, category: None, zone: None };
        let mut wish = Wish::new(self.performance, id_len, stamp, action);
        if !self.category.is_empty() || !self.zone.is_empty() {
            wish.filter = Some(Box::new(Filter { category: self.category, zone: self.zone }));
        }
        Ok(wish)
    }
}

impl Parse for v1::ExtendHoldRequest {
    fn parse(self, by: &mut Fingerprinter) -> Result<Wish, Problem> {
        let stamp = stamp(&self, &self.request_id, by)?;
        let (id, hold) = names::hold("name", &self.name)?;
        let (id_len, buyer) = (id.len(), validate::buyer(self.buyer_id)?);
        Ok(Wish::new(self.name, id_len, stamp, Action::ExtendHold { buyer, hold }))
    }
}

impl Parse for v1::ReleaseHoldRequest {
    fn parse(self, by: &mut Fingerprinter) -> Result<Wish, Problem> {
        let stamp = stamp(&self, &self.request_id, by)?;
        let (id, hold) = names::hold("name", &self.name)?;
        let (id_len, buyer) = (id.len(), validate::buyer(self.buyer_id)?);
        Ok(Wish::new(self.name, id_len, stamp, Action::ReleaseHold { buyer, hold }))
    }
}

impl Parse for v1::JoinWaitlistRequest {
    fn parse(self, by: &mut Fingerprinter) -> Result<Wish, Problem> {
        let stamp = stamp(&self, &self.request_id, by)?;
        let id_len = names::performance("performance", &self.performance)?.len();
        let (buyer, grade) = (validate::buyer(self.buyer_id)?, validate::grade(self.grade)?);
        let action = Action::JoinWaitlist { buyer, grade, seat: SeatIndex(self.seat) };
        Ok(Wish::new(self.performance, id_len, stamp, action))
    }
}

impl Parse for v1::LeaveWaitlistRequest {
    fn parse(self, by: &mut Fingerprinter) -> Result<Wish, Problem> {
        let stamp = stamp(&self, &self.request_id, by)?;
        let id_len = names::performance("performance", &self.performance)?.len();
        let buyer = validate::buyer(self.buyer_id)?;
        let action = Action::LeaveWaitlist { buyer, seat: SeatIndex(self.seat) };
        Ok(Wish::new(self.performance, id_len, stamp, action))
    }
}

impl Parse for v1::PayHoldRequest {
    fn parse(self, by: &mut Fingerprinter) -> Result<Wish, Problem> {
        let stamp = stamp(&self, &self.request_id, by)?;
        let (id, hold) = names::hold("hold", &self.hold)?;
        let (id_len, buyer) = (id.len(), validate::buyer(self.buyer_id)?);
        let amount_minor = validate::amount_minor(self.amount_minor)?;
        let payment_key = validate::payment_key(self.payment_key)?;
        let coupon = match self.coupon.as_str() {
            "" => None,
            name => Some(names::coupon("coupon", name)?),
        };
        // What it takes off is known once it is reserved.
        let action = Action::BeginPayment { buyer, hold, amount_minor, payment_key, coupon: None };
        Ok(Wish { coupon, ..Wish::new(self.hold, id_len, stamp, action) })
    }
}

impl Parse for v1::RefundOrderRequest {
    fn parse(self, by: &mut Fingerprinter) -> Result<Wish, Problem> {
        let seats = validate::seats(&self.seats, SEATS_NAMED_MAX)?;
        validate::reason(&self.reason)?;
        let stamp = stamp(&self, &self.request_id, by)?;
        let (id, order) = names::order("name", &self.name)?;
        let id_len = id.len();
        let by = validate::refund_by(self.buyer_id, self.fee_minor)?;
        let note = self.reason.into();
        let refund_account = self.refund_account.map(validate::refund_account).transpose()?.map(Box::new);
        let to_account = refund_account.is_some();
        let action = Action::BeginRefund { by, order, seats, note, to_account };
        Ok(Wish { refund_account, ..Wish::new(self.name, id_len, stamp, action) })
    }
}

impl Parse for v1::BlockSeatsRequest {
    fn parse(self, by: &mut Fingerprinter) -> Result<Wish, Problem> {
        let seats = validate::seats(&self.seats, SEATS_BLOCKED_MAX)?;
        let stamp = stamp(&self, &self.request_id, by)?;
        let id_len = names::performance("performance", &self.performance)?.len();
        Ok(Wish::new(self.performance, id_len, stamp, Action::Block { seats }))
    }
}

impl Parse for v1::UnblockSeatsRequest {
    fn parse(self, by: &mut Fingerprinter) -> Result<Wish, Problem> {
        let seats = validate::seats(&self.seats, SEATS_BLOCKED_MAX)?;
        let stamp = stamp(&self, &self.request_id, by)?;
        let id_len = names::performance("performance", &self.performance)?.len();
        Ok(Wish::new(self.performance, id_len, stamp, Action::Unblock { seats }))
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;
    use crate::auth::Role;

    const REQUEST_ID: &str = "6f1c2a34-58d7-4b0e-9a3c-2f6d1e0b7c55";

    fn parse(request: impl Parse) -> Wish {
        request.parse(&mut Fingerprinter::default()).expect("a good request")
    }

    fn best(category: &str) -> v1::HoldBestAvailableRequest {
        v1::HoldBestAvailableRequest {
            performance: "performances/carmen".into(),
            buyer_id: "ann".into(),
            count: 2,
            category: category.into(),
            request_id: REQUEST_ID.into(),
            ..Default::default()
        }
    }

    fn release() -> v1::ReleaseHoldRequest {
        let name = "performances/carmen/holds/7".into();
        v1::ReleaseHoldRequest { name, buyer_id: "ann".into(), request_id: REQUEST_ID.into() }
    }

    fn refund(buyer_id: &str) -> v1::RefundOrderRequest {
        let name = "performances/carmen/orders/7".into();
        v1::RefundOrderRequest {
            name,
            buyer_id: buyer_id.into(),
            request_id: REQUEST_ID.into(),
            ..Default::default()
        }
    }

    #[test]
    fn the_performance_is_found_in_every_kind_of_name() {
        for wish in [parse(best("")), parse(release()), parse(refund("ann"))] {
            assert_eq!(wish.performance(), "carmen");
        }
    }

    #[test]
    fn buyers_act_for_themselves_and_operators_as_administrators() {
        let [ann, ben] = ["ann", "ben"].map(|name| Caller::new(name, [Role::Buyer]));
        let [frontend, admin] = [Role::Bff, Role::Admin].map(|role| Caller::new("x", [role]));
        let code = |wish: Wish, caller: &Caller| wish.authorise(caller).err().map(|status| status.code());
        for caller in [&ann, &frontend, &admin, &Caller::default()] {
            assert_eq!(code(parse(release()), caller), None);
            assert_eq!(code(parse(refund("ann")), caller), None);
        }
        assert_eq!(code(parse(release()), &ben), Some(Code::PermissionDenied));
        let block = || v1::BlockSeatsRequest {
            performance: "performances/carmen".into(),
            seats: vec![1],
            request_id: REQUEST_ID.into(),
        };
        for caller in [&ann, &frontend] {
            assert_eq!(code(parse(refund("")), caller), Some(Code::PermissionDenied));
            assert_eq!(code(parse(block()), caller), Some(Code::PermissionDenied));
        }
        assert_eq!(code(parse(refund("")), &admin), None);
        assert_eq!(code(parse(block()), &admin), None);
    }

    #[test]
    fn categories_are_looked_up_in_the_layout() {
        let layout =
            Layout { categories: vec!["A".into(), "B".into()], zones: vec![], rows: vec![], seats: vec![] };
        let resolve = |category| parse(best(category)).resolve(&layout).map(|command| command.action);
        let Ok(Action::HoldBestAvailable { category, zone, .. }) = resolve("B") else { panic!() };
        assert_eq!((category, zone), (Some(CategoryIndex(1)), None));
        let Ok(Action::HoldBestAvailable { category, .. }) = resolve("") else { panic!() };
        assert_eq!(category, None);
        assert_eq!(resolve("C"), Err(Rejection::UnknownFilter { what: "category" }));
    }
}
