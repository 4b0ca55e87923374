//! Names as people write them and as the API has them: `swan-lake` and `performances/swan-lake`.

const NODES: &str = "nodes/";
const PERFORMANCES: &str = "performances/";

/// A node's name for the API.
pub(crate) fn node(text: &str) -> Result<String, String> {
    resource(NODES, text)
}

/// A performance's name for the API.
pub(crate) fn performance(text: &str) -> Result<String, String> {
    resource(PERFORMANCES, text)
}

/// A name of the API as people have it. What is not of this form stays as it is.
pub(crate) fn short(name: &str) -> String {
    let name = name.strip_prefix(NODES).or_else(|| name.strip_prefix(PERFORMANCES)).unwrap_or(name);
    name.to_owned()
}

/// What an id may consist of is the node's to say.
fn resource(collection: &str, text: &str) -> Result<String, String> {
    let id = text.strip_prefix(collection).unwrap_or(text);
    if id.is_empty() || id.contains('/') {
        return Err(format!("a name such as {collection}x is accepted, or x alone"));
    }
    Ok(format!("{collection}{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_understood() {
        for text in ["a", "nodes/a"] {
            assert_eq!(node(text).expect("a name"), "nodes/a");
        }
        assert_eq!(performance("performances/a").expect("a name"), "performances/a");
        for text in ["", "nodes/", "performances/a", "a/b"] {
            assert!(node(text).is_err(), "{text}");
        }
        assert_eq!(["nodes/a", "performances/b", "c", ""].map(short), ["a", "b", "c", ""]);
    }
}
