//! The policies that apply to a request, by the layer in which AWS puts them.
//!
//! A policy is compiled once and shared: a thousand roles with the same managed policies hold the
//! same compiled ones. A layer is a list of them.

use std::{fmt, sync::Arc};

use crate::{
    arn::AccountId,
    evaluate::{Program, ResourceSemantics},
    policy::Policy,
};

/// The kinds of policy, in the order in which AWS's flow chart asks them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LayerKind {
    Rcp,
    Scp,
    Endpoint,
    Resource,
    /// The resource policy of a role: who may assume it.
    Trust,
    Identity,
    Boundary,
    Session,
}

impl LayerKind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rcp => "rcp",
            Self::Scp => "scp",
            Self::Endpoint => "endpoint",
            Self::Resource => "resource",
            Self::Trust => "trust",
            Self::Identity => "identity",
            Self::Boundary => "boundary",
            Self::Session => "session",
        }
    }
}

impl fmt::Display for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl serde::Serialize for LayerKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A policy and the name by which a decision speaks of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPolicy {
    pub name: Arc<str>,
    pub policy: Arc<Policy>,
}

/// A policy made ready to decide, or one of which it is only known that it exists.
///
/// Compiling costs some microseconds a statement; share the result.
#[derive(Debug, Clone)]
pub struct Compiled {
    name: Arc<str>,
    known: Known,
}

#[derive(Debug, Clone)]
enum Known {
    Policy {
        policy: Arc<Policy>,
        program: Program,
    },
    Unreadable {
        why: Arc<str>,
    },
}

impl Compiled {
    #[must_use]
    pub fn new(named: NamedPolicy) -> Self {
        let NamedPolicy { name, policy } = named;
        let program = Program::new(&policy);
        Self {
            name,
            known: Known::Policy { policy, program },
        }
    }

    /// A policy that exists but could not be read, or is not in the snapshot: it may allow or deny
    /// anything, so wherever it could matter the answer is unknown.
    #[must_use]
    pub fn unreadable(name: impl Into<Arc<str>>, why: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            known: Known::Unreadable { why: why.into() },
        }
    }

    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What was compiled, unless it could not be read.
    #[must_use]
    pub fn policy(&self) -> Option<&Arc<Policy>> {
        match &self.known {
            Known::Policy { policy, .. } => Some(policy),
            Known::Unreadable { .. } => None,
        }
    }

    /// Why the policy could not be read, if it could not.
    #[must_use]
    pub fn why_unreadable(&self) -> Option<&Arc<str>> {
        match &self.known {
            Known::Policy { .. } => None,
            Known::Unreadable { why } => Some(why),
        }
    }

    pub(crate) fn program(&self) -> Option<&Program> {
        match &self.known {
            Known::Policy { program, .. } => Some(program),
            Known::Unreadable { .. } => None,
        }
    }
}

/// The policies of one layer: any of them may allow, any of them may deny. Cheap to clone.
pub type Policies = Arc<[Arc<Compiled>]>;

/// The SCPs or RCPs attached at one place: the root, a unit or the account.
#[derive(Debug, Clone)]
pub struct Level {
    /// Where they are attached: `r-root`, `ou-1`, an account id.
    pub target: Arc<str>,
    pub policies: Policies,
}

/// Every policy that applies to a request. Cheap to clone, so that one principal's layers can be
/// paired with many resources.
///
/// A layer that is `None` does not exist. `identity: Some(empty)` is a principal without policies.
///
/// ```
/// use std::sync::Arc;
/// use bailiwick_iam::{
///     evaluate::{Outcome, evaluate},
///     layers::{Compiled, Layers, NamedPolicy},
///     policy::Policy,
///     request::Request,
///     vocabulary::NoVocabulary,
/// };
///
/// let policy = Policy::parse(
///     r#"{"Version":"2012-10-17","Statement":[
///         {"Sid":"Read","Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::ledger/*"}]}"#,
/// )?;
/// let compiled = Compiled::new(NamedPolicy { name: "reader".into(), policy: Arc::new(policy) });
/// let layers = Layers { identity: Some([Arc::new(compiled)].into()), ..Layers::default() };
///
/// let role = "arn:aws:iam::111122223333:role/reader".parse()?;
/// let request = Request::new(role, "s3:GetObject", "arn:aws:s3:::ledger/2026");
/// let decision = evaluate(&layers, &request, &NoVocabulary);
/// assert_eq!(decision.outcome, Outcome::Allow);
/// assert_eq!(decision.because[0].sid.as_deref(), Some("Read"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Layers {
    pub identity: Option<Policies>,
    pub boundary: Option<Policies>,
    pub session: Option<Policies>,
    /// The policy of the resource asked for. A role's is its trust policy.
    pub resource: Option<Arc<Compiled>>,
    /// The SCPs over the principal's account, from the root down.
    pub scp: Option<Arc<[Level]>>,
    /// The RCPs over the resource's account, from the root down. `RCPFullAWSAccess` is implied.
    pub rcp: Option<Arc<[Level]>>,
    /// The policies of the VPC endpoint the request comes through.
    pub endpoint: Option<Policies>,
    /// The organisation's management account, which no SCP and no RCP limits.
    // IAM-002, IAM-004
    pub management_account: Option<AccountId>,
    /// How AWS is taken to behave where its documentation does not say.
    pub switches: Switches,
}

/// How AWS is taken to behave where its documentation does not say, or says two things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Switches {
    pub resource: ResourceSemantics,
    pub plain_operator: PlainOperator,
}

/// What a condition operator without `ForAllValues` or `ForAnyValue` does with a key that has
/// several values.
// IAM-025
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PlainOperator {
    /// It does not match, negated or not.
    #[default]
    NeverMatches,
    /// It matches if any value does; negated, if none does.
    AnyValue,
}
