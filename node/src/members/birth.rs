//! Birth dates between text and the store.

use earlybird_persistence::{BirthDate, MonthDay};
use jiff::civil::Date;

/// Before it nobody was born who buys a ticket.
const YEAR_MIN: i16 = 1_900;

/// Reads a date such as `2004-02-29`.
///
/// # Errors
/// What is wrong with it: its form, a day that its month does not have, or a year that cannot be.
pub fn parse_birth_date(text: &str, today: Date) -> Result<BirthDate, String> {
    let form = || "must be a date such as 2004-02-29".to_owned();
    let bytes = text.as_bytes();
    // The parser takes more forms than this one, and what an import means by them is a guess.
    let is_formed = bytes.len() == 10
        && bytes.iter().enumerate().all(|(place, byte)| match place {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !is_formed {
        return Err(form());
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<i16>().map_err(|_| form());
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    if !(YEAR_MIN..=today.year()).contains(&year) {
        return Err(format!("the year must be {YEAR_MIN} to {}", today.year()));
    }
    let small = |number: i16| i8::try_from(number).unwrap_or(i8::MAX);
    let date = Date::new(year, small(month), small(day)).map_err(|_| format!("there is no {text}"))?;
    if date > today {
        return Err("is in the future".to_owned());
    }
    let day = MonthDay { month: date.month().unsigned_abs(), day: date.day().unsigned_abs() };
    Ok(BirthDate { year: year.unsigned_abs(), day })
}

/// The date as text.
#[must_use]
pub fn show_birth_date(birth: BirthDate) -> String {
    format!("{:04}-{:02}-{:02}", birth.year, birth.day.month, birth.day.day)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn dates_that_there_are_read_back() {
        for text in ["2004-02-29", "1900-01-01", "2026-11-22", "1999-12-31"] {
            let read = parse_birth_date(text, date(2026, 11, 22)).map(show_birth_date);
            assert_eq!(read.as_deref(), Ok(text));
        }
    }

    #[test]
    fn dates_that_there_are_not_are_named() {
        let form = "must be a date such as 2004-02-29";
        let years = "the year must be 1900 to 2026";
        for (text, expected) in [
            ("2004-02-30", "there is no 2004-02-30"),
            ("2005-02-29", "there is no 2005-02-29"),
            ("1900-02-29", "there is no 1900-02-29"),
            ("2004-13-01", "there is no 2004-13-01"),
            ("2004-00-10", "there is no 2004-00-10"),
            ("2026-11-23", "is in the future"),
            ("1899-12-31", years),
            ("9999-01-01", years),
            ("", form),
            ("2004-2-29", form),
            ("20040229", form),
            ("29-02-2004", form),
            ("2004-02-29 ", form),
            ("2004−02−29", form),
            ("+004-02-29", form),
        ] {
            assert_eq!(parse_birth_date(text, date(2026, 11, 22)), Err(expected.to_owned()), "{text:?}");
        }
    }
}
