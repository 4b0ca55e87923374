//! Sources in, configuration or faults out.

use std::collections::BTreeSet;
use std::io::Write;

use super::*;

const EXAMPLE: &str = include_str!("../../earlybird.example.toml");

fn sources(file: &tempfile::NamedTempFile, environment: &[(&str, &str)]) -> Sources {
    Sources {
        file: Some(file.path().to_owned()),
        environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        overrides: Vec::new(),
    }
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// Loads `text` under `environment`, and expects these faults, `FILE` standing for the file's path.
#[track_caller]
fn check(text: &str, environment: &[(&str, &str)], expected: &[&str]) {
    let file = file(text);
    let error = load(&sources(&file, environment)).unwrap_err();
    let shown: Vec<String> = error
        .faults
        .iter()
        .map(|fault| fault.to_string().replace(&*file.path().to_string_lossy(), "FILE"))
        .collect();
    assert_eq!(shown, expected);
}

#[test]
fn the_example_names_every_key_with_its_default() {
    let file = file(EXAMPLE);
    assert_eq!(load(&sources(&file, &[])).unwrap(), Config::default());

    let shown = |text: &str| {
        let mut keys = BTreeSet::new();
        let mut section = String::new();
        for line in text.lines().map(|line| line.trim_start_matches("# ")) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name.to_owned();
            } else if let Some((key, _)) = line.split_once(" = ") {
                keys.insert(format!("{section}.{key}"));
            }
        }
        keys
    };
    let mut config = Config::default();
    config.auth.hs256_secret_file = Some("x".into());
    config.auth.jwks_file = Some("x".into());
    config.cluster.key_file = Some("x".into());
    config.tls.cert_file = Some("x".into());
    config.tls.key_file = Some("x".into());
    config.tls.ca_file = Some("x".into());
    config.payments.toss.secret_key_file = Some("x".into());
    assert_eq!(shown(EXAMPLE), shown(&config.to_toml().unwrap()));
}

#[test]
fn a_secret_key_is_needed_and_never_shown() {
    check(
        "[payments]\ngateway = \"toss\"",
        &[],
        &[
            "payments.toss.secret_key_file: is needed when payments.gateway is \"toss\", or payments.toss.secret_key",
        ],
    );
    let toss = file("[payments]\ngateway = \"toss\"");
    let environment = [("EARLYBIRD_PAYMENTS__TOSS__SECRET_KEY", "test_sk_hidden")];
    let config = load(&sources(&toss, &environment)).unwrap();
    let shown = format!("{}{config:?}", config.to_toml().unwrap());
    assert!(shown.contains("secret_key") && !shown.contains("hidden"), "{shown}");
    assert!(config.node_options(config.grpc.listen).is_ok());
}

#[test]
fn later_sources_win() {
    let file = file("[grpc]\nlisten = \"127.0.0.1:1\"\nrequest_timeout = \"3s\"\n[node]\nid = \"a\"\n");
    let mut sources = sources(
        &file,
        &[
            ("EARLYBIRD_GRPC__LISTEN", "127.0.0.1:2"),
            ("EARLYBIRD_NODE__ID", "7"),
            ("EARLYBIRD_SERVICE_HOST", "10.0.0.1"),
            ("EARLYBIRD_CONFIG", "x"),
            ("PATH", "/bin"),
        ],
    );
    sources.overrides = vec![("grpc.listen", "127.0.0.1:3".into())];
    let config = load(&sources).unwrap();
    assert_eq!(config.grpc.listen.port(), 3);
    assert_eq!(config.grpc.request_timeout.as_secs(), 3);
    assert_eq!(config.node.id, "7");
    assert_eq!(config.lane, LaneConfig::default());
}

#[test]
fn an_unknown_key_is_named_with_the_nearest() {
    check(
        "[grpc]\nlisen = \"127.0.0.1:1\"\n",
        &[],
        &["grpc.lisen: no such key; did you mean \"listen\"? (set in FILE)"],
    );
    check(
        "[grcp]\nlisten = \"127.0.0.1:1\"\n",
        &[],
        &["grcp: no such key; did you mean \"grpc\"? (set in FILE)"],
    );
    check(
        "",
        &[("EARLYBIRD_HTTP__PORT", "80")],
        &["http.port: no such key; accepted are listen, store_silence_max (set in EARLYBIRD_HTTP__PORT)"],
    );
}

#[test]
fn a_wrong_value_is_named_with_what_is_accepted() {
    check(
        "[grpc]\nrequest_timeout = 10\n",
        &[],
        &[
            "grpc.request_timeout: 10 is not a duration with its unit, such as \"500ms\", \"10s\" or \"5m\" (set in FILE)",
        ],
    );
    check(
        "",
        &[("EARLYBIRD_GRPC__LISTEN", "localhost")],
        &[
            "grpc.listen: \"localhost\" is not an IP address and a port, such as \"127.0.0.1:50051\" or \"[::]:50051\"; port 0 is any (set in EARLYBIRD_GRPC__LISTEN)",
        ],
    );
    check(
        "[log]\nformat = \"xml\"\nlevel = \"a=b=c\"\n",
        &[],
        &[
            "log.format: \"xml\" is not one of human, json (set in FILE)",
            "log.level: trace, debug, info, warn, error, off or directives such as info,earlybird=debug are accepted (set in FILE)",
        ],
    );
    check("[store]\nlanes = \"two\"\n", &[], &["store.lanes: \"two\" is not a whole number (set in FILE)"]);
    check(
        "[shard]\ntick = \"3s\"\n",
        &[],
        &["shard.tick: 3s is out of range: 1ms to 100ms is accepted (set in FILE)"],
    );
    check(
        "[store]\nurl = \"mysql://x\"\n",
        &[],
        &[
            "store.url: sqlite://path/to/file and postgres://user:password@host:port/database are accepted (set in FILE)",
        ],
    );
    check("node = 3\n", &[], &["node: 3 is not a section with its keys (set in FILE)"]);
}

