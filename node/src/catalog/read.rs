//! From bytes to a plan: everything that can be wrong with the document itself.

use serde_json::error::Category as Fault;

use super::plan::Plan;

/// Longest seating plan in bytes.
pub const PLAN_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Deepest nesting of arrays and objects. A plan needs seven levels; extensions get some room.
const NESTING_LEVELS_MAX: usize = 64;

/// What is wrong with a seating plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct PlanError {
    /// Where, such as `zones[2].rows[0].seats[5].category`; empty when it is the document as a whole.
    pub path: String,
    /// What.
    pub message: String,
}

impl PlanError {
    /// `message` about the field at `path`.
    pub(super) fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }

    /// `message` about the document as a whole.
    fn document(message: impl Into<String>) -> Self {
        Self::at("", message)
    }
}

/// Parses `json`. Its size is checked before anything else, so that no document costs more than it may.
pub(super) fn read_plan(json: &[u8]) -> Result<Plan, PlanError> {
    if json.len() > PLAN_BYTES_MAX {
        return Err(PlanError::document(format!(
            "the seating plan has {} bytes; at most {PLAN_BYTES_MAX} (32 MiB) are accepted",
            json.len()
        )));
    }
    if json.iter().all(u8::is_ascii_whitespace) {
        return Err(PlanError::document("the seating plan is empty; a JSON object is expected"));
    }
    check_nesting(json)?;
    let mut document = serde_json::Deserializer::from_slice(json);
    let plan: Plan = serde_path_to_error::deserialize(&mut document).map_err(plan_error)?;
    document.end().map_err(|error| PlanError::document(format!("not JSON: {error}")))?;
    Ok(plan)
}

/// Refuses deep nesting wherever it is: the parser would name it only in fields that it reads.
fn check_nesting(json: &[u8]) -> Result<(), PlanError> {
    let (mut level, mut in_string, mut escaped) = (0_usize, false, false);
    for (offset, byte) in json.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => level += 1,
            b']' | b'}' => level = level.saturating_sub(1),
            _ => {}
        }
        if level > NESTING_LEVELS_MAX {
            return Err(PlanError::document(format!(
                "nested deeper than {NESTING_LEVELS_MAX} levels at byte {offset}"
            )));
        }
    }
    Ok(())
}

/// The parser's error with the path of the field.
fn plan_error(error: serde_path_to_error::Error<serde_json::Error>) -> PlanError {
    let path = error.path().to_string();
    let inner = error.into_inner();
    match inner.classify() {
        Fault::Syntax | Fault::Eof | Fault::Io => PlanError::document(format!("not JSON: {inner}")),
        Fault::Data if path == "." => PlanError::document(inner.to_string()),
        Fault::Data => PlanError::at(path, inner.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: &str) {
        assert_eq!(read_plan(json.as_bytes()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_document_that_is_not_json_names_line_and_column() {
        check("seats!", "not JSON: expected value at line 1 column 1");
        check("{\n\"name\": \"x\",,}", "not JSON: key must be a string at line 2 column 13");
        check("{\"name\": \"x\"", "not JSON: EOF while parsing an object at line 1 column 12");
        check("  \n", "the seating plan is empty; a JSON object is expected");
    }

    #[test]
    fn a_field_of_the_wrong_type_is_named_by_its_path() {
        check(
            r#"{"name":"x","categories":[],"zones":[{"name":"z","position":{"x":0,"y":"0"},"rows":[]}]}"#,
            "zones[0].position.y: invalid type: string \"0\", expected f64 at line 1 column 74",
        );
        check(
            r#"{"name":"x","categories":[{}],"zones":[]}"#,
            "categories[0]: missing field `name` at line 1 column 28",
        );
        check(r#"{"name":"x","categories":[]}"#, "missing field `zones` at line 1 column 28");
    }

    #[test]
    fn deep_nesting_is_refused_wherever_it_is() {
        let deep = "[".repeat(100_000);
        check(&deep, "nested deeper than 64 levels at byte 64");
        let ignored = format!(r#"{{"unknown":{deep}"#);
        check(&ignored, "nested deeper than 64 levels at byte 74");
        check(
            r#"{"name":"[[[[[[[[[[\"[","zones":1}"#,
            "zones: invalid type: integer `1`, expected a sequence at line 1 column 33",
        );
    }

    #[test]
    fn a_document_that_is_too_long_is_refused_before_it_is_parsed() {
        let long = vec![b'['; PLAN_BYTES_MAX + 1];
        let error = read_plan(&long).unwrap_err();
        assert_eq!(
            error.message,
            "the seating plan has 33554433 bytes; at most 33554432 (32 MiB) are accepted"
        );
    }
}
