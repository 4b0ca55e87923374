//! The program as it is run: its flags and its exit codes.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

/// Nobody listens on this port.
const NOBODY: [&str; 4] = ["--endpoint", "http://127.0.0.1:1", "--timeout", "5s"];

const DONE: i32 = 0;
const USAGE: i32 = 2;
const UNREACHABLE: i32 = 3;

/// Runs the program without a terminal.
fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earlybirdctl"));
    for name in ["ENDPOINT", "TOKEN_FILE", "CA_FILE", "CERT_FILE", "KEY_FILE"] {
        command.env_remove(format!("EARLYBIRD_{name}"));
    }
    command.args(arguments).stdin(Stdio::null()).output().expect("the program starts")
}

/// Runs the program and compares its exit code, and what it says on the error stream.
fn check(arguments: &[&str], code: i32, says: &str) {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(said.contains(says), "{arguments:?}: {said}");
}

/// The same against an endpoint where nobody is: wrong usage is found out before anybody is missed.
fn check_unsent(arguments: &[&str], code: i32, says: &str) {
    check(&[&NOBODY, arguments].concat(), code, says);
}

#[test]
fn wrong_usage_is_told_and_nothing_is_sent() {
    check(&[], USAGE, "Usage:");
    for (arguments, says) in [
        (&["levitate"][..], "levitate"),
        (&["status", "--colour"], "--colour"),
        (&["status", "--output", "xml"], "table, json"),
        (&["status", "--timeout", "soon"], "--timeout"),
        (&["rebalance"], "Usage:"),
        (&["rebalance", "plan", "--max-moves", "0"], "--max-moves"),
        (&["rebalance", "apply", "--concurrency", "65"], "--concurrency"),
        (&["drain"], "<NODE>"),
        (&["drain", "performances/swan-lake"], "nodes/x"),
        (&["move", "swan-lake"], "<NODE>"),
        (&["move", "a/b", "earlybird-1"], "performances/x"),
        (&["watch"], "terminal"),
        (&["completions", "cobol"], "cobol"),
    ] {
        check_unsent(arguments, USAGE, says);
    }
}

#[test]
fn what_disrupts_is_not_done_when_nobody_can_be_asked() {
    for arguments in [
        &["rebalance", "apply"][..],
        &["drain", "earlybird-1"],
        &["pin", "swan-lake", "earlybird-1"],
        &["move", "swan-lake", "earlybird-1"],
    ] {
        check_unsent(arguments, USAGE, "--yes");
        check_unsent(&[arguments, &["--yes"]].concat(), UNREACHABLE, "cannot reach");
    }
    for arguments in [
        &["rebalance", "apply", "--dry-run"][..],
        &["pin", "swan-lake"],
        &["unpin", "swan-lake"],
        &["undrain", "earlybird-1"],
    ] {
        check_unsent(arguments, UNREACHABLE, "cannot reach");
    }
}

#[test]
fn files_and_addresses_that_do_not_fit_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "two\nlines\n").expect("a file");
    let token = token.to_str().expect("text");
    for (arguments, says) in [
        (&["--endpoint", "http://nowhere at all", "status"][..], "--endpoint http://nowhere at all"),
        (&["--endpoint", "localhost:50051", "status"], "--endpoint localhost:50051"),
        (&["--token-file", "/nowhere/token", "status"], "--token-file /nowhere/token"),
        (&["--token-file", token, "status"], "not a token"),
        (&["--ca-file", "/nowhere/ca.pem", "status"], "https://"),
        (
            &["--endpoint", "https://127.0.0.1:1", "--ca-file", "/nowhere/ca.pem", "status"],
            "--ca-file /nowhere/ca.pem",
        ),
        (&["--endpoint", "https://127.0.0.1:1", "--cert-file", token, "status"], "belong together"),
    ] {
        check(arguments, USAGE, says);
    }
}

#[test]
fn a_node_that_is_not_there_or_says_nothing_is_unreachable() {
    check_unsent(&["status"], UNREACHABLE, "cannot reach http://127.0.0.1:1");
    check_unsent(&["status", "--output", "json"], UNREACHABLE, "cannot reach");
    // It takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", silent.local_addr().expect("its address"));
    check(&["--endpoint", &endpoint, "--timeout", "300ms", "status"], UNREACHABLE, "earlybirdctl:");
}

#[test]
fn shells_can_complete_it() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(DONE));
        let script = String::from_utf8(output.stdout).expect("text");
        for word in ["earlybirdctl", "rebalance", "undrain", "concurrency"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn help_says_what_exit_codes_mean() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(DONE));
    let help = String::from_utf8(output.stdout).expect("text");
    for part in
        ["Exit codes:", "0  done", "1  failed", "2  wrong usage", "3  unreachable", "EARLYBIRD_TOKEN_FILE"]
    {
        assert!(help.contains(part), "{part}: {help}");
    }
}
