//! Which certificates a client may connect with.
//!
//! A client need not show any: most prove themselves otherwise. One that shows a certificate that
//! no trust domain vouches for does not connect at all. What was shown is looked at again when it
//! is a proof: a connection may outlive its certificate, or the authority behind it.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::proofs::Proofs;

/// What verifies the certificates of clients against the trust domains of these proofs.
pub fn client_verifier(proofs: Arc<Proofs>) -> Arc<dyn ClientCertVerifier> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    Arc::new(Clients { proofs, provider })
}

#[derive(Debug)]
struct Clients {
    proofs: Arc<Proofs>,
    provider: CryptoProvider,
}

impl ClientCertVerifier for Clients {
    fn offer_client_auth(&self) -> bool {
        self.proofs.takes_certificates()
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let chain: Vec<CertificateDer<'_>> = chain.cloned().collect();
        let now = Duration::from_secs(now.as_secs());
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        match self.proofs.verify_certificates(&chain, now_ms) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(error) => {
                tracing::info!(%error, "a client's certificate is not taken");
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
