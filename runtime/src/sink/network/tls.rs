//! Whom to believe that it is who it says: certificates for connections over TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Certificates of those who vouch for others.
pub(in crate::sink) struct Trusted(Vec<CertificateDer<'static>>);

impl Trusted {
    /// Those in a PEM file and no others; without one, those that this machine trusts.
    pub fn new(file: Option<&Path>) -> Result<Trusted, String> {
        let certificates = match file {
            Some(path) => CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| format!("ca-file: {}: {error}", path.display()))?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        match (certificates.is_empty(), file) {
            (true, Some(path)) => Err(format!("ca-file: {} has no certificate in PEM", path.display())),
            (true, None) => {
                Err("ca-file: is missing, and this machine trusts nobody; name one, or install `ca-certificates`"
                    .into())
            }
            (false, _) => Ok(Trusted(certificates)),
        }
    }

    /// For MQTT.
    pub fn client(&self) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.0.iter().cloned());
        let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let config = config.map_err(|error| format!("ca-file: {error}"))?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }

    /// For HTTP.
    pub fn http(&self) -> TlsConfig {
        let certificates = self.0.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
        TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(certificates.collect())))
            .unversioned_rustls_crypto_provider(provider())
            .build()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let problem = |path: &Path| Trusted::new(Some(path)).err().unwrap();
        assert!(problem(&path).starts_with("ca-file: ") && problem(&path).contains("ca.pem"));
        std::fs::write(&path, "nothing").unwrap();
        assert!(problem(&path).contains("no certificate"), "{}", problem(&path));
    }
}
