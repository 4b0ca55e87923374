//! The form of every field of a request. What a field means for a performance is the engine's business.

use earlybird_engine::{BuyerId, Grade, RefundBy, RequestId, SeatIndex, Seats};
use earlybird_persistence::RefundAccount;
use earlybird_proto::v1;
use uuid::Uuid;

use super::status::{Problem, Reason};

/// Longest `buyer_id`, in bytes.
const BUYER_BYTES_MAX: usize = 64;
/// Longest member grade, in bytes.
const GRADE_BYTES_MAX: usize = 32;
/// Longest `payment_key`, in characters.
const PAYMENT_KEY_CHARS_MAX: usize = 200;
/// What stands in the place of a payment's key in the provider's addresses, and is none.
const PAYMENT_KEYS_RESERVED: [&str; 4] = [".", "..", "confirm", "orders"];
/// Longest `reason` of a refund or of a cancellation, in characters.
const REASON_CHARS_MAX: usize = 200;
/// Longest code of a bank, in characters.
const BANK_CODE_CHARS_MAX: usize = 20;
/// Longest number of an account, in digits.
const ACCOUNT_DIGITS_MAX: usize = 20;
/// Longest name of an account's holder, in characters.
const HOLDER_CHARS_MAX: usize = 60;
/// Length of a UUID with its hyphens.
const UUID_BYTES: usize = 36;
/// Most seats that a hold or a refund names. Above any `seats_per_hold_max`, so that the limit is what a caller hears
/// of first; it only bounds the work on a hostile request.
pub const SEATS_NAMED_MAX: usize = 1_000;
/// Most seats that an operator blocks or unblocks at once.
pub const SEATS_BLOCKED_MAX: usize = 10_000;
/// Items of a page when the caller does not say.
pub const PAGE_SIZE_DEFAULT: usize = 50;
/// Most items of a page.
pub const PAGE_SIZE_MAX: usize = 1_000;

/// Who buys. The text is moved, not copied.
///
/// # Errors
/// `INVALID_FIELD` when it is empty, too long, or has control characters.
pub fn buyer(text: String) -> Result<BuyerId, Problem> {
    buyer_form(&text).map_err(|what| Problem::field("buyer_id", what))?;
    Ok(BuyerId(text.into_boxed_str()))
}

/// A member, who is a buyer by another name.
///
/// # Errors
/// `INVALID_FIELD` as for [`buyer`].
pub fn member(text: String) -> Result<earlybird_persistence::BuyerId, Problem> {
    buyer_form(&text).map_err(|what| Problem::field("member_id", what))?;
    Ok(text.into())
}

/// Whether a text can be a buyer.
///
/// # Errors
/// What is wrong with it.
pub fn buyer_form(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("required".to_owned());
    }
    if text.len() > BUYER_BYTES_MAX {
        return Err(format!("must have at most {BUYER_BYTES_MAX} bytes"));
    }
    if has_control_characters(text) {
        return Err("must not have control characters".to_owned());
    }
    Ok(())
}

/// A member grade; an empty one is none. Grades are compared in lower case.
///
/// # Errors
/// `INVALID_FIELD` when it is too long or has control characters.
pub fn grade(mut text: String) -> Result<Option<Grade>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    grade_form(&text).map_err(|what| Problem::field("grade", what))?;
    text.make_ascii_lowercase();
    Ok(Some(Grade(text.into_boxed_str())))
}

/// Whether a text can be a grade.
///
/// # Errors
/// What is wrong with it.
pub fn grade_form(text: &str) -> Result<(), String> {
    if text.len() > GRADE_BYTES_MAX {
        return Err(format!("must have at most {GRADE_BYTES_MAX} bytes"));
    }
    if has_control_characters(text) {
        return Err("must not have control characters".to_owned());
    }
    Ok(())
}

/// The key that makes a retry harmless: a UUID in its form with hyphens, any case, not all zeros.
///
/// # Errors
/// `INVALID_FIELD` otherwise.
pub fn request_id(text: &str) -> Result<RequestId, Problem> {
    // The length tells the form with hyphens from the others, which the parser would take as well.
    match Uuid::try_parse(text) {
        Ok(id) if text.len() == UUID_BYTES && !id.is_nil() => Ok(RequestId(*id.as_bytes())),
        Ok(id) if id.is_nil() => Err(Problem::field("request_id", "must not be the zero UUID")),
        _ if text.is_empty() => {
            Err(Problem::field("request_id", "required: a UUID, a new one for each request"))
        }
        _ => Err(Problem::field("request_id", "must be a UUID such as 6f1c2a34-58d7-4b0e-9a3c-2f6d1e0b7c55")),
    }
}

