//! A certificate that names a workload (X.509-SVID), and the chain behind it.
//!
//! The chain is verified by rustls's own verifier; what SPIFFE asks beyond it is looked at here.

use std::time::Duration;

use bailiwick_charter::SpiffeId;
use bailiwick_ledger::Hash;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage as UsedFor, SubjectAltName};
use x509_cert::{Certificate, TbsCertificate};

/// Certificates that are looked at: SPIRE's chains have two or three.
const CHAIN_LENGTH_MAX: usize = 8;

/// The longest certificate that is looked at.
const CERTIFICATE_LENGTH_MAX: usize = 16 << 10;

/// Names beside the one that counts.
const NAMES_MAX: usize = 64;

/// Why a certificate names no workload, or is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    #[error(
        "more than {CHAIN_LENGTH_MAX} certificates, or one of more than {CERTIFICATE_LENGTH_MAX} bytes"
    )]
    TooLong,
    #[error("the certificate cannot be read")]
    Unreadable,
    #[error(
        "the certificate has not exactly one URI among its names, or more than {NAMES_MAX} names"
    )]
    Names,
    #[error("the URI in the certificate is no SPIFFE ID of a workload")]
    Name,
    #[error("the certificate may sign others, so it is no workload's")]
    Authority,
    #[error("the certificate's key usage is missing, not critical, or not for signatures")]
    Usage,
    #[error("no authority of the trust domain vouches for the certificate now")]
    Chain,
}

impl CertificateFault {
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong | Self::Unreadable => "certificate_malformed",
            Self::Names | Self::Name => "spiffe_id",
            Self::Authority | Self::Usage => "certificate_usage",
            Self::Chain => "certificate_chain",
        }
    }
}

/// What a certificate of a workload says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    pub id: SpiffeId,
    pub hash: Hash,
    pub expires_ms: u64,
}

impl Leaf {
    /// Reads the first certificate of a chain. It is not believed yet.
    ///
    /// # Errors
    /// If it is not of the form that SPIFFE asks for.
    // https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md, sections 2 to 4
    pub fn read(chain: &[CertificateDer<'_>]) -> Result<Self, CertificateFault> {
        let is_short = chain.len() <= CHAIN_LENGTH_MAX
            && chain.iter().all(|der| der.len() <= CERTIFICATE_LENGTH_MAX);
        if !is_short {
            return Err(CertificateFault::TooLong);
        }
        let der = chain.first().ok_or(CertificateFault::Unreadable)?;
        let read = Certificate::from_der(der).map_err(|_| CertificateFault::Unreadable)?;
        let about = read.tbs_certificate();
        usage(about)?;
        let until = about.validity().not_after.to_unix_duration();
        Ok(Self {
            id: name(about)?,
            hash: Hash::of(&[der]),
            expires_ms: u64::try_from(until.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// The one URI among the names.
fn name(about: &TbsCertificate) -> Result<SpiffeId, CertificateFault> {
    let found = about.get_extension::<SubjectAltName>();
    let (_, names) = found
        .map_err(|_| CertificateFault::Unreadable)?
        .ok_or(CertificateFault::Names)?;
    if names.0.len() > NAMES_MAX {
        return Err(CertificateFault::Names);
    }
    let mut uris = names.0.iter().filter_map(|name| match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str()),
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DnsName(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => None,
    });
    match (uris.next(), uris.next()) {
        (Some(uri), None) => uri.parse().map_err(|_| CertificateFault::Name),
        (Some(_), Some(_)) | (None, _) => Err(CertificateFault::Names),
    }
}

fn usage(about: &TbsCertificate) -> Result<(), CertificateFault> {
    let unreadable = |_| CertificateFault::Unreadable;
    let constraints = about.get_extension::<BasicConstraints>();
    if constraints
        .map_err(unreadable)?
        .is_some_and(|(_, constraints)| constraints.ca)
    {
        return Err(CertificateFault::Authority);
    }
    let used = about.get_extension::<UsedFor>().map_err(unreadable)?;
    let (is_critical, used) = used.ok_or(CertificateFault::Usage)?;
    if used.key_cert_sign() || used.crl_sign() {
        return Err(CertificateFault::Authority);
    }
    if is_critical && used.digital_signature() {
        Ok(())
    } else {
        Err(CertificateFault::Usage)
    }
}

/// Verifies a chain against these authorities and no others.
///
/// # Errors
/// If none of them vouches for it at this time.
pub fn verify(
    chain: &[CertificateDer<'_>],
    authorities: &[CertificateDer<'_>],
    now_ms: u64,
) -> Result<(), CertificateFault> {
    let chain_broken = |_| CertificateFault::Chain;
    let (leaf, between) = chain.split_first().ok_or(CertificateFault::Chain)?;
    let leaf = EndEntityCert::try_from(leaf).map_err(chain_broken)?;
    let anchors: Result<Vec<_>, _> = authorities.iter().map(anchor_from_trusted_cert).collect();
    let anchors = anchors.map_err(chain_broken)?;
    let now = UnixTime::since_unix_epoch(Duration::from_millis(now_ms));
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        between,
        now,
        KeyUsage::client_auth(),
        None,
        None,
    )
    .map_err(chain_broken)?;
    Ok(())
}
