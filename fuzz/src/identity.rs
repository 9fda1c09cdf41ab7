use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};

use bailiwick_identity::aws::ShownSignature;
use bailiwick_identity::fetch::{Fetch, Where};
use bailiwick_identity::issuer::{Issuer, IssuerKind, IssuerSettings};
use bailiwick_identity::jwks::{Algorithm, KeySet};
use bailiwick_identity::x509::{self, Leaf};
use bailiwick_identity::{Proofs, Shown, Source};
use bailiwick_ledger::Hash;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};

use crate::text;

/// 2027-01-15, in which the seeds are valid.
const NOW_MS: u64 = 1_800_000_000_000;

/// A proof by signature is its six parts in one form or refused, and shows no secret.
pub fn identity_signature(input: &[u8]) {
    let text = text(input);
    for shown in [text.to_owned(), BASE64URL.encode(text)] {
        let Ok(mut read) = ShownSignature::read(&shown) else {
            continue;
        };
        let again = ShownSignature::read(&read.show()).map(|again| again.show());
        assert_eq!(again, Ok(read.show()));
        // Another part may hold the same letters and be shown.
        let with_signature = format!("{read:?}");
        read.signed.signature.clear();
        assert_eq!(format!("{read:?}"), with_signature);
    }
}

/// A set of keys is read or refused; a key is found by one name and one algorithm, and verifies no
/// signature that is too short for any.
pub fn identity_keys(input: &[u8]) {
    for read in [KeySet::read(input), KeySet::read_bundle(input)] {
        let Ok(keys) = read else {
            continue;
        };
        for algorithm in Algorithm::ALL {
            for kid in ["", "k", "k1"] {
                if let Ok(key) = keys.key(kid, algorithm) {
                    assert!(!key.has_signed(algorithm, input, &[0; 8]));
                }
            }
        }
    }
}

/// A token that nobody signed proves nobody, whatever it says of its key and of itself.
pub fn identity_token(input: &[u8]) {
    let text = text(input);
    let (header, claims) = text.split_once('\n').unwrap_or((text, ""));
    let made = [header, claims]
        .map(|part| BASE64URL.encode(part))
        .join(".");
    let made = format!("{made}.{}", BASE64URL.encode([7; 64]));
    for token in [text.trim_end(), &made] {
        let shown = Shown {
            scheme: "Bearer",
            proof: token,
            request: Hash::ZERO,
            now_ms: NOW_MS,
        };
        let proofs = proofs();
        assert!(proofs.is_some(), "the issuers of this target can be made");
        let Some(proofs) = proofs else {
            return;
        };
        let mut verifying = pin!(proofs.verify(&shown));
        // The keys are known, so there is nothing to wait for.
        let verified = verifying
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(verified, Poll::Ready(Err(_))));
    }
}

/// Issuers of each kind whose tokens need nobody to be asked.
fn proofs() -> Option<&'static Proofs> {
    static PROOFS: OnceLock<Option<Proofs>> = OnceLock::new();
    let make = || {
        let fetch = Fetch::new(Where::Public, &[]).ok()?;
        let cognito = IssuerKind::Cognito {
            scope: "s".to_owned(),
        };
        let aws = IssuerKind::Aws {
            account: "111122223333".to_owned(),
            by_name: true,
        };
        let kinds = [("i", IssuerKind::Oidc), ("c", cognito), ("w", aws)];
        let mut proofs = Proofs::default();
        for (name, kind) in kinds {
            let issuer = Issuer::new(issuer(name, kind)?, fetch.clone());
            proofs = proofs.with_issuer(issuer);
        }
        Some(proofs)
    };
    PROOFS.get_or_init(make).as_ref()
}

/// The keys of the example in RFC 7517.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"k"}]}"#;

fn issuer(name: &str, kind: IssuerKind) -> Option<IssuerSettings> {
    Some(IssuerSettings {
        issuer: name.to_owned(),
        kind,
        audience: "a".to_owned(),
        algorithms: Algorithm::ALL.to_vec(),
        types: vec![String::new(), "JWT".to_owned()],
        lifetime_secs_max: 3_600,
        is_once: true,
        pins: Vec::new(),
        keys: Source::Known(KeySet::read(KEYS.as_bytes()).ok()?),
    })
}

/// A certificate names one workload in its one spelling or is refused; nobody vouches for it where
/// there is no authority.
pub fn identity_certificate(input: &[u8]) {
    let chain = [input.into()];
    if let Ok(leaf) = Leaf::read(&chain) {
        assert_eq!(leaf.id.as_str().parse().as_ref(), Ok(&leaf.id));
        assert!(x509::verify(&chain, &[], NOW_MS).is_err());
    }
}
