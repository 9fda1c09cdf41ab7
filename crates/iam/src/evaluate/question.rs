//! A request made ready to be asked many policies: cut once, looked up often.

use crate::{
    arn::AccountId,
    layers::{PlainOperator, Switches},
    request::{Facts, Principal, Request, Values},
    vocabulary::Vocabulary,
};

use super::{action::AskedAction, resource::AskedResource};

#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) request: &'a Request,
    pub(crate) action: AskedAction,
    pub(crate) resource: AskedResource<'a>,
    pub(crate) switches: Switches,
    pub(crate) principal_account: Option<AccountId>,
    pub(crate) resource_account: Option<AccountId>,
    /// The role that acts, as its ARN is known.
    pub(crate) role: Option<&'a str>,
    /// Whether the path in `role` can be relied on.
    pub(crate) role_path_is_known: bool,
    /// Whether the principal has a permissions boundary.
    pub(crate) is_bounded: bool,
    vocabulary: &'a dyn Vocabulary,
}

/// What is known of a condition key in this request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seen<'a> {
    Absent,
    Unknown,
    One(&'a str),
    Many(&'a [String]),
}

impl Seen<'_> {
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        let (one, many) = match self {
            Self::Absent | Self::Unknown => (None, [].as_slice()),
            Self::One(value) => (Some(*value), [].as_slice()),
            Self::Many(values) => (None, *values),
        };
        one.into_iter().chain(many.iter().map(String::as_str))
    }
}

/// A condition key as a policy names it.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) lowered: Box<str>,
    pub(crate) written: Box<str>,
    follows: Option<Follows>,
}

// IAM-035, IAM-045
/// Keys whose values follow from the principal and the resource, so that nobody need give them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
#[derive(Debug, Clone, Copy)]
enum Follows {
    PrincipalArn,
    PrincipalAccount,
    PrincipalType,
    UserId,
    Username,
    IsAwsService,
    ServiceName,
    ResourceAccount,
}

impl Key {
    pub(crate) fn new(written: &str) -> Self {
        let lowered = written.to_ascii_lowercase();
        let follows = match lowered.as_str() {
            "aws:principalarn" => Some(Follows::PrincipalArn),
            "aws:principalaccount" | "kms:calleraccount" => Some(Follows::PrincipalAccount),
            "aws:principaltype" => Some(Follows::PrincipalType),
            "aws:userid" => Some(Follows::UserId),
            "aws:username" => Some(Follows::Username),
            "aws:principalisawsservice" => Some(Follows::IsAwsService),
            "aws:principalservicename" => Some(Follows::ServiceName),
            "aws:resourceaccount" | "s3:resourceaccount" => Some(Follows::ResourceAccount),
            _ => None,
        };
        Self {
            lowered: lowered.into(),
            written: written.into(),
            follows,
        }
    }
}

/// Whether a key's value follows from the principal or the resource.
pub(crate) fn follows(key: &str) -> bool {
    Key::new(key).follows.is_some()
}

impl<'a> Question<'a> {
    pub(crate) fn new(
        request: &'a Request,
        switches: Switches,
        is_bounded: bool,
        vocabulary: &'a dyn Vocabulary,
    ) -> Self {
        let (role, role_path_is_known) = role_of(request);
        Self {
            request,
            action: AskedAction::new(&request.action),
            resource: AskedResource::new(&request.resource),
            switches,
            principal_account: request.principal.account(),
            resource_account: request.account_of_resource(),
            role,
            role_path_is_known,
            is_bounded,
            vocabulary,
        }
    }

