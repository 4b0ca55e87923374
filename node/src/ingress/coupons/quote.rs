//! What a hold costs with a coupon.

use earlybird_persistence::{HoldId, HoldToken};
use earlybird_proto::v1;

use crate::coupons::{Bill, bill};
use crate::ingress::status::{Problem, Reason};
use crate::ingress::{Ingress, names, validate};

impl Ingress {
    pub(super) async fn quote_price(
        &self,
        request: v1::QuotePriceRequest,
    ) -> Result<v1::PriceQuote, Problem> {
        let (id, hold) = names::hold("hold", &request.hold)?;
        let coupon = names::coupon("coupon", &request.coupon)?;
        let buyer = validate::buyer(request.buyer_id)?;
        let shard = self.shard(id).await?;
        let info = shard.performance();
        let now = self.node.clock.now();
        let bill: Bill<'_> = shard.read(|state| {
            let view = state.hold(hold).filter(|view| view.order.is_some() || now < view.deadline);
            let view = view.ok_or_else(|| Problem::new(Reason::HoldNotFound, "no such hold"))?;
            if *view.buyer != buyer {
                return Err(Problem::new(Reason::NotHolder, "it belongs to another buyer"));
            }
            Ok(bill(info, view.seats))
        })?;
        let token = HoldToken { performance: info.id.clone(), hold: HoldId(hold.0) };
        let quoted = self.node.coupons.quote(coupon, &(&*buyer.0).into(), &token, &bill, now).await?;
        // The seats are held, so their prices add up.
        let amount_minor = bill.lines.iter().fold(0, |sum: i64, line| sum.saturating_add(line.amount_minor));
        Ok(v1::PriceQuote {
            amount_minor,
            discount_minor: quoted.discount_minor,
            payable_minor: amount_minor - quoted.discount_minor,
            currency_code: bill.currency.to_owned(),
        })
    }
}
