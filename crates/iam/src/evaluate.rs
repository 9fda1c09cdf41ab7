//! What AWS answers to a request: yes, no, or that it depends on something that is not known.

mod action;
mod combine;
mod condition;
mod glob;
mod group;
mod hearing;
mod missing;
mod near;
mod principal;
mod program;
mod question;
mod resource;
mod split;
mod truth;
mod values;

use std::sync::Arc;

use serde::Serialize;
use smallvec::SmallVec;

use crate::{
    layers::{Compiled, LayerKind, Layers},
    policy::Effect,
    request::Request,
    vocabulary::Vocabulary,
};

use missing::Missing;
use split::Tried;

pub(crate) use group::Said;
pub(crate) use hearing::Hearing;
pub(crate) use program::Program;
pub(crate) use question::follows;
pub(crate) use truth::Truth;

/// How a resource pattern is compared with an ARN.
// IAM-016
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceSemantics {
    /// Segment by segment: a wildcard in the first five does not run past a colon.
    #[default]
    Segmented,
    /// As one text.
    Flat,
}

/// The answer to a request, with its reason.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    #[serde(rename = "decision")]
    pub outcome: Outcome,
    /// The layer that denied, or the first on which an unknown answer hangs. An allow has none:
    /// every layer had to agree.
    pub layer: Option<LayerKind>,
    /// The statement that decided in each layer in which one did: its deny, or else its allow. In
    /// an unknown answer, also the statements that may or may not match.
    pub because: SmallVec<[Because; 4]>,
    /// The context keys on which an unknown answer hangs, no more: as policies spell them, sorted.
    pub missing: Vec<String>,
    /// The policies that could not be read and on which an unknown answer hangs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
    /// Set where AWS has fixed the answer, whatever the policies say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed: Option<Fixed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Allow,
    /// Nothing allows it, or a layer that must allow it does not.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
    /// It depends on what is missing.
    Unknown,
}

/// A statement and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Because {
    pub layer: LayerKind,
    /// The name of the policy.
    pub policy: Arc<str>,
    /// The place of the statement in its policy, from 0.
    pub statement: usize,
    pub sid: Option<Arc<str>>,
    pub effect: Effect,
    /// The keys on which it depends whether this statement matches. Empty: it does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
}

/// A policy that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Unreadable {
    pub layer: LayerKind,
    pub policy: Arc<str>,
    pub why: Arc<str>,
}

/// Something AWS has fixed, whatever the policies say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fixed {
    /// `sts:GetCallerIdentity` needs no permission and cannot be denied.
    NeedsNoPermission,
    /// AWS's own policies, roles and aliases cannot be changed by anybody.
    BelongsToAws,
}

/// Decides a request.
///
/// An answer that would be the same whatever the missing context says is given; only one that would
/// differ is [`Outcome::Unknown`].
pub fn evaluate(layers: &Layers, request: &Request, vocabulary: &dyn Vocabulary) -> Decision {
    let hearing = Hearing::new(layers, request, vocabulary);
    decide(&hearing)
}