    pub(crate) fn see<'q>(&'q self, key: &Key) -> Seen<'q>
    where
        'a: 'q,
    {
        match self.request.context.stated(&key.lowered) {
            Some(Facts::Values(Values::One(value))) => return Seen::One(value),
            Some(Facts::Values(Values::Many(values))) => return Seen::Many(values),
            Some(Facts::Absent) => return Seen::Absent,
            Some(Facts::Unknown) => return Seen::Unknown,
            None => {}
        }
        if let Some(seen) = key.follows.and_then(|follows| self.follow(follows)) {
            return seen;
        }
        if self.request.context.is_complete() {
            Seen::Absent
        } else {
            Seen::Unknown
        }
    }

    /// Whether a key has several values, so that a plain operator has nothing to compare: as the
    /// vocabulary says, or, for a key it does not know, as the request shows.
    // IAM-025
    pub(crate) fn is_many(&self, key: &Key, seen: &Seen<'_>) -> bool {
        let several = match seen {
            Seen::Absent | Seen::Unknown | Seen::One(_) => false,
            Seen::Many(values) => values.len() > 1,
        };
        several
            || self
                .vocabulary
                .key(&key.lowered)
                .is_some_and(|facts| facts.multivalued)
    }

    /// Whether a role acts that AWS made for one of its services: no SCP and no RCP limits it.
    // IAM-002, IAM-004
    pub(crate) fn is_service_linked(&self) -> bool {
        self.role
            .is_some_and(|role| role.contains(":role/aws-service-role/"))
    }

    pub(crate) fn plain_operator(&self) -> PlainOperator {
        self.switches.plain_operator
    }

    pub(crate) fn vocabulary(&self) -> &dyn Vocabulary {
        self.vocabulary
    }

    /// What the key's value must be; `None` if the principal does not tell.
    fn follow(&self, key: Follows) -> Option<Seen<'_>> {
        let principal = &self.request.principal;
        match key {
            Follows::PrincipalArn => match principal {
                Principal::Anonymous => Some(Seen::Absent),
                Principal::Role(_) | Principal::Session(_) => self.role.map(Seen::One),
                Principal::Root(arn) | Principal::User(arn) | Principal::FederatedUser(arn) => {
                    Some(Seen::One(arn.as_str()))
                }
                Principal::Provider(_) | Principal::Service(_) => None,
            },
            Follows::PrincipalAccount => match principal {
                Principal::Anonymous => Some(Seen::One("anonymous")),
                Principal::Root(_)
                | Principal::User(_)
                | Principal::Role(_)
                | Principal::Session(_)
                | Principal::FederatedUser(_)
                | Principal::Provider(_)
                | Principal::Service(_) => self
                    .principal_account
                    .as_ref()
                    .map(|account| Seen::One(account.as_str())),
            },
            Follows::PrincipalType => match principal {
                Principal::Root(_) => Some(Seen::One("Account")),
                Principal::User(_) => Some(Seen::One("User")),
                Principal::Role(_) | Principal::Session(_) => Some(Seen::One("AssumedRole")),
                Principal::FederatedUser(_) => Some(Seen::One("FederatedUser")),
                Principal::Anonymous => Some(Seen::One("Anonymous")),
                Principal::Provider(_) | Principal::Service(_) => None,
            },
            Follows::UserId => match principal {
                Principal::Root(_) => self
                    .principal_account
                    .as_ref()
                    .map(|account| Seen::One(account.as_str())),
                Principal::Anonymous => Some(Seen::One("anonymous")),
                // The unique id of a user or a role is in no ARN.
                Principal::User(_)
                | Principal::Role(_)
                | Principal::Session(_)
                | Principal::FederatedUser(_)
                | Principal::Provider(_)
                | Principal::Service(_) => None,
            },
            Follows::Username => Some(match principal {
                Principal::User(arn) => Seen::One(arn.resource_name()),
                Principal::Root(_)
                | Principal::Role(_)
                | Principal::Session(_)
                | Principal::FederatedUser(_)
                | Principal::Provider(_)
                | Principal::Service(_)
                | Principal::Anonymous => Seen::Absent,
            }),
            Follows::IsAwsService => Some(match principal {
                Principal::Service(_) => Seen::One("true"),
                Principal::Anonymous => Seen::Absent,
                Principal::Root(_)
                | Principal::User(_)
                | Principal::Role(_)
                | Principal::Session(_)
                | Principal::FederatedUser(_)
                | Principal::Provider(_) => Seen::One("false"),
            }),
            Follows::ServiceName => Some(match principal {
                Principal::Service(name) => Seen::One(name),
                Principal::Root(_)
                | Principal::User(_)
                | Principal::Role(_)
                | Principal::Session(_)
                | Principal::FederatedUser(_)
                | Principal::Provider(_)
                | Principal::Anonymous => Seen::Absent,
            }),
            Follows::ResourceAccount => self
                .resource_account
                .as_ref()
                .map(|account| Seen::One(account.as_str())),
        }
    }
}

/// The ARN of the role that acts, and whether its path is known: the request may tell it by
/// `aws:PrincipalArn`.
// IAM-009
fn role_of(request: &Request) -> (Option<&str>, bool) {
    match &request.principal {
        Principal::Role(arn) => (Some(arn.as_str()), true),
        Principal::Session(session) => {
            if session.has_known_path() {
                return (Some(session.role().as_str()), true);
            }
            match request.context.stated("aws:principalarn") {
                Some(Facts::Values(Values::One(arn))) => (Some(arn), true),
                _ => (Some(session.role().as_str()), false),
            }
        }
        Principal::Root(_)
        | Principal::User(_)
        | Principal::FederatedUser(_)
        | Principal::Provider(_)
        | Principal::Service(_)
        | Principal::Anonymous => (None, false),
    }
}
