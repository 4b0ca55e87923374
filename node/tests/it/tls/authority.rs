//! Who signs certificates, and files of them.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;

/// Signs certificates.
pub(super) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// One that nobody knows yet.
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// Its own certificate.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// A new certificate of this machine, in files of their own.
    pub(super) fn issue(&self) -> Files {
        let files = Files { folder: TempDir::new().expect("a folder") };
        files.write("ca.crt", &self.pem);
        self.reissue(&files, Duration::from_secs(3_600));
        files
    }

    /// Another certificate of this machine, in the place of that in `files`, for so long. Returns it and when it ends.
    pub(super) fn reissue(&self, files: &Files, lifetime: Duration) -> (CertificateDer<'static>, f64) {
        let mut params =
            CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.not_after = (SystemTime::now() + lifetime).into();
        let not_after_s = params.not_after.unix_timestamp() as f64;
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        files.write("tls.crt", &certificate.pem());
        files.write("tls.key", &key.serialize_pem());
        (certificate.der().clone(), not_after_s)
    }
}

/// `tls.crt`, `tls.key` and `ca.crt`.
pub(super) struct Files {
    folder: TempDir,
}

impl Files {
    /// Where a file is.
    pub(super) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// What a file holds.
    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file")
    }

    /// Replaces a file.
    pub(super) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).expect("it is written");
    }
}