pub(crate) fn decide(hearing: &Hearing<'_>) -> Decision {
    let fixed = fixed(hearing);
    let said = hearing.slots().outcome(hearing.sides);
    let mut missing = None;
    let outcome = match (said, fixed) {
        (_, Some(Fixed::NeedsNoPermission)) => Outcome::Allow,
        (Outcome::ExplicitDeny, _) => Outcome::ExplicitDeny,
        (_, Some(Fixed::BelongsToAws)) => Outcome::ImplicitDeny,
        (Outcome::Unknown, None) => {
            let mut found = Missing::of(hearing);
            match split::try_all(hearing, &found) {
                Some(Tried::Same(outcome)) => outcome,
                Some(Tried::DependsOn(keys)) => {
                    found.keep(&keys);
                    missing = Some(found);
                    Outcome::Unknown
                }
                None => {
                    missing = Some(found);
                    Outcome::Unknown
                }
            }
        }
        (outcome @ (Outcome::Allow | Outcome::ImplicitDeny), None) => outcome,
    };
    let mut decision = Decision {
        outcome,
        layer: None,
        because: because(hearing),
        missing: Vec::new(),
        unreadable: Vec::new(),
        fixed,
    };
    decision.layer = match outcome {
        Outcome::Allow => None,
        Outcome::ImplicitDeny if fixed.is_some() => None,
        Outcome::ImplicitDeny => Some(hearing.silent_layer()),
        Outcome::ExplicitDeny => {
            let denies = |because: &&Because| because.effect == Effect::Deny;
            let deny = decision.because.iter().find(denies);
            deny.map(|found| found.layer)
        }
        Outcome::Unknown => None,
    };
    if let Some(missing) = missing {
        decision.hang_on(missing);
    }
    decision
}

impl Decision {
    fn hang_on(&mut self, missing: Missing) {
        let layers = missing.statements.iter().map(|because| because.layer);
        let unread = missing.unreadable.iter().map(|unread| unread.layer);
        self.layer = layers.chain(unread).min();
        self.because.extend(missing.statements);
        self.because.sort_by_key(|because| because.layer);
        self.missing = missing.keys;
        self.unreadable = missing.unreadable;
    }
}

/// The policies of a list that could not be read.
pub(crate) fn unreadable_in(policies: &[Arc<Compiled>], layer: LayerKind) -> Vec<Unreadable> {
    let unreadable = |compiled: &Arc<Compiled>| {
        Some(Unreadable {
            layer,
            policy: compiled.name().clone(),
            why: compiled.why_unreadable()?.clone(),
        })
    };
    policies.iter().filter_map(unreadable).collect()
}

fn because(hearing: &Hearing<'_>) -> SmallVec<[Because; 4]> {
    let deciding = hearing.deciding();
    deciding
        .iter()
        .filter_map(|&(layer, level, place)| hearing.because(layer, level, place))
        .collect()
}

/// What AWS has fixed about a request.
// IAM-014
fn fixed(hearing: &Hearing<'_>) -> Option<Fixed> {
    let question = &hearing.question;
    let action = question.action.as_str();
    if action == "sts:getcalleridentity" && question.principal_account.is_some() {
        return Some(Fixed::NeedsNoPermission);
    }
    let is_within = |start: &str| question.resource.last().starts_with(start);
    let belongs_to_aws = match question.action.service() {
        "kms" => CHANGES_AN_ALIAS.contains(&action) && is_within("alias/aws/"),
        "iam" => {
            let is_policy = question.resource.account() == "aws" && is_within("policy/");
            (CHANGES_A_POLICY.contains(&action) && is_policy)
                || (CHANGES_A_ROLE.contains(&action) && is_within("role/aws-reserved/"))
        }
        _ => false,
    };
    belongs_to_aws.then_some(Fixed::BelongsToAws)
}

const CHANGES_AN_ALIAS: [&str; 3] = ["kms:createalias", "kms:deletealias", "kms:updatealias"];

const CHANGES_A_POLICY: [&str; 7] = [
    "iam:createpolicy",
    "iam:createpolicyversion",
    "iam:deletepolicy",
    "iam:deletepolicyversion",
    "iam:setdefaultpolicyversion",
    "iam:tagpolicy",
    "iam:untagpolicy",
];

const CHANGES_A_ROLE: [&str; 13] = [
    "iam:attachrolepolicy",
    "iam:createrole",
    "iam:deleterole",
    "iam:deleterolepermissionsboundary",
    "iam:deleterolepolicy",
    "iam:detachrolepolicy",
    "iam:putrolepermissionsboundary",
    "iam:putrolepolicy",
    "iam:tagrole",
    "iam:untagrole",
    "iam:updateassumerolepolicy",
    "iam:updaterole",
    "iam:updateroledescription",
];
