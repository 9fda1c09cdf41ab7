//! Who asks in a witness: somebody of whom all that the cell says of its principal is true, where
//! there is such a one.

use std::collections::BTreeSet;

use crate::arn::Arn;
use crate::request::Principal;

use super::super::budget::Budget;
use super::super::compile::consequences;
use super::super::glob::Glob;
use super::super::scene::Fact;
use super::super::text::{TextState, letters, spelled};
use super::super::values::Atom;
use super::{ACCOUNT, Draft, OTHER_ACCOUNT, fits};

const ARN: &str = "aws:principalarn";

impl Draft<'_> {
    /// Chooses who asks, and says of them what follows.
    pub(super) fn principal(&mut self, budget: &mut Budget) -> Option<Principal> {
        let wanted = self.bound(&self.state.principal)?;
        let candidates = self.candidates(&wanted);
        let is_admitted = |it: &&Principal| wanted.admits(&letters(&named(it)));
        let suits = |it: &&Principal| is_admitted(it) && self.can_be(it);
        // The next attempt asks as somebody else, if there is one.
        let suiting = candidates.iter().filter(suits).nth(self.attempt);
        let chosen = suiting.or_else(|| candidates.iter().find(suits)).cloned();
        if let Some(chosen) = chosen {
            self.say_of(&chosen);
            return Some(chosen);
        }
        if let Some(admitted) = candidates.iter().find(is_admitted).cloned() {
            self.say_against(&admitted);
            return Some(admitted);
        }
        read(&wanted.word(&["x", "x1"], budget)?)
    }

    /// Who comes into question, the plainest first.
    fn candidates(&self, wanted: &TextState) -> Vec<Principal> {
        let first = |key: &str| self.values.get(key)?.first().cloned();
        let told = first(ARN);
        let name = first("aws:username").filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "x".to_owned());
        let mut accounts = vec![self.account(None)];
        let named_accounts = wanted.positive.iter().filter_map(twelve_digits);
        accounts.extend(named_accounts);
        accounts.extend([ACCOUNT.to_owned(), OTHER_ACCOUNT.to_owned()]);
        let mut seen = BTreeSet::new();
        accounts.retain(|account| seen.insert(account.clone()));
        let literal = wanted.positive.iter().filter_map(Glob::as_text);
        let mut candidates: Vec<Principal> = literal.filter_map(|text| read(&text)).collect();
        candidates.extend(told.iter().flat_map(|arn| acting(arn)));
        for account in &accounts {
            candidates.extend(acting(&format!("arn:aws:iam::{account}:role/x")));
            candidates.extend(acting(&format!("arn:aws:iam::{account}:user/{name}")));
            candidates.extend(acting(&format!("arn:aws:iam::{account}:root")));
        }
        candidates.extend(self.named_arns().iter().flat_map(|arn| acting(arn)));
        if *wanted != TextState::default() {
            for account in &accounts {
                let federated = format!("arn:aws:sts::{account}:federated-user/x");
                candidates.extend(acting(&federated));
            }
            candidates.push(Principal::Anonymous);
            candidates.push(Principal::Service("x.amazonaws.com".to_owned()));
        }
        candidates
    }

    /// The ARNs that policies name and that the cell leaves.
    fn named_arns(&self) -> Vec<String> {
        let Some(at) = self.scene.key(ARN) else {
            return Vec::new();
        };
        let (Some(key), Some(state)) = (self.scene.keys.get(at), self.state.keys.get(at)) else {
            return Vec::new();
        };
        let atoms = state.all.iter().filter_map(|at| key.domain.atoms.get(at));
        let named = atoms.filter_map(|atom| match atom {
            Atom::Value(text) => Some(text.clone()),
            Atom::Example(_) | Atom::Cell(_) | Atom::Foreign | Atom::Several => None,
        });
        named.collect()
    }

    /// Whether the cell allows what follows from this principal.
    fn can_be(&self, principal: &Principal) -> bool {
        let consequences = consequences(principal);
        let of = |at: usize| {
            let key = self.scene.keys.get(at)?;
            consequences.get(&*key.name)?.as_ref()
        };
        let mut decided = self.scene.facts.iter().zip(&self.state.facts);
        let disagrees = decided.any(|(fact, holds)| match fact {
            Fact::Equal { key, variable } if *holds == Some(false) => {
                of(*key).is_some() && of(*key) == of(*variable)
            }
            Fact::Equal { .. } | Fact::Opaque { .. } => false,
        });
        !disagrees
            && consequences.iter().all(|(key, own)| {
                let Some(at) = self.scene.key(key) else {
                    return true;
                };
                let (Some(key), Some(state)) = (self.scene.keys.get(at), self.state.keys.get(at))
                else {
                    return true;
                };
                match own {
                    None => state.may_be_absent,
                    Some(own) => {
                        let one = |all| fits(&key.domain, all, own);
                        one(&state.all) && state.some.iter().all(one)
                    }
                }
            })
    }

    /// Nobody suits: what follows from the principal and was not chosen is said to be absent.
    fn say_against(&mut self, principal: &Principal) {
        for (key, _) in consequences(principal) {
            if self.scene.key(&key).is_some() {
                self.values.entry(key).or_default();
            }
        }
    }

    /// Puts what follows from the principal in place of what was chosen, and of what must equal it.
    fn say_of(&mut self, principal: &Principal) {
        let classes = self.state.classes(self.scene);
        for (key, own) in consequences(principal) {
            let Some(at) = self.scene.key(&key) else {
                continue;
            };
            let Some(own) = own else {
                self.values.remove(&key);
                continue;
            };
            let class = classes.get(at);
            for (key, of) in self.scene.keys.iter().zip(&classes) {
                if Some(of) == class {
                    self.values.insert(key.name.to_string(), vec![own.clone()]);
                }
            }
        }
    }
}

/// Who acts with this ARN: of a role, a session.
fn acting(arn: &str) -> Option<Principal> {
    let parsed: Principal = arn.parse().ok()?;
    let role: Option<Arn> = parsed.role().cloned();
    let session = role.and_then(|role| Principal::session(&role, "x").ok());
    Some(session.unwrap_or(parsed))
}

/// A principal as a resource's policy is matched against it.
fn named(principal: &Principal) -> String {
    match principal {
        Principal::Anonymous => "anonymous".to_owned(),
        Principal::Service(name) => format!("service {name}"),
        Principal::Provider(name) => format!("federated {name}"),
        Principal::Root(_)
        | Principal::User(_)
        | Principal::Role(_)
        | Principal::Session(_)
        | Principal::FederatedUser(_) => {
            let arn = principal.arn();
            format!("aws {}", arn.map_or("", |arn| arn.as_str()))
        }
    }
}

fn read(text: &str) -> Option<Principal> {
    match text.split_once(' ') {
        Some(("aws", arn)) => arn.parse().ok(),
        Some(("service", name)) => Some(Principal::Service(name.to_owned())),
        Some(("federated", name)) => Some(Principal::Provider(name.to_owned())),
        Some(_) => None,
        None => (text == "anonymous").then_some(Principal::Anonymous),
    }
}

/// The account in a pattern of principals.
fn twelve_digits(glob: &Glob) -> Option<String> {
    let text = spelled(glob.tokens());
    let parts = text.split(':');
    let is_account =
        |part: &&str| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.into_iter().find(is_account).map(str::to_owned)
}
