//! Whether somebody holds every action on every resource, whatever the circumstances.
//!
//! The algebra proves it. Most principals are refused with one request beforehand, and those that
//! hold the same policies are asked about once.

use std::{cell::RefCell, collections::BTreeSet, fmt};

use bailiwick_estate::{Content, Estate, Id, PolicyDocument};
use bailiwick_iam::{
    access::{Algebra, Contained, Unknown},
    arn::AccountId,
    evaluate::{Outcome, evaluate},
    layers::Layers,
    request::{Principal, Request},
    vocabulary::Vocabulary,
};
use rustc_hash::FxHashMap;

use super::holder::Everything;

/// Asks the algebra, and keeps what it said.
pub(crate) struct Prover<'e> {
    vocabulary: &'e dyn Vocabulary,
    algebra: Algebra<'e>,
    /// Of layers that say the same whoever has them.
    told: RefCell<FxHashMap<Texts, Everything>>,
}

/// What identity policies and boundary say, by the number of their texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Texts {
    identity: BTreeSet<Said>,
    /// A policy that allows everything was added.
    written: bool,
    boundary: Option<Said>,
    /// The account whose SCPs are counted, if any are.
    scps_of: Option<AccountId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Said {
    Text(usize),
    /// It could not be read, or is in no file: it is like no other.
    Document(usize),
}

/// An action of no service: who may not do this holds less than everything.
const ANY_ACTION: &str = "bailiwick:AnyAction";

impl<'e> Prover<'e> {
    pub(crate) fn new(vocabulary: &'e dyn Vocabulary) -> Self {
        Self {
            vocabulary,
            algebra: Algebra::new(vocabulary),
            told: RefCell::default(),
        }
    }

    /// Whether the layers of a principal hold everything. `texts` says what stands in them, where
    /// nothing in them hangs on who asks.
    pub(crate) fn everything(
        &self,
        layers: &Layers,
        signer: &Principal,
        texts: Option<Texts>,
    ) -> Everything {
        let request = Request::new(signer.clone(), ANY_ACTION, "*");
        match evaluate(layers, &request, self.vocabulary).outcome {
            Outcome::ImplicitDeny | Outcome::ExplicitDeny => return Everything::No,
            Outcome::Allow | Outcome::Unknown => {}
        }
        let Some(texts) = texts else {
            return self.prove(layers, Some(signer));
        };
        if let Some(&told) = self.told.borrow().get(&texts) {
            return told;
        }
        let told = self.prove(layers, None);
        self.told.borrow_mut().insert(texts, told);
        told
    }

    fn prove(&self, layers: &Layers, signer: Option<&Principal>) -> Everything {
        match self.algebra.access(layers, signer).is_everything() {
            Contained::Proved => Everything::Proved,
            Contained::Refuted(_) => Everything::No,
            Contained::Unknown(
                Unknown::Unreadable { .. }
                | Unknown::Exhausted(_)
                | Unknown::Uncertified(_)
                | Unknown::Unconfirmed { .. }
                | Unknown::Reading { .. },
            ) => Everything::Unknown,
        }
    }
}

impl Texts {
    pub(crate) fn of(
        estate: &Estate,
        identity: &[Id<PolicyDocument>],
        boundary: Option<Id<PolicyDocument>>,
    ) -> Self {
        let said = |document: Id<PolicyDocument>| match estate.policies.at(document).content {
            Content::Read(text) => Said::Text(text.index()),
            Content::Unreadable { .. } | Content::Missing => Said::Document(document.index()),
        };
        Self {
            identity: identity.iter().copied().map(said).collect(),
            written: false,
            boundary: boundary.map(said),
            scps_of: None,
        }
    }

    /// The same under the SCPs over an account.
    pub(crate) fn under_scps_of(&self, account: AccountId) -> Self {
        Self {
            scps_of: Some(account),
            ..self.clone()
        }
    }

    /// The same with a policy beside it that allows everything.
    pub(crate) fn with_written(self) -> Self {
        Self {
            written: true,
            ..self
        }
    }
}

impl fmt::Debug for Prover<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bailiwick_iam::{
        layers::{Compiled, NamedPolicy, Policies},
        policy::Policy,
    };

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

    fn everything(layers: &Layers) -> Everything {
        let role = "arn:aws:iam::111122223333:role/admin".parse().unwrap();
        let signer = Principal::session(&role, "session").unwrap();
        let prover = Prover::new(bailiwick_iam_catalog::builtin());
        prover.everything(layers, &signer, None)
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
