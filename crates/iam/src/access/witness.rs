//! One concrete request from a cell of the search: as plain as the cell allows, and worth nothing
//! until the evaluator has confirmed it.

mod principal;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::policy::{Piece, Template};
use crate::request::{Context, Facts, Principal, Request, Values};

use super::bits::Bits;
use super::budget::Budget;
use super::compile::{consequences, follows};
use super::glob::{COLON, Glob, Token};
use super::scene::{Fact, Scene};
use super::state::State;
use super::text::{GlobList, TextState, letters, spelled};
use super::values::{Atom, Domain};

/// The account in which a witness plays, where no policy says otherwise.
const ACCOUNT: &str = "111122223333";

/// For a resource that must not be in the first.
const OTHER_ACCOUNT: &str = "444455556666";

/// Distinct tries for one cell: the next gives every key a value of its own.
pub(crate) const ATTEMPTS: usize = 4;

/// Builds the request of a cell, if a plain one can be spelled.
pub(crate) fn request(
    state: &State,
    scene: &Scene,
    principal: Option<&Principal>,
    attempt: usize,
    budget: &mut Budget,
) -> Option<Request> {
    let mut draft = Draft {
        state,
        scene,
        attempt,
        values: BTreeMap::new(),
    };
    draft.choose_values(budget);
    draft.satisfy_facts();
    let principal = match principal {
        Some(principal) => principal.clone(),
        None => draft.principal(budget)?,
    };
    let action = draft.action(budget)?;
    let account = draft.account(Some(&principal));
    let service = action.split(':').next().unwrap_or("s3").to_owned();
    let resource = draft.resource(&state.resource, &service, &account, budget)?;
    let mut context = Context::default();
    for (key, values) in draft.values {
        context.set(
            key,
            if values.len() == 1 {
                Values::from(values.into_iter().next()?)
            } else {
                Values::from(values)
            },
        );
    }
    Some(Request {
        resource_account: account.parse().ok(),
        context,
        ..Request::new(principal, action, resource)
    })
}

/// Can what the request says of its principal be true of it?
pub(super) fn is_coherent(request: &Request) -> bool {
    let stated = |key: &str| request.context.facts(key);
    consequences(&request.principal)
        .iter()
        .all(|(key, own)| match (stated(key), own) {
            (Facts::Absent | Facts::Unknown, _) => true,
            (Facts::Values(values), Some(own)) => values.iter().all(|value| value == own),
            (Facts::Values(_), None) => false,
        })
}

struct Draft<'a> {
    state: &'a State,
    scene: &'a Scene,
    attempt: usize,
    values: BTreeMap<String, Vec<String>>,
}

