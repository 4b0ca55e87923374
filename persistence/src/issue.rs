//! Which of the coupons that are wished for are issued: decided here, the same for both databases, while the campaign's
//! row is locked.

use std::collections::HashMap;

use crate::catalog::RequestId;
use crate::coupons::{CampaignRow, CouponRow, IssueBatch, IssueOutcome, IssueWish};
use crate::ids::{BuyerId, UnixMillis};

/// What was issued before.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// By request.
    pub(crate) by_request: HashMap<RequestId, CouponRow>,
    /// By member and occasion.
    pub(crate) by_occasion: HashMap<(BuyerId, Box<str>), CouponRow>,
    /// How many each member has had of the campaign.
    pub(crate) counts: HashMap<BuyerId, u64>,
}

/// What is to become of a wish.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Issue it.
    Issue,
    /// The same as the wish at this place of the batch, one that was before it.
    As(usize),
    /// This, without a change.
    Done(IssueOutcome),
}

/// Decides about each wish, in order.
pub(crate) fn decide(campaign: &CampaignRow, before: &Before, batch: &IssueBatch) -> Vec<Verdict> {
    let mut stock_left = campaign.campaign.stock.map(|stock| stock.saturating_sub(campaign.issued));
    let mut counts: HashMap<&BuyerId, u64> = HashMap::new();
    let mut by_request: HashMap<RequestId, usize> = HashMap::new();
    let mut by_occasion: HashMap<(&BuyerId, &str), usize> = HashMap::new();
    let mut verdicts = Vec::with_capacity(batch.wishes.len());
    for (place, wish) in batch.wishes.iter().enumerate() {
        if let Some(verdict) = repeated(before, batch, wish, &by_request, &by_occasion) {
            verdicts.push(verdict);
            continue;
        }
        let count = counts
            .entry(&wish.member)
            .or_insert_with(|| before.counts.get(&wish.member).copied().unwrap_or(0));
        if let Some(refusal) = refusal(campaign, batch.now, wish, *count, stock_left) {
            verdicts.push(Verdict::Done(refusal));
            continue;
        }
        *count += 1;
        stock_left = stock_left.map(|left| left - 1);
        by_occasion.insert((&wish.member, &wish.occasion), place);
        if let Some((request, _)) = wish.request {
            by_request.insert(request, place);
        }
        verdicts.push(Verdict::Issue);
    }
    verdicts
}

/// The answer to a wish that was granted before, or whose request id was used before.
fn repeated(
    before: &Before,
    batch: &IssueBatch,
    wish: &IssueWish,
    by_request: &HashMap<RequestId, usize>,
    by_occasion: &HashMap<(&BuyerId, &str), usize>,
) -> Option<Verdict> {
    if let Some((request, _)) = wish.request {
        if let Some(row) = before.by_request.get(&request) {
            let same =
                row.request == wish.request && row.campaign == batch.campaign && row.member == wish.member;
            return Some(Verdict::Done(if same {
                IssueOutcome::Repeated(Box::new(row.clone()))
            } else {
                IssueOutcome::RequestIdReused
            }));
        }
        if let Some(&place) = by_request.get(&request) {
            let earlier = &batch.wishes[place];
            let same = earlier.request == wish.request && earlier.member == wish.member;
            return Some(if same {
                Verdict::As(place)
            } else {
                Verdict::Done(IssueOutcome::RequestIdReused)
            });
        }
    }
    if let Some(row) = before.by_occasion.get(&(wish.member.clone(), wish.occasion.clone())) {
        return Some(Verdict::Done(IssueOutcome::Repeated(Box::new(row.clone()))));
    }
    by_occasion.get(&(&wish.member, &*wish.occasion)).map(|&place| Verdict::As(place))
}

