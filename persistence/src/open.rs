//! From an address to a store.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::OpenError;
use crate::options::StoreOptions;
use crate::postgres::PostgresStore;
use crate::sqlite::SqliteStore;
use crate::store::Store;

/// Opens `postgres://user@host:port/database`, or `sqlite://path` (also `sqlite:path`), and brings its schema up to date.
///
/// # Errors
/// See [`OpenError`]; none of them shows the address, which may hold a password.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, OpenError> {
    open_with(url, StoreOptions::default()).await
}

/// As [`open`], with options of one's own.
///
/// # Errors
/// See [`OpenError`].
pub async fn open_with(url: &str, options: StoreOptions) -> Result<Arc<dyn Store>, OpenError> {
    options.validate()?;
    if let Some(path) = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
        return Ok(Arc::new(SqliteStore::open(sqlite_path(path)?, options).await?));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Arc::new(PostgresStore::open(url, options).await?));
    }
    // The scheme is no secret, as long as it is one: "user:password@host" must not come back as "user".
    let scheme = url.split_once("://").map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme));
    let what = scheme.map_or_else(|| "no scheme".to_owned(), |scheme| format!("unknown scheme {scheme}"));
    Err(OpenError::Address { what })
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn sqlite_path(path: &str) -> Result<PathBuf, OpenError> {
    let refuse = |what: &str| Err(OpenError::Address { what: what.to_owned() });
    if path.is_empty() {
        return refuse("no path to the SQLite file");
    }
    if path.starts_with(":memory:") {
        return refuse("an SQLite database in memory keeps nothing");
    }
    if path.contains('?') {
        return refuse("parameters behind the path of an SQLite file");
    }
    Ok(PathBuf::from(path))
}
