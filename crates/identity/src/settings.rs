//! Which proofs an authority takes, as its operator writes it: one TOML file.
//!
//! ```
//! use bailiwick_identity::settings;
//!
//! let text = r#"
//! audience = "https://bailiwick.example.com"
//!
//! [aws]
//! signatures = true
//!
//! [[issuer]]
//! kind = "github"
//! "#;
//! let (proofs, notes) = settings::read("identity.toml".as_ref(), text)?;
//! assert_eq!(proofs.schemes(), ["Bailiwick-AWS", "Bearer"]);
//! assert!(notes.is_empty());
//! // What nobody knows is no wish that nobody hears.
//! assert!(settings::read("identity.toml".as_ref(), "audiense = 'a'").is_err());
//! # Ok::<(), settings::SettingsError>(())
//! ```

mod people;

use std::path::{Path, PathBuf};
use std::time::Duration;

use bailiwick_aws::transport::Transport;
use bailiwick_iam::arn::AccountId;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde::Deserialize;
use toml::Spanned;

use crate::aws::Signatures;
use crate::fetch::{Address, Fetch, Where};
use crate::issuer::{Issuer, IssuerKind, IssuerSettings, SERVICE_ACCOUNT_UID};
use crate::jwks::Algorithm;
use crate::kubernetes::Review;
use crate::proofs::Proofs;
use crate::published::Source;
use crate::spiffe::TrustDomain;

pub use people::people;

/// A question to STS is not waited for any longer.
const STS_WITHIN: Duration = Duration::from_secs(5);

/// Where something stands in the file.
type Span = std::ops::Range<usize>;

/// The longest that any token may be valid.
const LIFETIME_SECS_MAX: u64 = 24 * 3_600;

