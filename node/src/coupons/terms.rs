//! What a coupon is good for, and what it takes off a price.

use earlybird_persistence::UnixMillis;
use serde::{Deserialize, Serialize};

use super::CouponError;

/// Milliseconds of a day of 24 hours.
const DAY_MS: u64 = 86_400_000;
/// Hundredths of a percent in a whole.
const BASIS_POINTS: i128 = 10_000;

/// The terms of a campaign. They never change, so a coupon is worth tomorrow what it was worth when it was issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What is taken off.
    pub discount: Discount,
    /// ISO 4217 code of all amounts; none is any, and then there are no amounts.
    pub currency: Option<Box<str>>,
    /// The most that is taken off, in minor units.
    pub discount_max_minor: Option<i64>,
    /// What the seats that the coupon is good for have to cost together, in minor units.
    pub spend_min_minor: i64,
    /// First moment at which coupons may be used, in milliseconds since 1970.
    pub valid_from: Option<u64>,
    /// How long they may be used.
    pub validity: Validity,
    /// Names of the categories that they are good for; empty for all.
    pub categories: Vec<Box<str>>,
    /// The `{performance}`s that they are good for; empty for all.
    pub performances: Vec<Box<str>>,
}

/// What is taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discount {
    /// A share, in hundredths of a percent.
    Percent {
        /// 1 to 10,000.
        basis_points: u32,
    },
    /// An amount.
    Fixed {
        /// In minor units; 1 or more.
        amount_minor: i64,
    },
}

/// How long coupons may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// Until just before this moment, in milliseconds since 1970.
    Until(u64),
    /// So many days after the issue.
    Days(u32),
}

/// What is to be paid for seats of one category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Name of the category.
    pub category: &'a str,
    /// What its seats cost together, in minor units.
    pub amount_minor: i64,
}

/// What is to be paid without a coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill<'a> {
    /// The `{performance}`.
    pub performance: &'a str,
    /// ISO 4217 code of the amounts.
    pub currency: &'a str,
    /// By category.
    pub lines: Vec<Line<'a>>,
}

impl Terms {
    /// First moment at which a coupon that is issued now may not be used any more.
    #[must_use]
    pub fn expires_at(&self, issued_at: UnixMillis) -> UnixMillis {
        match self.validity {
            Validity::Until(until) => UnixMillis(until),
            Validity::Days(days) => UnixMillis(issued_at.0.saturating_add(u64::from(days) * DAY_MS)),
        }
    }

