//! Files of certificates and keys, and what they are to a client.

use std::path::Path;

use anyhow::Context as _;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncReadExt as _;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// Largest file that is read; all authorities that a system trusts are a quarter of it.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// A file, as it was when it was read.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PemFile {
    /// For errors: what names it, and where it is.
    name: String,
    content: Vec<u8>,
}

/// The files that belong together.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PemFiles {
    /// A certificate, behind it those that signed it.
    pub(crate) cert: Option<PemFile>,
    /// Its key.
    pub(crate) key: Option<PemFile>,
    /// Certificates that others' must be signed by.
    pub(crate) ca: Option<PemFile>,
}

impl PemFile {
    /// Reads the file that `setting` names, if it names one.
    ///
    /// # Errors
    /// It cannot be read, or is too large.
    pub(crate) async fn read(setting: &str, path: Option<&Path>) -> anyhow::Result<Option<Self>> {
        let Some(path) = path else { return Ok(None) };
        let name = format!("{setting} {}", path.display());
        let mut content = Vec::new();
        let read = async {
            tokio::fs::File::open(path).await?.take(PEM_BYTES_MAX + 1).read_to_end(&mut content).await
        };
        read.await.with_context(|| name.clone())?;
        anyhow::ensure!(content.len() as u64 <= PEM_BYTES_MAX, "{name}: too large for certificates or a key");
        Ok(Some(Self { name, content }))
    }

    /// The certificates in it, at least one.
    pub(super) fn certificates(&self) -> anyhow::Result<Vec<CertificateDer<'static>>> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.content).collect();
        let certificates = certificates.with_context(|| self.name.clone())?;
        anyhow::ensure!(!certificates.is_empty(), "{}: has no certificate in PEM", self.name);
        Ok(certificates)
    }

    /// The key in it.
    pub(super) fn key(&self) -> anyhow::Result<PrivateKeyDer<'static>> {
        PrivateKeyDer::from_pem_slice(&self.content)
            .with_context(|| format!("{}: has no private key in PEM", self.name))
    }

    /// The certificates in it, to trust in what they signed.
    pub(super) fn roots(&self) -> anyhow::Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates()? {
            roots.add(certificate).with_context(|| self.name.clone())?;
        }
        Ok(roots)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl PemFiles {
    /// What a client connects with: it trusts in what `ca` signed, or else in what this system does, and shows `cert` to who
    /// asks for it.
    pub(crate) fn client(&self) -> ClientTlsConfig {
        let tls = ClientTlsConfig::new();
        let tls = match &self.ca {
            Some(ca) => tls.ca_certificate(Certificate::from_pem(&ca.content)),
            None => tls.with_native_roots(),
        };
        match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => tls.identity(Identity::from_pem(&cert.content, &key.content)),
            _ => tls,
        }
    }
}
