//! Whose rights are held, and what they are.

use std::sync::Arc;

use bailiwick_estate::{Group, Id, PolicyDocument, PrincipalId};
use bailiwick_iam::{
    arn::AccountId,
    layers::{Compiled, Layers, NamedPolicy},
    policy::Policy,
    request::Principal,
};

use super::{Proof, digest::Actions};

/// A principal, and what it has added to its own policies on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Holder {
    pub(crate) principal: PrincipalId,
    pub(crate) added: Added,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Added {
    Nothing,
    /// The user has joined this group.
    Group(Id<Group>),
    /// Somebody has written a policy of their own choice into it.
    Anything,
}

impl Holder {
    pub(crate) fn of(principal: PrincipalId) -> Self {
        Self {
            principal,
            added: Added::Nothing,
        }
    }

    pub(crate) fn with(self, added: Added) -> Self {
        Self { added, ..self }
    }
}

/// What a holder's policies say, ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Rights {
    pub(crate) holder: Holder,
    pub(crate) account: AccountId,
    pub(crate) signer: Principal,
    pub(crate) layers: Layers,
    /// The documents of the identity layer; empty where it is of somebody's own writing.
    pub(crate) identity: Vec<Id<PolicyDocument>>,
    pub(crate) allows: Actions,
    /// The documents of its boundary and of the SCPs over it.
    pub(crate) limits: Vec<Id<PolicyDocument>>,
    /// The documents of all its layers that have conditions or variables.
    pub(crate) conditional: Vec<Id<PolicyDocument>>,
    /// What it did to be rid of its limits.
    pub(crate) shed: Vec<Proof>,
    pub(crate) everything: Everything,
    /// Whether they would hold everything, were there no SCPs: nobody in the account holds more.
    pub(crate) all_of_account: Everything,
}

/// Whether rights hold every action on every resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Everything {
    /// It is not proved.
    No,
    /// They would, if policies that could not be read allow enough and deny nothing.
    Unknown,
    Proved,
}

/// The name under which a policy that somebody writes on the way is spoken of.
pub(crate) const WRITTEN: &str = "a policy of its own writing";

/// A policy that allows everything.
pub(crate) fn written() -> Option<Arc<Compiled>> {
    const EVERYTHING: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let policy = Policy::parse(EVERYTHING).ok()?;
    Some(Arc::new(Compiled::new(NamedPolicy {
        name: WRITTEN.into(),
        policy: Arc::new(policy),
    })))
}