const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// Where a pod finds its own token and the authority of its API server.
const IN_POD: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Why a file of settings is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("{}: {source}", file.display())]
    Toml {
        file: PathBuf,
        source: Box<toml::de::Error>,
    },
    #[error("{}:{line}: {what}; {mend}", file.display())]
    Wrong {
        file: PathBuf,
        line: usize,
        what: String,
        mend: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    /// The name of this authority and of no other.
    audience: Spanned<String>,
    aws: Option<AwsPart>,
    #[serde(default)]
    issuer: Vec<Spanned<IssuerPart>>,
    #[serde(default)]
    spiffe: Vec<Spanned<SpiffePart>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct AwsPart {
    /// Whether a signed `GetCallerIdentity` is taken.
    #[serde(default)]
    signatures: bool,
    /// Where STS is asked in place of the region's own endpoint.
    sts: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct IssuerPart {
    kind: KindName,
    issuer: Option<String>,
    audience: Option<String>,
    algorithms: Option<Vec<String>>,
    types: Option<Vec<String>>,
    lifetime_seconds: Option<u64>,
    once: Option<bool>,
    pins: Option<Vec<String>>,
    keys: Option<String>,
    ca: Option<PathBuf>,
    #[serde(default)]
    private: bool,
    // Of the kind `aws`.
    account: Option<String>,
    #[serde(default)]
    role_by_name: bool,
    // Of the kind `cognito`.
    scope: Option<String>,
    // Of the kind `kubernetes`.
    api: Option<String>,
    token_file: Option<PathBuf>,
}

impl IssuerPart {
    /// Where its servers may be.
    fn place(&self) -> Where {
        if self.private {
            Where::Private
        } else {
            Where::Public
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindName {
    Oidc,
    Aws,
    Github,
    Cognito,
    Kubernetes,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SpiffePart {
    trust_domain: String,
    bundle: PathBuf,
    audience: Option<String>,
    lifetime_seconds: Option<u64>,
}

/// Reads the settings in `text`, which is that of `file`: other files are named from its folder.
/// Beside the proofs there are notes: what was set that an operator should see at each start.
///
/// # Errors
/// If there is anything in it that nobody knows, or that cannot be meant.
pub fn read(file: &Path, text: &str) -> Result<(Proofs, Vec<String>), SettingsError> {
    let parsed: File = toml::from_str(text).map_err(|source| SettingsError::Toml {
        file: file.to_owned(),
        source: Box::new(source),
    })?;
    let reading = Reading { file, text };
    let audience = reading.audience(&parsed.audience)?;
    let mut notes = Vec::new();
    let mut proofs = Proofs::default();
    if let Some(aws) = parsed.aws.filter(|aws| aws.signatures || aws.sts.is_some()) {
        let mut signatures = Signatures::new(audience, Transport::new(STS_WITHIN));
        if let Some(at) = aws.sts {
            signatures = signatures.with_sts_at(at.get_ref()).map_err(|error| {
                reading.wrong(
                    at.span(),
                    &error.to_string(),
                    "or leave it out: then the region's own endpoint is asked",
                )
            })?;
            notes.push(format!(
                "identity: STS is asked at {} and nowhere else; whoever answers there says who an agent is",
                at.get_ref()
            ));
        }
        if !aws.signatures {
            let what = "`sts` is said, and signatures are not taken";
            return Err(reading.wrong(
                0..0,
                what,
                "write `signatures = true` under [aws], or leave `sts` out",
            ));
        }
        proofs = proofs.with_signatures(signatures);
    }
    for part in parsed.issuer {
        let span = part.span();
        let issuer = reading.issuer(audience, span.clone(), part.into_inner(), &mut notes)?;
        if proofs.knows(issuer.name()) {
            return Err(reading.wrong(span, "the same issuer twice", "keep one of them"));
        }
        proofs = proofs.with_issuer(issuer);
    }
    for part in parsed.spiffe {
        let span = part.span();
        let part = part.into_inner();
        if proofs.knows_domain(&part.trust_domain) {
            return Err(reading.wrong(span, "the same trust domain twice", "keep one of them"));
        }
        let lifetime = reading.lifetime(&span, part.lifetime_seconds, 3_600)?;
        let audience = part.audience.as_deref().unwrap_or(audience);
        let bundle = reading.beside(&part.bundle);
        let domain = TrustDomain::new(&part.trust_domain, &bundle, audience, lifetime);
        let domain = domain.map_err(|error| {
            let mend = "write a trust domain such as example.org, and the file of its bundle, as `spire-server bundle show -format spiffe` gives it";
            reading.wrong(span, &format!("{error} (`{}`)", bundle.display()), mend)
        })?;
        proofs = proofs.with_trust_domain(domain);
    }
    Ok((proofs, notes))
}

struct Reading<'f> {
    file: &'f Path,
    text: &'f str,
}

impl Reading<'_> {
    fn wrong(&self, at: Span, what: &str, mend: &str) -> SettingsError {
        let before = self.text.get(..at.start).unwrap_or_default();
        SettingsError::Wrong {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            what: what.to_owned(),
            mend: mend.to_owned(),
        }
    }

    fn audience<'a>(&self, told: &'a Spanned<String>) -> Result<&'a str, SettingsError> {
        let audience = told.get_ref();
        let is_name = !audience.is_empty()
            && audience.len() <= 256
            && audience.bytes().all(|byte| byte.is_ascii_graphic());
        if is_name {
            return Ok(audience);
        }
        let mend = "write the name of this authority and of no other, such as https://bailiwick.example.com";
        Err(self.wrong(told.span(), "`audience` is no name", mend))
    }

    fn beside(&self, file: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(file)
    }

    fn lifetime(&self, span: &Span, told: Option<u64>, usual: u64) -> Result<u64, SettingsError> {
        let told = told.unwrap_or(usual);
        if (60..=LIFETIME_SECS_MAX).contains(&told) {
            return Ok(told);
        }
        let mend = format!(
            "write 60 to {LIFETIME_SECS_MAX}; the shorter, the less a stolen token is worth"
        );
        Err(self.wrong(span.clone(), "`lifetime-seconds` is out of bounds", &mend))
    }

    fn issuer(
        &self,
        audience: &str,
        span: Span,
        part: IssuerPart,
        notes: &mut Vec<String>,
    ) -> Result<Issuer, SettingsError> {
        let usual = Usual::of(part.kind);
        self.fitting(&span, &part)?;
        let name = self.issuer_name(&span, &part, &usual)?;
        let fetch = self.fetch(&span, &part, part.place())?;
        let kind = self.kind(&span, &part, &fetch, notes)?;
        let keys = match &part.keys {
            None => Source::Discovered,
            Some(keys) => Source::At(self.address(&span, keys, part.place())?),
        };
        let algorithms = self.algorithms(&span, &part, &usual)?;
        let lifetime_secs_max = self.lifetime(&span, part.lifetime_seconds, usual.lifetime_secs)?;
        let types = part
            .types
            .unwrap_or_else(|| vec![String::new(), "JWT".to_owned()]);
        let pins = part
            .pins
            .unwrap_or_else(|| usual.pins.iter().map(|pin| (*pin).to_owned()).collect());
        let settings = IssuerSettings {
            issuer: name,
            kind,
            audience: part.audience.unwrap_or_else(|| audience.to_owned()),
            algorithms,
            types,
            lifetime_secs_max,
            is_once: part.once.unwrap_or(usual.once),
            pins,
            keys,
        };
        Ok(Issuer::new(settings, fetch))
    }

    fn issuer_name(
        &self,
        span: &Span,
        part: &IssuerPart,
        usual: &Usual,
    ) -> Result<String, SettingsError> {
        let name = part.issuer.as_deref().or(usual.issuer);
        let name = name.ok_or_else(|| {
            let mend = "write `issuer = \"https://…\"`, letter for letter as its tokens have it";
            self.wrong(span.clone(), "an issuer without its name", mend)
        })?;
        let needs_no_url = part.kind == KindName::Kubernetes || part.keys.is_some();
        if !needs_no_url {
            Address::read(name, part.place()).map_err(|error| {
                let what = format!("`{name}` is {error}");
                self.wrong(span.clone(), &what, "write the issuer's URL")
            })?;
        }
        Ok(name.to_owned())
    }

    fn address(&self, span: &Span, text: &str, place: Where) -> Result<Address, SettingsError> {
        Address::read(text, place).map_err(|error| {
            let what = format!("`{text}` is {error}");
            self.wrong(span.clone(), &what, "write the URL of a server")
        })
    }

    fn algorithms(
        &self,
        span: &Span,
        part: &IssuerPart,
        usual: &Usual,
    ) -> Result<Vec<Algorithm>, SettingsError> {
        let named = part.algorithms.as_deref().unwrap_or_default();
        if named.is_empty() {
            return Ok(usual.algorithms.to_vec());
        }
        let known = named.iter().map(|name| {
            Algorithm::named(name).ok_or_else(|| {
                let what = format!("`{name}` is no algorithm that is taken");
                self.wrong(span.clone(), &what, "write names such as RS256 or ES384")
            })
        });
        known.collect()
    }

    fn kind(
        &self,
        span: &Span,
        part: &IssuerPart,
        fetch: &Fetch,
        notes: &mut Vec<String>,
    ) -> Result<IssuerKind, SettingsError> {
        let wrong = |what: &str, mend: &str| self.wrong(span.clone(), what, mend);
        match part.kind {
            KindName::Oidc | KindName::Github => Ok(IssuerKind::Oidc),
            KindName::Aws => {
                let account = part.account.clone().unwrap_or_default();
                if account.parse::<AccountId>().is_err() {
                    return Err(wrong(
                        "an issuer of AWS without its account",
                        "write `account = \"111122223333\"`: the account whose roles it vouches for",
                    ));
                }
                if part.role_by_name {
                    notes.push(format!(
                        "identity: roles of {account} are taken by name where a token shows no id; a role that is deleted and made again under its name passes for the old one"
                    ));
                }
                Ok(IssuerKind::Aws {
                    account,
                    by_name: part.role_by_name,
                })
            }
            KindName::Cognito => {
                let scope = part.scope.clone().ok_or_else(|| wrong("a user pool without a scope", "write `scope`: one of a resource server of yours, as an access token has it. Tokens of a client name no audience, and the scope stands for it"))?;
                Ok(IssuerKind::Cognito { scope })
            }
            KindName::Kubernetes => {
                let api = part.api.as_deref();
                let api = api.ok_or_else(|| wrong("a cluster without its API server", "write `api = \"https://…\"`; in a pod it is https://kubernetes.default.svc"))?;
                let url = format!(
                    "{}/apis/authentication.k8s.io/v1/tokenreviews",
                    api.trim_end_matches('/')
                );
                let token = part.token_file.as_ref();
                let token =
                    token.map_or_else(|| Path::new(IN_POD).join("token"), |file| self.beside(file));
                let address = self.address(span, &url, part.place())?;
                let review = Review::new(address, fetch.clone(), &token);
                Ok(IssuerKind::Kubernetes(Box::new(review)))
            }
        }
    }

    /// What is said of one kind is for that kind alone.
    fn fitting(&self, span: &Span, part: &IssuerPart) -> Result<(), SettingsError> {
        use KindName as K;
        for (name, is_said, kind) in [
            ("account", part.account.is_some(), K::Aws),
            ("role-by-name", part.role_by_name, K::Aws),
            ("scope", part.scope.is_some(), K::Cognito),
            ("api", part.api.is_some(), K::Kubernetes),
            ("token-file", part.token_file.is_some(), K::Kubernetes),
        ] {
            if is_said && part.kind != kind {
                let what = format!("`{name}` says nothing of an issuer of this kind");
                return Err(self.wrong(
                    span.clone(),
                    &what,
                    "leave it out, or write another `kind`",
                ));
            }
        }
        if part.kind == K::Kubernetes && part.keys.is_some() {
            let what = "`keys` beside an API server, which is asked in their place";
            let mend = "leave it out; or write `kind = \"oidc\"` to verify signatures alone, which does not see that a pod is gone";
            return Err(self.wrong(span.clone(), what, mend));
        }
        Ok(())
    }

    fn fetch(&self, span: &Span, part: &IssuerPart, place: Where) -> Result<Fetch, SettingsError> {
        let in_pod = Path::new(IN_POD).join("ca.crt");
        let file = match &part.ca {
            Some(file) => Some(self.beside(file)),
            None if part.kind == KindName::Kubernetes && in_pod.exists() => Some(in_pod),
            None => None,
        };
        let wrong = |what: String| {
            self.wrong(
                span.clone(),
                &what,
                "name a PEM file with the certificates of its authorities",
            )
        };
        let mut authorities = Vec::new();
        if let Some(file) = file {
            let read = CertificateDer::pem_file_iter(&file).and_then(Iterator::collect);
            authorities = read.map_err(|error| wrong(format!("`{}`: {error}", file.display())))?;
            if authorities.is_empty() {
                return Err(wrong(format!("`{}` holds no certificate", file.display())));
            }
        }
        Fetch::new(place, &authorities).map_err(|error| wrong(error.to_string()))
    }
}

/// What holds for a kind where nothing else is said.
struct Usual {
    issuer: Option<&'static str>,
    algorithms: &'static [Algorithm],
    lifetime_secs: u64,
    once: bool,
    pins: &'static [&'static str],
}

impl Usual {
    fn of(kind: KindName) -> Self {
        use Algorithm::{ES256, ES384, RS256};
        let oidc = Self {
            issuer: None,
            algorithms: &[RS256, ES256],
            lifetime_secs: 3_600,
            once: true,
            pins: &[],
        };
        match kind {
            KindName::Oidc => oidc,
            KindName::Aws => Self {
                algorithms: &[RS256, ES384],
                lifetime_secs: 900,
                ..oidc
            },
            // A name that was given up can be taken by somebody else; its number cannot.
            KindName::Github => Self {
                issuer: Some(GITHUB),
                algorithms: &[RS256],
                lifetime_secs: 900,
                pins: &["repository_id"],
                ..oidc
            },
            KindName::Cognito => Self {
                algorithms: &[RS256],
                once: false,
                ..oidc
            },
            // A pod shows the token in its file until another is there. An hour and seven seconds is
            // what the API server makes of an hour.
            KindName::Kubernetes => Self {
                algorithms: &[RS256, ES256, ES384],
                lifetime_secs: 3_607,
                once: false,
                pins: &[SERVICE_ACCOUNT_UID],
                ..oidc
            },
        }
    }
}
