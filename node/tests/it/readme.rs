//! The commands of the README do what it says, one after the other, as a reader would type them.
//!
//! ```text
//!  README ──bash, with a `grpcurl` that writes down how it is called──► calls ──JSON by the API's description──► node
//! ```

use std::path::Path;

use earlybird_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use tokio::process::Command;
use tonic::Code;

use crate::support::{Options, Server, provider};

/// What stands before the commands: programs that only write down how they are called, or do nothing at all. A call is
/// written at once, since those in the background write at the same time.
const PRELUDE: &str = r#"
set -eu
grpcurl() { local call; printf -v call '%s\x1f' "$@"; printf '%s\x1e' "$call" >> "$CALLS"; }
cargo() { :; }; earlybird() { :; }; make() { :; }
"#;
/// A part of each call that the page says is turned down, and how.
const REFUSED: [(&str, Code); 1] = [(r#""buyer_id":"bob","seats":[10],"request_id""#, Code::Aborted)];
/// Calls that end when the caller goes.
const ENDLESS: [&str; 1] = ["earlybird.v1.Waitlist/WatchOffers"];

#[tokio::test]
async fn the_commands_of_the_readme_work() {
    let provider = provider(1.0).await;
    let server = Server::start_with(Options::default().paying_through(&provider)).await;
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the API's description");
    let calls = calls().await;
    assert!(calls.len() > 20, "{} calls", calls.len());
    for (method, json) in calls {
        let (service, name) = method.split_once('/').expect("a service and a method");
        let described = pool.get_service_by_name(service).expect("a service of the API");
        let described = described.methods().find(|found| found.name() == name).expect("a method of it");
        let mut json_of = serde_json::Deserializer::from_str(&json);
        let message = DynamicMessage::deserialize(described.input(), &mut json_of);
        let message = message.unwrap_or_else(|error| panic!("{method} {json}: {error}"));
        let called = server.call(&method, &message.encode_to_vec(), None).await;
        let expected = REFUSED.iter().find(|(part, _)| json.contains(part)).map(|(_, code)| *code);
        if ENDLESS.contains(&method.as_str()) {
            assert_eq!(called.refusal(), expected, "{method} {json}");
        } else {
            assert_eq!(called.messages().await.err(), expected, "{method} {json}");
        }
    }
}

/// The calls that the page makes, in their order: method and message.
async fn calls() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("README.md")).expect("the page");
    let blocks = page.split("```").skip(1).step_by(2).filter(|block| block.contains("grpcurl -d"));
    let script: String = [PRELUDE].into_iter().chain(blocks).chain(["\nwait\n"]).collect();
    let file = tempfile::NamedTempFile::new().expect("a file");
    let shell =
        Command::new("bash").args(["-c", &script]).current_dir(root).env("CALLS", file.path()).output();
    let output = shell.await.expect("bash");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written = std::fs::read_to_string(file.path()).expect("what was written down");
    let call = |call: &str| {
        let arguments: Vec<&str> = call.split_terminator('\x1f').collect();
        match arguments[..] {
            ["-d", json, "-plaintext", _, method] => (method.to_owned(), json.to_owned()),
            _ => panic!("another form of call: {arguments:?}"),
        }
    };
    written.split_terminator('\x1e').map(call).collect()
}
