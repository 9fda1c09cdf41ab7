//! One request, as the policies see it: who asks for which action on which resource, in which
//! circumstances.

mod context;
mod principal;
mod read;

#[cfg(test)]
mod tests;

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::arn::{AccountId, Arn};

pub use context::{Context, Facts, Values};
pub use principal::{ParsePrincipalError, Principal, Session};
pub(crate) use read::{At, account as read_account};
pub use read::{ReadError, Trouble};

/// A request to AWS.
///
/// ```
/// use bailiwick_iam::request::{Context, Principal, Request};
///
/// let request = Request {
///     principal: "arn:aws:sts::111122223333:assumed-role/reader/s".parse()?,
///     action: "s3:GetObject".into(),
///     resource: "arn:aws:s3:::ledger/2026".into(),
///     resource_account: Some("111122223333".parse()?),
///     context: Context::default().with("aws:SourceIp", "10.0.0.1"),
/// };
/// assert_eq!(
///     serde_json::to_string(&request)?,
///     r#"{"principal":"arn:aws:sts::111122223333:assumed-role/reader/s","action":"s3:GetObject","resource":"arn:aws:s3:::ledger/2026","resource_account":"111122223333","context":{"aws:SourceIp":"10.0.0.1"}}"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// One call to AWS may make several requests (`ec2:RunInstances` asks for the image, the subnet and
/// each volume); all must be allowed, and each is a `Request` of its own.
// IAM-019, IAM-040
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    pub principal: Principal,
    /// `service:Name`, in any case of letters.
    pub action: String,
    /// The ARN asked for, or `*` where the action takes no resource.
    pub resource: String,
    /// Whose the resource is, where its ARN does not say, as in S3.
    pub resource_account: Option<AccountId>,
    pub context: Context,
}

impl Request {
    /// A request in complete, empty circumstances.
    #[must_use]
    pub fn new(
        principal: Principal,
        action: impl Into<String>,
        resource: impl Into<String>,
    ) -> Self {
        Self {
            principal,
            action: action.into(),
            resource: resource.into(),
            resource_account: None,
            context: Context::default(),
        }
    }

    /// The account whose resource is asked for: as given, or as its ARN says, or else the
    /// principal's own.
    // IAM-045
    #[must_use]
    pub fn account_of_resource(&self) -> Option<AccountId> {
        self.resource_account
            .or_else(|| account_in(&self.resource))
            .or_else(|| self.principal.account())
    }

    /// The service of the action, as written: `s3` in `s3:GetObject`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.action
            .split_once(':')
            .map_or("", |(service, _)| service)
    }

    /// The ARN of a session leaves out the path of its role; `aws:PrincipalArn` keeps it.
    fn context_that_tells_the_role(&self) -> Option<Context> {
        let Principal::Session(session) = &self.principal else {
            return None;
        };
        let has_path = session.role().resource().matches('/').count() > 1;
        let told = self.context.stated("aws:principalarn").is_some();
        if !has_path || told {
            return None;
        }
        let role = session.role().as_str();
        Some(self.context.clone().with("aws:PrincipalArn", role))
    }
}

fn account_in(resource: &str) -> Option<AccountId> {
    let is_arn = resource.starts_with("arn:");
    if is_arn {
        resource.split(':').nth(4)?.parse().ok()
    } else {
        None
    }
}

impl Serialize for Request {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            principal,
            action,
            resource,
            resource_account,
            context,
        } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("principal", principal)?;
        map.serialize_entry("action", action)?;
        map.serialize_entry("resource", resource)?;
        if let Some(account) = resource_account {
            map.serialize_entry("resource_account", account)?;
        }
        match self.context_that_tells_the_role() {
            None => map.serialize_entry("context", context)?,
            Some(told) => map.serialize_entry("context", &told)?,
        }
        if !context.is_complete() {
            map.serialize_entry("context_complete", &false)?;
        }
        let unknown: Vec<&str> = context.unknown_keys().collect();
        if !unknown.is_empty() {
            map.serialize_entry("context_unknown", &unknown)?;
        }
        map.end()
    }
}

/// The ARN of the role a request asks to assume, if that is what it asks for.
pub(crate) fn assumed_role(request: &Request) -> Option<Arn> {
    const ASSUMING: [&str; 5] = [
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        "sts:TagSession",
        "sts:SetSourceIdentity",
    ];
    let assumes = ASSUMING
        .iter()
        .any(|action| action.eq_ignore_ascii_case(&request.action));
    if !assumes {
        return None;
    }
    let arn: Arn = request.resource.parse().ok()?;
    let is_role = arn.service() == "iam" && arn.resource_kind() == "role";
    is_role.then_some(arn)
}
