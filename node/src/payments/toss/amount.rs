//! Amounts: minor units with us, units of the currency with the provider (10.50 dollars are 1,050 with us).

use iso_currency::Currency;
use serde_json::Number;

/// Beyond it a floating-point number does not tell two neighbours apart.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Ten to the power of the currency's decimals; none for a currency that is not known.
fn minor_per_unit(currency: &str) -> Option<i64> {
    10_i64.checked_pow(Currency::from_code(currency)?.exponent().unwrap_or(0).into())
}

/// The provider's amount in minor units; none when it is not a whole number of them, or too large.
pub(super) fn to_minor(amount: &Number, currency: &str) -> Option<i64> {
    let factor = minor_per_unit(currency)?;
    if let Some(units) = amount.as_i64() {
        return units.checked_mul(factor);
    }
    let minor = amount.as_f64()? * factor as f64;
    let whole = minor.round();
    // Decimal fractions such as 0.1 have no exact binary form; a tenth of a minor unit is far beyond that error.
    ((minor - whole).abs() < 0.1 && whole.abs() < EXACT_MAX).then_some(whole as i64)
}

/// Minor units in the provider's form; none for a currency that is not known, or too large an amount for its form.
pub(super) fn from_minor(minor: i64, currency: &str) -> Option<Number> {
    let factor = minor_per_unit(currency)?;
    if minor % factor == 0 {
        return Some(Number::from(minor / factor));
    }
    let exact = (minor.unsigned_abs() as f64) < EXACT_MAX;
    exact.then(|| Number::from_f64(minor as f64 / factor as f64)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).expect("a number")
    }

    #[test]
    fn amounts_keep_their_value_both_ways() {
        for (currency, minor, text) in [
            ("KRW", 0, "0"),
            ("KRW", 150_000, "150000"),
            ("KRW", i64::MAX, "9223372036854775807"),
            ("USD", 1_050, "10.5"),
            ("USD", 29, "0.29"),
            ("USD", 1_000, "10"),
            ("USD", 12_345_678_901, "123456789.01"),
            ("KWD", 1_005, "1.005"),
        ] {
            assert_eq!(from_minor(minor, currency), Some(number(text)), "{currency} {text}");
            assert_eq!(to_minor(&number(text), currency), Some(minor), "{currency} {text}");
        }
    }

    #[test]
    fn what_is_no_whole_number_of_minor_units_is_refused() {
        for (currency, text) in [
            ("KRW", "10.5"),
            ("USD", "10.005"),
            ("USD", "9223372036854775807"),
            ("KRW", "1e300"),
            ("XYZ", "1"),
        ] {
            assert_eq!(to_minor(&number(text), currency), None, "{currency} {text}");
        }
        assert_eq!(to_minor(&number("10000.0"), "KRW"), Some(10_000));
    }
}
