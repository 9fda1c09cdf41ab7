//! Issuers of tokens whose word is taken, and what each kind of token shows.

use bailiwick_authority::json::Value;
use bailiwick_authority::token::{Jws, TokenFault};
use bailiwick_iam::arn::Arn;
use bailiwick_ledger::Hash;

use crate::fetch::Fetch;
use crate::jwks::Algorithm;
use crate::jwt::{self, Expected, JwtFault};
use crate::kubernetes::{Review, ReviewFault};
use crate::proof::{Binding, Method, Once, Proved, ProvedRole, Subject, Verdict};
use crate::published::{KeyFault, Published, Source};

/// Where AWS puts what it says of a role beside the claims that every issuer has.
const AWS_CLAIMS: &str = "https://sts.amazonaws.com/";

/// The claim with the unique id of a Kubernetes service account, as a JSON pointer.
pub(crate) const SERVICE_ACCOUNT_UID: &str = "/kubernetes.io/serviceaccount/uid";

/// What is taken of one issuer.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// As its tokens name it, letter for letter.
    pub issuer: String,
    pub kind: IssuerKind,
    /// Whom tokens must be for.
    pub audience: String,
    pub algorithms: Vec<Algorithm>,
    /// The values of `typ` that are taken; an empty one stands for none.
    pub types: Vec<String>,
    /// No token that lives longer is taken.
    pub lifetime_secs_max: u64,
    /// Whether a token opens one grant, or may be shown again until it expires.
    pub is_once: bool,
    /// Claims, as JSON pointers, that a charter must say the value of: without them another subject
    /// of the same name would pass for the one that is meant.
    pub pins: Vec<String>,
    pub keys: Source,
}

/// What kind of tokens it makes.
#[derive(Debug, Clone)]
pub enum IssuerKind {
    /// Whatever OpenID Connect says of them.
    Oidc,
    /// Of `sts:GetWebIdentityToken`, in one account.
    Aws { account: String, by_name: bool },
    /// Access tokens of a Cognito user pool for a client of its own. They name no audience; a scope
    /// of a resource server stands for it.
    Cognito { scope: String },
    /// Of service accounts, about which the API server is asked.
    Kubernetes(Box<Review>),
}

/// An issuer whose tokens are taken.
#[derive(Debug)]
pub struct Issuer {
    settings: IssuerSettings,
    keys: Published,
}

/// Why a token proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefused {
    #[error(transparent)]
    Jwt(#[from] JwtFault),
    #[error("the keys of the token's issuer are not known now")]
    Keys,
    #[error("the token is of an account that this issuer is not registered for")]
    Account,
    #[error("the token is of no role, so it names no agent")]
    NoRole,
    #[error(
        "the token is of another use than `access`, or lacks the scope that stands for this authority"
    )]
    Use,
    #[error(transparent)]
    Review(#[from] ReviewFault),
}

impl TokenRefused {
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Jwt(fault) if fault.is_malformed() => Verdict::Malformed,
            Self::Jwt(_) | Self::Account | Self::NoRole | Self::Use => Verdict::Refused,
            Self::Keys => Verdict::Unavailable,
            Self::Review(fault) => fault.verdict(),
        }
    }

    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Jwt(fault) => fault.code(),
            Self::Keys => "issuer_unreachable",
            Self::Account => "account_unregistered",
            Self::NoRole => "no_role",
            Self::Use => "token_use",
            Self::Review(fault) => fault.code(),
        }
    }
}

impl Issuer {
    #[must_use]
    pub fn new(settings: IssuerSettings, fetch: Fetch) -> Self {
        let keys = Published::new(&settings.issuer, settings.keys.clone(), fetch);
        Self { settings, keys }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.settings.issuer
    }

    /// Whom its tokens must be for.
    pub(crate) fn audience(&self) -> &str {
        &self.settings.audience
    }

