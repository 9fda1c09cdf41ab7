//! Whose rights are held, and what they are.

use std::sync::Arc;

use bailiwick_estate::{Group, Id, PolicyDocument, PrincipalId};
use bailiwick_iam::{
    arn::AccountId,
    layers::{Compiled, Layers, NamedPolicy, Policies},
    policy::{ActionPattern, Effect, Policy, Selection, Statement},
    request::Principal,
};

use super::{Proof, digest::Actions, glob};

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

/// Whether identity and boundary together allow every action on every resource, in all
/// circumstances.
pub(crate) fn all_of_account(layers: &Layers) -> Everything {
    let identity = layers.identity.as_ref();
    let identity = identity.map_or(Everything::No, everything_in);
    let boundary = layers.boundary.as_ref();
    identity.min(boundary.map_or(Everything::Proved, everything_in))
}

/// The same of these layers with the SCPs over them.
pub(crate) fn everything(layers: &Layers) -> Everything {
    let mut answer = all_of_account(layers);
    for level in layers.scp.iter().flat_map(|levels| levels.iter()) {
        answer = answer.min(everything_in(&level.policies));
    }
    answer
}

fn everything_in(policies: &Policies) -> Everything {
    let read = policies.iter().filter_map(|policy| policy.policy());
    let statements: Vec<&Statement> = read.flat_map(|policy| &policy.statements).collect();
    let denies = |statement: &&&Statement| statement.effect == Effect::Deny;
    if statements.iter().any(|statement| denies(&statement)) {
        return Everything::No;
    }
    let all_read = policies.iter().all(|policy| policy.policy().is_some());
    let on_everything: Vec<_> = statements
        .into_iter()
        .filter(|statement| statement.conditions.is_empty() && is_on_everything(statement))
        .map(|statement| &statement.actions)
        .collect();
    let covered = on_everything
        .iter()
        .any(|actions| covers_every_action(actions, &on_everything));
    match (covered, all_read) {
        (true, true) => Everything::Proved,
        (_, false) => Everything::Unknown,
        (false, true) => Everything::No,
    }
}

fn is_on_everything(statement: &Statement) -> bool {
    match &statement.resources {
        Some(Selection::Only(patterns)) => patterns.iter().any(|it| it.value.0 == "*"),
        Some(Selection::AllBut(_)) | None => false,
    }
}

/// Whether these actions are all there are, or all but some that the others cover.
fn covers_every_action(
    actions: &Selection<ActionPattern>,
    others: &[&Selection<ActionPattern>],
) -> bool {
    match actions {
        Selection::Only(patterns) => patterns
            .iter()
            .any(|it| it.value.0.trim_matches('*').is_empty() || it.value.0 == "*:*"),
        // A pattern is a text too: whatever a wildcard in it stands for, `*` in the other takes.
        Selection::AllBut(excluded) => excluded.iter().all(|hole| {
            let mut patterns = others.iter().filter(|it| !it.is_excluding());
            patterns.any(|it| {
                let mut patterns = it.patterns().iter();
                patterns.any(|pattern| covers(&pattern.value.0, &hole.value.0))
            })
        }),
    }
}

/// Whether `wide` matches whatever `narrow` does. May say no where it does; never yes where not.
fn covers(wide: &str, narrow: &str) -> bool {
    // `?` in `narrow` could stand for a character that `?` in `wide` would take: no harm.
    // `*` in `narrow` may stand for several, so no `?` may answer for it.
    let safe = !(narrow.contains('*') && wide.contains('?'));
    safe && glob::matches(wide, narrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(identity: &[&str], boundary: Option<&str>) -> Layers {
        let policies = |texts: &[&str]| -> Policies {
            let compile = |text: &&str| {
                let statements = format!(r#"{{"Version":"2012-10-17","Statement":[{text}]}}"#);
                Arc::new(Compiled::new(NamedPolicy {
                    name: "p".into(),
                    policy: Arc::new(Policy::parse(&statements).unwrap()),
                }))
            };
            texts.iter().map(compile).collect()
        };
        Layers {
            identity: Some(policies(identity)),
            boundary: boundary.map(|text| policies(&[text])),
            ..Layers::default()
        }
    }

    const ALL: &str = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;

    #[test]
    fn everything_is_every_action_on_every_resource_without_condition_or_deny() {
        let check = |identity: &[&str], boundary, expected| {
            assert_eq!(
                everything(&layers(identity, boundary)),
                expected,
                "{identity:?}"
            );
        };
        check(&[ALL], None, Everything::Proved);
        check(&[ALL], Some(ALL), Everything::Proved);
        check(
            &[ALL],
            Some(r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#),
            Everything::No,
        );
        check(
            &[ALL, r#"{"Effect":"Deny","Action":"iam:*","Resource":"*"}"#],
            None,
            Everything::No,
        );
        check(
            &[r#"{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::*"}"#],
            None,
            Everything::No,
        );
        check(
            &[
                r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}"#,
            ],
            None,
            Everything::No,
        );
    }

    #[test]
    fn two_statements_may_hold_everything_together() {
        let but_iam =
            r#"{"Effect":"Allow","NotAction":["iam:Get*","iam:PassRole"],"Resource":"*"}"#;
        let iam = r#"{"Effect":"Allow","Action":"iam:*","Resource":"*"}"#;
        let get = r#"{"Effect":"Allow","Action":"iam:Get*","Resource":"*"}"#;
        assert_eq!(
            everything(&layers(&[but_iam, iam], None)),
            Everything::Proved
        );
        assert_eq!(everything(&layers(&[but_iam, get], None)), Everything::No);
    }

    #[test]
    fn a_policy_that_could_not_be_read_leaves_it_unknown() {
        let mut held = layers(&[ALL], None);
        let unread = Arc::new(Compiled::unreadable("p", "missing"));
        held.identity = Some([unread].into());
        assert_eq!(everything(&held), Everything::Unknown);
    }
}