#[test]
fn all_faults_are_reported_at_once() {
    check(
        "[lane]\nflush_entries_max = 0\nflush = 1\n[grpc]\nlisten = 1\n",
        &[("EARLYBIRD_NODE__ID", "a b")],
        &[
            "grpc.listen: 1 is not an IP address and a port, such as \"127.0.0.1:50051\" or \"[::]:50051\"; port 0 is any (set in FILE)",
            "lane.flush: no such key; did you mean \"flush_entries_max\"? (set in FILE)",
            "node.id: 1 to 63 letters, digits, '-', '_' and '.' are accepted (set in EARLYBIRD_NODE__ID)",
            "lane.flush_entries_max: 0 is out of range: 1 to 10000 is accepted (set in FILE)",
        ],
    );
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_named() {
    check(
        "[grpc\n",
        &[],
        &[
            "TOML parse error at line 1, column 6\n  |\n1 | [grpc\n  |      ^\ninvalid table header\nexpected `.`, `]` (set in FILE)",
        ],
    );
    let missing = Sources { file: Some("no/such/file.toml".into()), ..Sources::default() };
    let error = load(&missing).unwrap_err().to_string();
    assert!(error.contains("cannot be read") && error.contains("no/such/file.toml"), "{error}");
}

#[test]
fn serving_others_unchecked_has_to_be_wanted() {
    let public = ("EARLYBIRD_GRPC__LISTEN", "0.0.0.0:50051");
    check(
        "",
        &[public],
        &[
            "grpc.listen: 0.0.0.0:50051 can be reached from other machines, and nothing checks who calls: set auth.enabled, \
         or tls.client_auth = \"required\", or accept that with auth.allow_insecure = true (--insecure) (set in EARLYBIRD_GRPC__LISTEN)",
        ],
    );
    let file = file("");
    load(&sources(&file, &[public, ("EARLYBIRD_AUTH__ALLOW_INSECURE", "true")])).unwrap();
    check(
        "[auth]\nenabled = true\n",
        &[],
        &[
            "auth.issuer: is needed when auth.enabled is true",
            "auth.audience: is needed when auth.enabled is true",
            "auth.enabled: needs auth.hs256_secret_file, auth.jwks_file or both (set in FILE)",
        ],
    );
}

#[test]
fn certificates_and_addresses_must_fit() {
    check(
        "[tls]\ncert_file = \"a\"\nclient_auth = \"required\"\n",
        &[],
        &[
            "tls.key_file: is needed: tls.cert_file and tls.key_file belong together",
            "tls.ca_file: is needed unless tls.client_auth is \"off\"",
        ],
    );
    check(
        "[tls]\nkey_file = \"a\"\nca_file = \"b\"\nclient_auth = \"optional\"\n",
        &[],
        &[
            "tls.cert_file: is needed: tls.cert_file and tls.key_file belong together",
            "tls.client_auth: needs tls.cert_file: certificates are shown where TLS is spoken (set in FILE)",
        ],
    );
    let node = "[store]\nurl = \"postgres://db/seats\"\n[cluster]\nkey_file = \"k\"\n";
    let pair = "[tls]\ncert_file = \"a\"\nkey_file = \"b\"\n";
    let address = |scheme: &str| format!("{node}address = \"{scheme}://a:1\"\n");
    check(
        &address("https"),
        &[],
        &["cluster.address: begins with https://, which needs tls.cert_file (set in FILE)"],
    );
    check(
        &format!("{}{pair}", address("http")),
        &[],
        &["cluster.address: must begin with https://, since tls.cert_file is set (set in FILE)"],
    );
    check(
        &format!("{}{pair}", address("https")),
        &[],
        &["tls.ca_file: is needed with https:// in cluster.address: nodes trust each other by it"],
    );
    let encrypted = file(&format!("{}{pair}ca_file = \"c\"\n", address("https")));
    load(&sources(&encrypted, &[])).unwrap();
}

#[test]
fn certificates_of_all_clients_are_as_good_as_tokens() {
    let file =
        file("[tls]\ncert_file = \"a\"\nkey_file = \"b\"\nca_file = \"c\"\nclient_auth = \"required\"\n");
    let public = ("EARLYBIRD_GRPC__LISTEN", "0.0.0.0:50051");
    load(&sources(&file, &[public])).unwrap();
    let optional = ("EARLYBIRD_TLS__CLIENT_AUTH", "optional");
    let error = load(&sources(&file, &[public, optional])).unwrap_err();
    assert_eq!(error.faults[0].key, "grpc.listen");
}

#[test]
fn the_shown_configuration_reads_back() {
    let config = Config::default();
    let file = file(&config.to_toml().unwrap());
    assert_eq!(load(&sources(&file, &[])).unwrap(), config);
}
