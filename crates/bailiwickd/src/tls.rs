//! TLS for those who come from elsewhere.

use std::{path::Path, sync::Arc};

use bailiwick_identity::{Proofs, tls::client_verifier};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::NoServerSessionStorage,
};
use tokio_rustls::TlsAcceptor;

use crate::fault::Fault;

/// What speaks TLS with this certificate, and asks clients for theirs where a trust domain may vouch
/// for it.
///
/// # Errors
/// If the files do not hold a certificate and its key.
pub(crate) fn acceptor(
    certificates: &Path,
    key: &Path,
    proofs: &Arc<Proofs>,
) -> anyhow::Result<TlsAcceptor> {
    let wrong = |path: &Path, what: &dyn std::fmt::Display| {
        Fault::new(format!("`{}`: {what}", path.display()))
            .mend("it is to be PEM, as most certificate authorities give it")
    };
    let chain = CertificateDer::pem_file_iter(certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificates, &error))?;
    if chain.is_empty() {
        return Err(wrong(certificates, &"no certificate in it").into());
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(client_verifier(Arc::clone(proofs)))
        .with_single_cert(chain, secret)
        .map_err(|error| wrong(key, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A session that is resumed would outlive the decision to trust whoever began it.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(TlsAcceptor::from(Arc::new(config)))
}
