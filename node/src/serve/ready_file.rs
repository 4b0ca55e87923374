//! Tells whoever started the node where it listens.

use std::net::SocketAddr;
use std::path::Path;

/// Writes `{"grpc": …, "http": …, "pid": …}`. The file appears whole or not at all.
pub(super) fn write(path: &Path, grpc: SocketAddr, http: SocketAddr) -> std::io::Result<()> {
    let content = serde_json::json!({
        "grpc": grpc.to_string(),
        "http": http.to_string(),
        "pid": std::process::id(),
    });
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    std::fs::write(&partial, format!("{content}\n"))?;
    std::fs::rename(&partial, path)
}
