//! Who asks.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::arn::{AccountId, Arn};

/// The one who makes a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// `arn:aws:iam::111122223333:root`: the account's root user.
    Root(Arn),
    /// `arn:aws:iam::111122223333:user/path/name`
    User(Arn),
    /// A role before anybody assumed it: its rights without those of one session.
    Role(Arn),
    /// `arn:aws:sts::111122223333:assumed-role/role/session`: what a role acts as.
    // IAM-009
    Session(Session),
    /// `arn:aws:sts::111122223333:federated-user/name`, from `sts:GetFederationToken`.
    FederatedUser(Arn),
    /// Somebody an identity provider vouches for, before a role is assumed: the ARN of a SAML or
    /// OIDC provider, or a provider's name such as `cognito-identity.amazonaws.com`.
    Provider(String),
    /// An AWS service acting for itself: `bedrock.amazonaws.com`.
    Service(String),
    /// Nobody in particular: an unsigned request.
    Anonymous,
}

/// A session of a role.
///
/// The ARN of a session leaves out the path of its role.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Session {
    arn: Arn,
    role: Arn,
    has_known_path: bool,
}

impl Session {
    #[must_use]
    pub fn arn(&self) -> &Arn {
        &self.arn
    }

    /// The role. If its path is not known, as if it had none.
    #[must_use]
    pub fn role(&self) -> &Arn {
        &self.role
    }

    /// Whether the path of the role is known.
    #[must_use]
    pub fn has_known_path(&self) -> bool {
        self.has_known_path
    }

    #[must_use]
    pub fn name(&self) -> &str {
        self.arn.resource_name()
    }
}

/// Why a text names no principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no principal")]
pub struct ParsePrincipalError {
    pub text: String,
}

impl Principal {
    /// A session of a role whose whole ARN is known.
    ///
    /// # Errors
    /// If the ARN is no role's, or the session has no name.
    pub fn session(role: &Arn, name: &str) -> Result<Self, ParsePrincipalError> {
        let refused = || ParsePrincipalError {
            text: format!("a session `{name}` of {role}"),
        };
        let account = role.account_id().ok_or_else(refused)?;
        let is_role = role.service() == "iam" && role.resource_kind() == "role";
        if !is_role || name.is_empty() || name.contains('/') {
            return Err(refused());
        }
        let text = format!(
            "arn:{}:sts::{account}:assumed-role/{}/{name}",
            role.partition(),
            role.resource_name()
        );
        let arn: Arn = text.parse().map_err(|_| refused())?;
        Ok(Self::Session(Session {
            arn,
            role: role.clone(),
            has_known_path: true,
        }))
    }

    /// The account the principal belongs to.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Root(arn) | Self::User(arn) | Self::Role(arn) | Self::FederatedUser(arn) => {
                arn.account_id()
            }
            Self::Session(session) => session.arn.account_id(),
            Self::Provider(_) | Self::Service(_) | Self::Anonymous => None,
        }
    }

    /// The ARN, for those that have one.
    #[must_use]
    pub fn arn(&self) -> Option<&Arn> {
        match self {
            Self::Root(arn) | Self::User(arn) | Self::Role(arn) | Self::FederatedUser(arn) => {
                Some(arn)
            }
            Self::Session(session) => Some(&session.arn),
            Self::Provider(_) | Self::Service(_) | Self::Anonymous => None,
        }
    }

    /// The role that acts, if a role does.
    #[must_use]
    pub fn role(&self) -> Option<&Arn> {
        match self {
            Self::Role(arn) => Some(arn),
            Self::Session(session) => Some(&session.role),
            Self::Root(_)
            | Self::User(_)
            | Self::FederatedUser(_)
            | Self::Provider(_)
            | Self::Service(_)
            | Self::Anonymous => None,
        }
    }

    /// Whether this is a role that AWS made for one of its services and that no SCP or RCP limits.
    // IAM-002, IAM-004
    #[must_use]
    pub fn is_service_linked(&self) -> bool {
        self.role()
            .is_some_and(|role| role.resource().starts_with("role/aws-service-role/"))
    }
}

impl FromStr for Principal {
    type Err = ParsePrincipalError;

    /// Reads the ARN of a principal, or `anonymous`.
    fn from_str(text: &str) -> Result<Self, ParsePrincipalError> {
        let refused = || ParsePrincipalError {
            text: text.chars().take(200).collect(),
        };
        if text == "anonymous" {
            return Ok(Self::Anonymous);
        }
        let arn: Arn = text.parse().map_err(|_| refused())?;
        if arn.account_id().is_none() || !arn.region().is_empty() {
            return Err(refused());
        }
        match (arn.service(), arn.resource_kind()) {
            ("iam", "") if arn.resource() == "root" => Ok(Self::Root(arn)),
            ("iam", "user") => named(arn, Self::User).ok_or_else(refused),
            ("iam", "role") => named(arn, Self::Role).ok_or_else(refused),
            ("sts", "federated-user") => named(arn, Self::FederatedUser).ok_or_else(refused),
            ("sts", "assumed-role") => session(arn).ok_or_else(refused),
            _ => Err(refused()),
        }
    }
}

fn named(arn: Arn, make: fn(Arn) -> Principal) -> Option<Principal> {
    (!arn.resource_name().is_empty()).then(|| make(arn))
}

fn session(arn: Arn) -> Option<Principal> {
    let mut parts = arn.resource().split('/').skip(1);
    let (role, name) = (parts.next()?, parts.next()?);
    let complete = !role.is_empty() && !name.is_empty() && parts.next().is_none();
    if !complete {
        return None;
    }
    let role = format!("arn:{}:iam::{}:role/{role}", arn.partition(), arn.account());
    Some(Principal::Session(Session {
        role: role.parse().ok()?,
        arn,
        has_known_path: false,
    }))
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(arn) | Self::User(arn) | Self::Role(arn) | Self::FederatedUser(arn) => {
                fmt::Display::fmt(arn, f)
            }
            Self::Session(session) => fmt::Display::fmt(&session.arn, f),
            Self::Provider(name) | Self::Service(name) => f.pad(name),
            Self::Anonymous => f.pad("anonymous"),
        }
    }
}

impl Serialize for Principal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let one = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        let (kind, name) = match self {
            Self::Root(_)
            | Self::User(_)
            | Self::Role(_)
            | Self::Session(_)
            | Self::FederatedUser(_)
            | Self::Anonymous => return serializer.collect_str(self),
            Self::Provider(name) => one("federated", name),
            Self::Service(name) => one("service", name),
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&kind, &name)?;
        map.end()
    }
}