/// Why a wish of a member who has had `count` is not granted, if so.
fn refusal(
    row: &CampaignRow,
    now: UnixMillis,
    wish: &IssueWish,
    count: u64,
    stock_left: Option<u64>,
) -> Option<IssueOutcome> {
    let campaign = &row.campaign;
    if now < campaign.opens_at {
        return Some(IssueOutcome::NotOpen { opens_at: campaign.opens_at });
    }
    // A coupon that nobody could use is not worth its place in the stock.
    if campaign.ends_at.is_some_and(|ends_at| ends_at <= now) || wish.expires_at <= now {
        return Some(IssueOutcome::Ended);
    }
    if campaign.per_member_max.is_some_and(|max| count >= u64::from(max)) {
        return Some(IssueOutcome::LimitReached);
    }
    (stock_left == Some(0)).then_some(IssueOutcome::OutOfStock)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::catalog::Fingerprint;
    use crate::coupons::NewCampaign;

    fn campaign(stock: Option<u64>, per_member_max: Option<u32>) -> CampaignRow {
        let campaign = NewCampaign {
            id: "c".into(),
            request_id: RequestId([1; 16]),
            fingerprint: Fingerprint(1),
            display_name: "C".into(),
            terms: Bytes::new(),
            stock,
            per_member_max,
            opens_at: UnixMillis(10),
            ends_at: Some(UnixMillis(20)),
            returns_on_refund: false,
            is_birthday: false,
            created_at: UnixMillis(0),
        };
        CampaignRow { campaign, issued: 0, updated_at: UnixMillis(0) }
    }

    fn wish(member: &str, occasion: &str, request: u8) -> IssueWish {
        let request = (request > 0).then_some((RequestId([request; 16]), Fingerprint(7)));
        IssueWish { member: member.into(), occasion: occasion.into(), request, expires_at: UnixMillis(99) }
    }

    fn decided(campaign: &CampaignRow, now: u64, wishes: Vec<IssueWish>) -> Vec<Verdict> {
        let batch = IssueBatch { campaign: "c".into(), wishes, now: UnixMillis(now) };
        decide(campaign, &Before::default(), &batch)
    }

    #[test]
    fn the_first_get_what_is_left() {
        let wishes = vec![wish("a", "1", 0), wish("b", "1", 0), wish("c", "1", 0)];
        let out = Verdict::Done(IssueOutcome::OutOfStock);
        assert_eq!(decided(&campaign(Some(2), None), 10, wishes), [Verdict::Issue, Verdict::Issue, out]);
    }

    #[test]
    fn nobody_gets_more_than_the_campaign_grants() {
        let wishes = vec![wish("a", "1", 0), wish("a", "2", 0), wish("b", "1", 0)];
        let limit = Verdict::Done(IssueOutcome::LimitReached);
        assert_eq!(decided(&campaign(None, Some(1)), 10, wishes), [Verdict::Issue, limit, Verdict::Issue]);
    }

    #[test]
    fn a_repetition_within_a_batch_takes_no_stock() {
        let wishes = vec![wish("a", "x", 1), wish("a", "x", 1), wish("b", "x", 1), wish("a", "x", 0)];
        let reused = Verdict::Done(IssueOutcome::RequestIdReused);
        let expected = [Verdict::Issue, Verdict::As(0), reused, Verdict::As(0)];
        assert_eq!(decided(&campaign(Some(1), Some(1)), 10, wishes), expected);
    }

    #[test]
    fn a_campaign_has_its_time() {
        for (now, expected) in [
            (9, Verdict::Done(IssueOutcome::NotOpen { opens_at: UnixMillis(10) })),
            (19, Verdict::Issue),
            (20, Verdict::Done(IssueOutcome::Ended)),
        ] {
            assert_eq!(decided(&campaign(None, None), now, vec![wish("a", "1", 0)]), [expected]);
        }
        let past = IssueWish { expires_at: UnixMillis(10), ..wish("a", "1", 0) };
        let ended = Verdict::Done(IssueOutcome::Ended);
        assert_eq!(decided(&campaign(None, None), 10, vec![past]), [ended]);
    }
}