/// Seats, as many as `max` at most.
///
/// # Errors
/// `INVALID_SEATS` when they are more.
pub fn seats(named: &[u32], max: usize) -> Result<Seats, Problem> {
    if named.len() > max {
        let what = format!("{} seats are too many for one request: at most {max}", named.len());
        return Err(Problem::new(Reason::InvalidSeats, "").with_field("seats", what));
    }
    Ok(named.iter().copied().map(SeatIndex).collect())
}

/// An amount in minor units.
///
/// # Errors
/// `INVALID_FIELD` when it is negative.
pub fn amount_minor(amount: i64) -> Result<i64, Problem> {
    if amount < 0 {
        return Err(Problem::field("amount_minor", "must be 0 or more"));
    }
    Ok(amount)
}

/// The payment provider's key.
///
/// # Errors
/// `INVALID_FIELD` when it is empty, too long, has other characters than keys have, or is a part of the provider's addresses.
pub fn payment_key(text: String) -> Result<Box<str>, Problem> {
    let field = "payment_key";
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"_.=-".contains(&byte);
    if !(1..=PAYMENT_KEY_CHARS_MAX).contains(&text.len()) || !text.bytes().all(is_fit) {
        let what =
            format!("must have 1 to {PAYMENT_KEY_CHARS_MAX} ASCII letters, digits, `_`, `.`, `=` and `-`");
        return Err(Problem::field(field, what));
    }
    // The key goes into the address that the provider is asked at.
    if PAYMENT_KEYS_RESERVED.contains(&text.as_str()) {
        return Err(Problem::field(field, "is no key of a payment"));
    }
    Ok(text.into_boxed_str())
}

/// Who asks for a refund: a buyer, or an administrator, who alone may name a fee.
///
/// # Errors
/// `INVALID_FIELD` when the buyer has no valid name, a buyer names a fee, or the fee is negative.
pub fn refund_by(buyer_id: String, fee_minor: Option<i64>) -> Result<RefundBy, Problem> {
    match (buyer_id.as_str(), fee_minor) {
        ("", Some(fee_minor)) if fee_minor < 0 => Err(Problem::field("fee_minor", "must be 0 or more")),
        ("", fee_minor) => Ok(RefundBy::Admin { fee_minor: fee_minor.unwrap_or(0) }),
        (_, Some(_)) => {
            Err(Problem::field("fee_minor", "is for administrators; leave it out with a buyer_id"))
        }
        (_, None) => buyer(buyer_id).map(RefundBy::Buyer),
    }
}

/// Why something is asked for.
///
/// # Errors
/// `INVALID_FIELD` when it is too long, or has control characters.
pub fn reason(text: &str) -> Result<(), Problem> {
    if text.len() > REASON_CHARS_MAX * 4 || text.chars().count() > REASON_CHARS_MAX {
        return Err(Problem::field("reason", format!("must have at most {REASON_CHARS_MAX} characters")));
    }
    if has_control_characters(text) {
        return Err(Problem::field("reason", "must not have control characters"));
    }
    Ok(())
}

/// The account that a refund goes to.
///
/// # Errors
/// `INVALID_FIELD` naming the part of it that cannot be.
pub fn refund_account(wire: v1::RefundAccount) -> Result<RefundAccount, Problem> {
    let v1::RefundAccount { bank_code, account_number, holder_name } = wire;
    let is_code = bank_code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_code || !(1..=BANK_CODE_CHARS_MAX).contains(&bank_code.len()) {
        let what = format!("must have 1 to {BANK_CODE_CHARS_MAX} ASCII letters and digits");
        return Err(Problem::field("refund_account.bank_code", what));
    }
    let is_number = account_number.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || !(1..=ACCOUNT_DIGITS_MAX).contains(&account_number.len()) {
        let what = format!("must have 1 to {ACCOUNT_DIGITS_MAX} digits, and nothing between them");
        return Err(Problem::field("refund_account.account_number", what));
    }
    let is_short =
        holder_name.len() <= HOLDER_CHARS_MAX * 4 && holder_name.chars().count() <= HOLDER_CHARS_MAX;
    if holder_name.trim().is_empty() || !is_short || has_control_characters(&holder_name) {
        let what = format!("must have 1 to {HOLDER_CHARS_MAX} characters, none of them a control character");
        return Err(Problem::field("refund_account.holder_name", what));
    }
    Ok(RefundAccount {
        bank_code: bank_code.into(),
        account_number: account_number.into(),
        holder_name: holder_name.into(),
    })
}

