//! Opening and closing.

use earlybird_persistence::{AppendError, Cause, OpenError, StoreError, open};

use crate::support::Fixture;

pub(crate) async fn a_store_opens_again_with_its_data(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    fixture.store.append(&writer.batch("a", 1, 3)).await.unwrap();
    fixture.store.close().await;
    let store = open(&fixture.url).await.unwrap();
    assert_eq!(store.heads(&["a".into()]).await.unwrap()[0].1.0, 3);
    store.append(&writer.batch("a", 4, 4)).await.unwrap();
    store.close().await;
}

pub(crate) async fn a_newer_schema_is_refused(fixture: &Fixture) {
    fixture.store.close().await;
    let is_sqlite = fixture.url.starts_with("sqlite");
    let newer = "INSERT INTO earlybird_schema (version) VALUES (99)";
    fixture.run(if is_sqlite { "PRAGMA user_version = 99" } else { newer }).await;
    let error = open(&fixture.url).await.unwrap_err();
    assert!(matches!(error, OpenError::TooNew { found: 99, .. }), "{error:?}");
}

pub(crate) async fn a_closed_store_refuses(fixture: &Fixture) {
    let writer = fixture.writer(5).await;
    fixture.store.close().await;
    fixture.store.close().await;
    let refused = fixture.store.append(&writer.batch("a", 1, 1)).await;
    assert!(matches!(refused, Err(AppendError::Unavailable { source: Cause::Closed })), "{refused:?}");
    let refused = fixture.store.ping().await;
    assert!(matches!(refused, Err(StoreError::Unavailable { source: Cause::Closed })), "{refused:?}");
}

async fn refusal(url: &str) -> String {
    let error = open(url).await.unwrap_err();
    format!("{error} / {error:?}")
}

#[tokio::test]
async fn an_address_that_is_not_one_says_what_is() {
    for url in ["", "store.db", "mysql://root:a-secret@h/d", "root:a-secret@h", "sqlite:", "sqlite::memory:"]
    {
        let said = refusal(url).await;
        assert!(said.contains("postgres://") && said.contains("sqlite://"), "{said}");
        assert!(!said.contains("a-secret"), "{said}");
    }
    assert!(refusal("mysql://root:a-secret@h/d").await.contains("unknown scheme mysql"));
}

#[tokio::test]
async fn no_error_shows_a_password() {
    // Nobody listens, not a port, not a host, not an option.
    for rest in ["127.0.0.1:1/d", "127.0.0.1:a-secret/d", "[a-secret/d", "127.0.0.1:1/d?sslmode=a-secret"] {
        let said = refusal(&format!("postgres://user:a-secret@{rest}")).await;
        assert!(!said.contains("a-secret"), "{said}");
    }
}