impl Draft<'_> {
    fn choose_values(&mut self, budget: &mut Budget) {
        let classes = self.state.classes(self.scene);
        for (at, (key, known)) in self.scene.keys.iter().zip(&self.state.keys).enumerate() {
            // Absent reads best, unless the key can only be present; or, at the later attempts, if the
            // evaluator would fill it in where it is not told.
            let told = self.attempt > 1 && follows(&key.name) && known.may_be_present();
            if known.may_be_absent && !told {
                continue;
            }
            let class = classes.get(at).copied().unwrap_or(at);
            let members = || {
                self.state
                    .keys
                    .iter()
                    .zip(&classes)
                    .filter(move |(_, of)| **of == class)
            };
            let shared = members()
                .map(|(member, _)| member.all.clone())
                .reduce(|one, two| one.and(&two));
            let all = shared.unwrap_or_else(|| known.all.clone());
            let natural = natural(&key.name).filter(|value| {
                self.attempt == 0 && known.some.is_empty() && fits(&key.domain, &all, value)
            });
            if let Some(value) = natural {
                self.values
                    .insert(key.name.to_string(), vec![value.to_owned()]);
                continue;
            }
            let mut atoms: Vec<usize> = Vec::new();
            for some in &known.some {
                let wanted = some.and(&all);
                if !atoms.iter().any(|atom| wanted.contains(*atom)) {
                    atoms.extend(self.pick(&wanted, at));
                }
            }
            if atoms.is_empty() {
                atoms.extend(self.pick(&all, at));
            }
            let mut values: Vec<String> = Vec::new();
            for atom in atoms {
                values.extend(self.spell(key.domain.atoms.get(atom), class, budget));
            }
            values.sort_unstable();
            values.dedup();
            self.values.insert(key.name.to_string(), values);
        }
    }

    /// The plainest of the atoms: a value that a policy names before one that it does not.
    fn pick(&self, atoms: &Bits, key: usize) -> Option<usize> {
        let skip = if self.attempt > 1 { key } else { 0 };
        atoms.iter().nth(skip).or_else(|| atoms.iter().next())
    }

    fn spell(&self, atom: Option<&Atom>, class: usize, budget: &mut Budget) -> Vec<String> {
        match atom {
            None => Vec::new(),
            Some(Atom::Value(text) | Atom::Example(text)) => vec![text.clone()],
            Some(Atom::Foreign) => vec!["?".to_owned()],
            Some(Atom::Several) => vec!["x".to_owned(), "y".to_owned()],
            Some(Atom::Cell(cell)) => {
                let own = format!("x{class}");
                let readable: &[&str] = if self.attempt == 0 {
                    &["x", "x1", "y", ""]
                } else {
                    &[&own, "x", "x1", "y", ""]
                };
                cell.word(readable, budget).into_iter().collect()
            }
        }
    }

    /// Facts that must hold get the value that makes them hold.
    fn satisfy_facts(&mut self) {
        for (fact, decided) in self.scene.facts.iter().zip(&self.state.facts) {
            let Fact::Opaque {
                source: Some(source),
                ..
            } = fact
            else {
                continue;
            };
            let absent = !self.values.contains_key(&*source.key);
            if *decided != Some(true)
                || absent && !source.present_when_false && source.example.0.is_empty()
            {
                continue;
            }
            let text = self.example(&source.example);
            self.values.insert(source.key.to_string(), vec![text]);
        }
    }

    fn example(&mut self, template: &Template) -> String {
        let mut text = String::new();
        for piece in &template.0 {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Star => {}
                Piece::Question => text.push('x'),
                Piece::Variable { key, default } => {
                    text.push_str(&self.value_of(key, default.as_deref()))
                }
            }
        }
        text
    }

    fn value_of(&mut self, key: &str, default: Option<&str>) -> String {
        let key = key.to_lowercase();
        match (
            self.values.get(&key).and_then(|values| values.first()),
            default,
        ) {
            (Some(value), _) => value.clone(),
            (None, Some(default)) => default.to_owned(),
            (None, None) => {
                self.values.insert(key, vec!["x".to_owned()]);
                "x".to_owned()
            }
        }
    }

    /// The state with its variables put in.
    fn bound(&self, text: &TextState) -> Option<TextState> {
        let value = |name: &str, default: Option<&str>| {
            let given = self
                .values
                .get(name)
                .and_then(|values| values.first())
                .map(String::as_str);
            given.or(default).map(str::to_owned)
        };
        let mut bound = TextState::default();
        for glob in &text.positive {
            bound.positive.push(glob.bound(&value)?);
        }
        for list in &text.negative {
            let negative = list.all().iter().filter_map(|glob| glob.bound(&value));
            bound.negative.push(Arc::new(GlobList::new(negative)));
        }
        Some(bound)
    }

    /// A service and a name, if the cell has any such.
    fn action(&self, budget: &mut Budget) -> Option<String> {
        let bound = self.bound(&self.state.action)?;
        let names_service = |glob: &Glob| glob.tokens().contains(&COLON);
        let readable: &[&str] = if bound.positive.iter().any(names_service) {
            &["x", "x1", "", "y"]
        } else {
            &["s3:getobject", "s3:x", "s3:x1", "x", ""]
        };
        bound.word(readable, budget)
    }

    fn resource(
        &self,
        text: &TextState,
        service: &str,
        account: &str,
        budget: &mut Budget,
    ) -> Option<String> {
        let bound = self.bound(text)?;
        let plain = format!("arn:aws:{service}:us-east-1:{account}:x");
        let fillers: Vec<&str> = if bound.positive.is_empty() {
            vec!["*", &plain]
        } else {
            vec!["x", "", "x1", "y"]
        };
        if let Some(shape) = bound.positive.first() {
            let places = [
                ("us-east-1", account),
                ("eu-west-1", account),
                ("us-east-1", OTHER_ACCOUNT),
            ];
            for (region, account) in places {
                let mut exact = bound.clone();
                let arn = arn_like(shape, region, account);
                exact.positive.push(Glob::literal(&arn));
                if let Some(word) = exact.word(&[], budget) {
                    return Some(word);
                }
            }
        }
        bound.word(&fillers, budget)
    }

    fn account(&self, principal: Option<&Principal>) -> String {
        let own = principal
            .and_then(Principal::account)
            .map(|account| account.to_string());
        let told = self
            .values
            .get("aws:principalaccount")
            .and_then(|values| values.first());
        let is_account =
            |text: &&String| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        own.or_else(|| told.filter(is_account).cloned())
            .unwrap_or_else(|| ACCOUNT.to_owned())
    }
}

/// What a key that every request carries says in an ordinary one.
fn natural(key: &str) -> Option<&'static str> {
    Some(match key {
        "aws:principalaccount"
        | "aws:resourceaccount"
        | "kms:calleraccount"
        | "s3:resourceaccount" => ACCOUNT,
        "aws:principalarn" => "arn:aws:iam::111122223333:role/x",
        "aws:principaltype" => "AssumedRole",
        "aws:principalisawsservice" => "false",
        "aws:userid" => "AROAEXAMPLE:x",
        _ => return None,
    })
}

/// Is the value in one of these atoms?
fn fits(domain: &Domain, atoms: &Bits, value: &str) -> bool {
    let word = letters(value);
    let named = |atom: &Atom| matches!(atom, Atom::Value(text) if text == value);
    let is_named = domain.atoms.iter().any(named);
    atoms
        .iter()
        .filter_map(|at| domain.atoms.get(at))
        .any(|atom| match atom {
            Atom::Cell(cell) => !is_named && cell.admits(&word),
            atom @ (Atom::Value(_) | Atom::Example(_) | Atom::Foreign | Atom::Several) => {
                named(atom)
            }
        })
}

/// The pattern with its open segments filled as an ARN would fill them.
fn arn_like(glob: &Glob, region: &str, account: &str) -> String {
    let mut word = Vec::new();
    let mut colons = 0;
    let mut fresh_segment = true;
    for token in glob.loose() {
        let whole = fresh_segment && token.is_star();
        fresh_segment = false;
        if *token == COLON {
            colons += 1;
            fresh_segment = true;
            word.push(*token);
            continue;
        }
        let filler = match (colons, whole) {
            (0, true) => "arn",
            (1, true) => "aws",
            (3, true) => region,
            (4, true) => account,
            _ => "x",
        };
        if token.is_wildcard() {
            word.extend(filler.chars().map(Token::letter));
        } else {
            word.push(*token);
        }
    }
    spelled(&word)
}