/// The number of items of a page: the default for 0, and never more than the most.
///
/// # Errors
/// `INVALID_FIELD` when it is negative.
pub fn page_size(asked_for: i32) -> Result<usize, Problem> {
    match usize::try_from(asked_for) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT),
        Ok(size) => Ok(size.min(PAGE_SIZE_MAX)),
        Err(_) => Err(Problem::field("page_size", "must be 0 or more")),
    }
}

fn has_control_characters(text: &str) -> bool {
    // ASCII first: it is nearly every text, and one pass over bytes.
    text.bytes().any(|byte| byte.is_ascii_control())
        || (!text.is_ascii() && text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buyers() {
        for good in ["a", "buyer-1", "구매자", "a b", &"x".repeat(64)] {
            assert_eq!(buyer(good.to_owned()).map(|buyer| buyer.0).ok().as_deref(), Some(good));
        }
        for bad in ["", "a\n", "\0", "\u{85}", "a\u{7f}", &"x".repeat(65), &"é".repeat(33)] {
            assert!(buyer(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn grades_are_lower_case() {
        assert_eq!(grade(String::new()).ok(), Some(None));
        assert_eq!(grade("VIP".to_owned()).ok(), Some(Some(Grade("vip".into()))));
        assert!(grade("x".repeat(33)).is_err());
        assert!(grade("v\tip".to_owned()).is_err());
    }

    #[test]
    fn request_ids() {
        let id = Uuid::from_u128(0x6f1c_2a34_58d7_4b0e_9a3c_2f6d_1e0b_7c55);
        let text = id.hyphenated().to_string();
        assert_eq!(request_id(&text).ok(), Some(RequestId(*id.as_bytes())));
        assert_eq!(request_id(&text.to_uppercase()).ok(), Some(RequestId(*id.as_bytes())));
        for bad in [
            "",
            "x",
            &id.simple().to_string(),
            &id.urn().to_string(),
            &id.braced().to_string(),
            &Uuid::nil().to_string(),
            &text[1..],
            &format!("{text} "),
        ] {
            assert!(request_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn refund_accounts() {
        let account = |bank_code: &str, account_number: &str, holder_name: &str| {
            let (bank_code, account_number) = (bank_code.to_owned(), account_number.to_owned());
            v1::RefundAccount { bank_code, account_number, holder_name: holder_name.to_owned() }
        };
        let kept = refund_account(account("20", "00123456789", "김토스")).expect("it is fit");
        assert_eq!(&*kept.account_number, "00123456789");
        for (field, bad) in [
            ("bank_code", account("", "1", "Ann")),
            ("bank_code", account("우리", "1", "Ann")),
            ("bank_code", account(&"2".repeat(21), "1", "Ann")),
            ("account_number", account("20", "", "Ann")),
            ("account_number", account("20", "123-45", "Ann")),
            ("account_number", account("20", &"1".repeat(21), "Ann")),
            ("holder_name", account("20", "1", " ")),
            ("holder_name", account("20", "1", "A\nnn")),
            ("holder_name", account("20", "1", &"열".repeat(61))),
        ] {
            let problem = refund_account(bad).expect_err("it is not fit");
            assert!(format!("{problem:?}").contains(&format!("refund_account.{field}")), "{problem:?}");
        }
    }

    #[test]
    fn payment_keys() {
        for good in
            ["k", "tviva20240213121757MvuS8", "sim.done-REJECT_CARD_PAYMENT.1", "a=b_c", &"k".repeat(200)]
        {
            assert_eq!(payment_key(good.to_owned()).ok().as_deref(), Some(good));
        }
        for bad in
            ["", "k\n", "a/b", "a b", "a?b", "a%2Fb", "열", ".", "..", "confirm", "orders", &"k".repeat(201)]
        {
            assert!(payment_key(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn bounds() {
        assert!(seats(&vec![1; SEATS_NAMED_MAX], SEATS_NAMED_MAX).is_ok());
        assert!(seats(&vec![1; SEATS_NAMED_MAX + 1], SEATS_NAMED_MAX).is_err());
        assert!(amount_minor(0).is_ok() && amount_minor(i64::MAX).is_ok() && amount_minor(-1).is_err());
        assert!(reason("").is_ok() && reason(&"r".repeat(201)).is_err());
        assert_eq!([0, 1, 1_000, i32::MAX].map(|size| page_size(size).ok()), [50, 1, 1_000, 1_000].map(Some));
        assert!(page_size(-1).is_err());
    }
}
