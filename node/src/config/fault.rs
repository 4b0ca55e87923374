//! What is wrong with a configuration, in words that name the key, where it was set, and what is accepted.

use std::fmt;

use figment::error::{Actual, Kind};

/// Everything that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Each fault; at least one.
    pub faults: Vec<ConfigFault>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    /// `section.key`; empty when it is the file as a whole.
    pub key: String,
    /// What is wrong, and what is accepted.
    pub message: String,
    /// Where the value was set; empty for a default.
    pub origin: String,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(formatter, "{}: ", self.key)?;
        }
        formatter.write_str(&self.message)?;
        if !self.origin.is_empty() {
            write!(formatter, " (set in {})", self.origin)?;
        }
        Ok(())
    }
}

/// What an error of the deserialiser says about the key that it names.
pub(super) fn describe(kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("{} is not {}", in_words(found), accepted(expected))
        }
        Kind::UnknownVariant(found, accepted) => format!("{found:?} is not one of {}", accepted.join(", ")),
        other => other.to_string(),
    }
}

fn in_words(found: &Actual) -> String {
    match found {
        Actual::Bool(value) => value.to_string(),
        Actual::Unsigned(value) => value.to_string(),
        Actual::Signed(value) => value.to_string(),
        Actual::Float(value) => value.to_string(),
        Actual::Str(value) => format!("{value:?}"),
        Actual::Seq => "a list".into(),
        Actual::Map => "a table".into(),
        other => other.to_string(),
    }
}

/// Types in words for those who do not read Rust.
fn accepted(expected: &str) -> &str {
    match expected {
        "usize" | "u64" | "u32" => "a whole number",
        "a boolean" | "bool" => "true or false",
        "path string" => "the path of a file",
        section if section.starts_with("struct ") => "a section with its keys",
        other => other,
    }
}

/// What to say about a key that does not exist: the nearest that does, or all.
pub(super) fn unknown_key(name: &str, known: &[&str]) -> String {
    // At 0.8 a slip or two in a word still match, and other words do not.
    const SIMILAR_ENOUGH: f64 = 0.8;
    let similarity = |known: &&str| strsim::jaro_winkler(name, known);
    let nearest = known.iter().copied().max_by(|left, right| similarity(left).total_cmp(&similarity(right)));
    match nearest {
        Some(nearest) if similarity(&nearest) >= SIMILAR_ENOUGH => {
            format!("no such key; did you mean {nearest:?}?")
        }
        _ => format!("no such key; accepted are {}", known.join(", ")),
    }
}