    /// Verifies a token that says to be of this issuer.
    ///
    /// # Errors
    /// If it does not hold, or nobody can tell.
    pub(crate) async fn verify(
        &self,
        text: &str,
        token: &Jws<'_>,
        now_ms: u64,
    ) -> Result<Proved, TokenRefused> {
        let settings = &self.settings;
        let expected = Expected {
            algorithms: &settings.algorithms,
            types: &settings.types,
            lifetime_secs_max: settings.lifetime_secs_max,
            now_secs: now_ms / 1_000,
        };
        let (kid, algorithm) = jwt::header(token, &expected)?;
        let claims = &token.claims;
        if jwt::text(claims, "iss")? != settings.issuer {
            return Err(JwtFault::from(TokenFault::Issuer).into());
        }
        // What costs nothing is looked at before anybody is asked; nothing of it is believed yet.
        let subject = jwt::text(claims, "sub")?.to_owned();
        let expires = jwt::expiry(claims, &expected, false)?;
        if !matches!(settings.kind, IssuerKind::Cognito { .. }) || claims.get("aud").is_some() {
            jwt::audience(claims, &settings.audience)?;
        }
        match &settings.kind {
            IssuerKind::Kubernetes(review) => {
                review
                    .ask(text, &settings.audience, claims, &subject)
                    .await?;
            }
            IssuerKind::Oidc | IssuerKind::Aws { .. } | IssuerKind::Cognito { .. } => {
                let key = self.keys.key(kid, algorithm, now_ms).await;
                let key = key.map_err(|fault| match fault {
                    KeyFault::Unknown => JwtFault::from(TokenFault::UnknownKey).into(),
                    KeyFault::Ambiguous => JwtFault::AmbiguousKey.into(),
                    KeyFault::Unreachable => TokenRefused::Keys,
                })?;
                if !key.has_signed(algorithm, token.signed.as_bytes(), &token.signature) {
                    return Err(JwtFault::from(TokenFault::Signature).into());
                }
            }
        }
        let (method, subject, instance) = self.subject(claims, subject)?;
        // What was signed names the token, and not its signature: of that there may be several.
        let id = Hash::of(&[token.signed.as_bytes()]);
        Ok(Proved {
            method,
            subject,
            instance,
            binding: Binding::Bearer,
            expires_ms: expires.saturating_mul(1_000),
            id,
            once: settings.is_once.then(|| Once {
                value: id,
                // A minute more, for a replica whose clock is late.
                until_ms: expires.saturating_add(60).saturating_mul(1_000),
            }),
        })
    }

    /// Who the claims are of. They are believed by now.
    fn subject(
        &self,
        claims: &Value,
        subject: String,
    ) -> Result<(Method, Subject, Option<String>), TokenRefused> {
        let token = |subject: String| Subject::Token {
            issuer: self.settings.issuer.clone(),
            subject,
            claims: claims.clone(),
            pins: self.settings.pins.clone(),
        };
        match &self.settings.kind {
            IssuerKind::Oidc => Ok((Method::Token, token(subject), None)),
            IssuerKind::Kubernetes(_) => {
                let pod = pointed(claims, "/kubernetes.io/pod/uid").and_then(Value::text);
                let pod = pod.map(str::to_owned);
                Ok((Method::Kubernetes, token(subject), pod))
            }
            IssuerKind::Cognito { scope } => {
                let is_access = jwt::text(claims, "token_use")? == "access";
                let scopes = jwt::text(claims, "scope")?;
                // A token of a person in a browser has a subject of its own beside the client.
                let is_client = jwt::text(claims, "client_id")? == subject;
                if !is_access || !is_client || !scopes.split(' ').any(|it| it == scope) {
                    return Err(TokenRefused::Use);
                }
                Ok((Method::Token, token(subject), None))
            }
            IssuerKind::Aws { account, by_name } => {
                let role = role(claims, &subject, account, *by_name)?;
                let about = claims.get(AWS_CLAIMS);
                let told = |name: &str| about?.get(name)?.text();
                let instance = told("lambda_source_function_arn");
                let instance = instance.or(told("ec2_source_instance_arn"));
                let instance = instance.map(str::to_owned);
                Ok((Method::AwsToken, Subject::Role(role), instance))
            }
        }
    }
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html
fn role(
    claims: &Value,
    subject: &str,
    account: &str,
    by_name: bool,
) -> Result<ProvedRole, TokenRefused> {
    let told = claims
        .get(AWS_CLAIMS)
        .and_then(|about| about.get("aws_account"));
    let arn: Arn = subject.parse().map_err(|_| TokenRefused::NoRole)?;
    if arn.service() != "iam" || arn.resource_kind() != "role" {
        return Err(TokenRefused::NoRole);
    }
    let is_registered = told.and_then(Value::text) == Some(account) && arn.account() == account;
    if !is_registered {
        return Err(TokenRefused::Account);
    }
    let (path, name) = crate::bind::path_and_name(arn.resource());
    Ok(ProvedRole {
        partition: arn.partition().to_owned(),
        account: account.to_owned(),
        path: Some(path),
        name: name.to_owned(),
        // AWS says the role's ARN in these tokens, and not its id.
        unique_id: None,
        by_name,
    })
}

/// The value at a JSON pointer (RFC 6901), or the claim of that name if it is no pointer.
pub(crate) fn pointed<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    let Some(path) = pointer.strip_prefix('/') else {
        return value.get(pointer);
    };
    path.split('/').try_fold(value, |value, part| {
        value.get(&part.replace("~1", "/").replace("~0", "~"))
    })
}