    /// What a coupon takes off a bill, in minor units: more than nothing, and not more than the seats cost that it is good
    /// for.
    ///
    /// # Errors
    /// [`CouponError::NotApplicable`], [`CouponError::MinimumSpend`], [`CouponError::AmountOverflow`].
    pub fn discount_minor(&self, bill: &Bill<'_>) -> Result<i64, CouponError> {
        let is_named =
            |names: &[Box<str>], name: &str| names.is_empty() || names.iter().any(|named| &**named == name);
        if !is_named(&self.performances, bill.performance) {
            return Err(CouponError::NotApplicable("the coupon is not for this performance"));
        }
        if self.currency.as_deref().is_some_and(|currency| currency != bill.currency) {
            return Err(CouponError::NotApplicable("the coupon is for another currency"));
        }
        let lines = bill.lines.iter().filter(|line| is_named(&self.categories, line.category));
        let mut amounts = lines.map(|line| line.amount_minor);
        let spent_minor = amounts.try_fold(0_i64, i64::checked_add).ok_or(CouponError::AmountOverflow)?;
        if spent_minor <= 0 {
            return Err(CouponError::NotApplicable(
                "none of the seats is of a category that the coupon is for",
            ));
        }
        if spent_minor < self.spend_min_minor {
            return Err(CouponError::MinimumSpend {
                minimum_minor: self.spend_min_minor,
                currency: bill.currency.into(),
            });
        }
        let off_minor = match self.discount {
            Discount::Fixed { amount_minor } => amount_minor,
            // In 128 bits, where no product of the two overflows. Cut off, as the campaign promises at most the share.
            Discount::Percent { basis_points } => {
                let share = i128::from(spent_minor) * i128::from(basis_points) / BASIS_POINTS;
                i64::try_from(share).unwrap_or(i64::MAX)
            }
        };
        let off_minor = off_minor.min(self.discount_max_minor.unwrap_or(i64::MAX)).min(spent_minor);
        if off_minor <= 0 {
            return Err(CouponError::NotApplicable("the coupon takes nothing off so small a price"));
        }
        Ok(off_minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(discount: Discount) -> Terms {
        Terms {
            discount,
            currency: Some("KRW".into()),
            discount_max_minor: None,
            spend_min_minor: 0,
            valid_from: None,
            validity: Validity::Days(30),
            categories: Vec::new(),
            performances: Vec::new(),
        }
    }

    fn percent(basis_points: u32) -> Terms {
        terms(Discount::Percent { basis_points })
    }

    #[track_caller]
    fn check(terms: &Terms, amounts: &[(&str, i64)], expected: Result<i64, &str>) {
        let lines = amounts.iter().map(|&(category, amount_minor)| Line { category, amount_minor }).collect();
        let bill = Bill { performance: "carmen", currency: "KRW", lines };
        let said = terms.discount_minor(&bill).map_err(|error| error.reason().as_str());
        assert_eq!(said, expected, "{terms:?}");
    }

    #[test]
    fn a_share_is_cut_off_and_bounded() {
        check(&percent(1_000), &[("A", 12_000)], Ok(1_200));
        check(&percent(333), &[("A", 100)], Ok(3));
        check(&percent(10_000), &[("A", 12_000)], Ok(12_000));
        check(&Terms { discount_max_minor: Some(500), ..percent(1_000) }, &[("A", 12_000)], Ok(500));
        check(&percent(1), &[("A", 9_999)], Err("COUPON_NOT_APPLICABLE"));
    }

    #[test]
    fn an_amount_is_at_most_the_price() {
        let fixed = terms(Discount::Fixed { amount_minor: 5_000 });
        check(&fixed, &[("A", 12_000)], Ok(5_000));
        check(&fixed, &[("A", 3_000), ("B", 1_000)], Ok(4_000));
    }

    #[test]
    fn seats_of_other_categories_do_not_count() {
        let of_a = Terms { categories: vec!["A".into()], spend_min_minor: 10_000, ..percent(5_000) };
        check(&of_a, &[("A", 10_000), ("B", 90_000)], Ok(5_000));
        check(&of_a, &[("A", 9_999), ("B", 90_000)], Err("MINIMUM_SPEND"));
        check(&of_a, &[("B", 90_000)], Err("COUPON_NOT_APPLICABLE"));
        check(&of_a, &[], Err("COUPON_NOT_APPLICABLE"));
    }

    #[test]
    fn performances_and_currencies_have_to_fit() {
        let elsewhere = Terms { performances: vec!["tosca".into()], ..percent(1_000) };
        check(&elsewhere, &[("A", 1_000)], Err("COUPON_NOT_APPLICABLE"));
        let here = Terms { performances: vec!["tosca".into(), "carmen".into()], ..percent(1_000) };
        check(&here, &[("A", 1_000)], Ok(100));
        check(
            &Terms { currency: Some("USD".into()), ..here.clone() },
            &[("A", 1_000)],
            Err("COUPON_NOT_APPLICABLE"),
        );
        check(&Terms { currency: None, ..here }, &[("A", 1_000)], Ok(100));
    }

    #[test]
    fn no_sum_and_no_product_overflows() {
        check(&percent(10_000), &[("A", i64::MAX)], Ok(i64::MAX));
        check(&percent(1), &[("A", i64::MAX), ("B", 1)], Err("AMOUNT_OVERFLOW"));
        check(&percent(1), &[("A", -5)], Err("COUPON_NOT_APPLICABLE"));
    }

    #[test]
    fn dates_count_from_the_issue_or_are_fixed() {
        assert_eq!(percent(1).expires_at(UnixMillis(5)), UnixMillis(5 + 30 * DAY_MS));
        let until = Terms { validity: Validity::Until(77), ..percent(1) };
        assert_eq!(until.expires_at(UnixMillis(5)), UnixMillis(77));
    }
}
