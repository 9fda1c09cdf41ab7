//! One question: is there a request of this kind that is allowed?
//!
//! What the caller chooses is tried out, from what the policies themselves compare it with; every
//! answer is the evaluator's.

use std::collections::BTreeSet;

use bailiwick_iam::{
    evaluate::{Decision, Outcome},
    layers::Layers,
    policy::{Piece, Template, Version},
    request::{Context, Facts, Principal, Request, Values},
};

use super::{Proof, glob};
use crate::compiled::CompiledEstate;

/// The most requests that are tried for one question.
const TRIES_MAX: usize = 96;

/// The most values that are tried for one key.
const VALUES_MAX: usize = 12;

/// A value that no policy has in mind.
const OTHER: &str = "bailiwick";

#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Yes(Proof),
    No,
    /// It hangs on these: condition keys, or policies that could not be read.
    Unknown(Vec<String>),
}

/// A request, the layers that decide it, and the keys that its caller may set as it likes.
#[derive(Debug)]
pub(crate) struct Question<'q> {
    pub(crate) layers: &'q Layers,
    pub(crate) request: Request,
    pub(crate) chosen: Vec<String>,
}

impl Question<'_> {
    pub(crate) fn answer<'v>(
        self,
        compiled: &CompiledEstate<'_>,
        values_of: &dyn Fn(&str) -> Vec<&'v str>,
    ) -> Answer {
        let mut tries = TRIES_MAX;
        let Self {
            layers,
            request,
            chosen,
        } = self;
        let ask = |request: &Request| compiled.decide(layers, request);
        search(request, &chosen, &ask, values_of, &mut tries)
    }
}

fn search<'v>(
    request: Request,
    chosen: &[String],
    ask: &dyn Fn(&Request) -> Decision,
    values_of: &dyn Fn(&str) -> Vec<&'v str>,
    tries: &mut usize,
) -> Answer {
    let Some(left) = tries.checked_sub(1) else {
        return Answer::Unknown(vec!["more circumstances than were tried".to_owned()]);
    };
    *tries = left;
    let decision = ask(&request);
    match decision.outcome {
        Outcome::ImplicitDeny | Outcome::ExplicitDeny => Answer::No,
        Outcome::Allow => Answer::Yes(Proof {
            request: settled(request),
            statements: decision.because.into_vec(),
        }),
        Outcome::Unknown => {
            let open = |key: &&String| {
                let mut missing = decision.missing.iter();
                missing.any(|it| it.eq_ignore_ascii_case(key))
            };
            match chosen.iter().find(open) {
                Some(key) => choose(key, &request, chosen, ask, values_of, tries),
                None => Answer::Unknown(missing(decision)),
            }
        }
    }
}

fn choose<'v>(
    key: &str,
    request: &Request,
    chosen: &[String],
    ask: &dyn Fn(&Request) -> Decision,
    values_of: &dyn Fn(&str) -> Vec<&'v str>,
    tries: &mut usize,
) -> Answer {
    let rest: Vec<String> = chosen.iter().filter(|it| *it != key).cloned().collect();
    let mut unknown = BTreeSet::new();
    let compared: Vec<String> = values_of(key)
        .into_iter()
        .filter_map(|value| resolved(value, request))
        .collect();
    for values in candidates(key, &compared) {
        let mut request = request.clone();
        request.context.set(key, values);
        match search(request, &rest, ask, values_of, tries) {
            Answer::Yes(proof) => return Answer::Yes(proof),
            Answer::No => {}
            Answer::Unknown(missing) => unknown.extend(missing),
        }
    }
    if unknown.is_empty() {
        Answer::No
    } else {
        Answer::Unknown(unknown.into_iter().collect())
    }
}

/// What to try for a key: nothing at all, each value that a policy compares it with, all of them
/// together where the key takes several, and one that no policy has in mind.
fn candidates(key: &str, compared: &[String]) -> Vec<Values> {
    let several = key.eq_ignore_ascii_case("aws:TagKeys");
    let mut filled: Vec<String> = Vec::new();
    for value in compared.iter().take(VALUES_MAX) {
        let value = glob::fill(value, "x");
        if !filled.contains(&value) {
            filled.push(value);
        }
    }
    let list = |value: String| Values::Many(vec![value]);
    let mut candidates = vec![Values::Many(Vec::new())];
    if several {
        candidates.push(Values::Many(filled.clone()));
        candidates.extend(filled.into_iter().map(list));
        candidates.push(list(OTHER.to_owned()));
    } else {
        candidates.extend(filled.into_iter().map(Values::One));
        candidates.push(Values::One(OTHER.to_owned()));
    }
    candidates
}

/// A value that a policy compares with, its variables replaced by what they are for this caller:
/// who may name the session or the tag can name it after itself. `None` where one has no value.
// IAM-030, IAM-031
fn resolved(value: &str, request: &Request) -> Option<String> {
    if !value.contains("${") {
        return Some(value.to_owned());
    }
    let pieces = Template::parse(value, Version::V2012).0;
    let text = pieces.into_iter().map(|piece| match piece {
        Piece::Text(text) => Some(text),
        Piece::Star => Some("*".to_owned()),
        Piece::Question => Some("?".to_owned()),
        Piece::Variable { key, default } => value_of(&key, request).or(default),
    });
    text.collect()
}

/// The one value of a key in this request, as far as it is known.
fn value_of(key: &str, request: &Request) -> Option<String> {
    match request.context.facts(key) {
        Facts::Values(Values::One(value)) => return Some(value.clone()),
        Facts::Values(Values::Many(_)) => return None,
        Facts::Absent | Facts::Unknown => {}
    }
    let principal = &request.principal;
    match key.to_ascii_lowercase().as_str() {
        "aws:username" => match principal {
            Principal::User(user) => Some(user.resource_name().to_owned()),
            _ => None,
        },
        "aws:principalaccount" => principal.account().map(|it| it.to_string()),
        "aws:principalarn" => principal
            .role()
            .or_else(|| principal.arn())
            .map(ToString::to_string),
        _ => None,
    }
}

/// The request without the keys that do not matter to the answer.
fn settled(mut request: Request) -> Request {
    let mut context = Context::default();
    for (key, values) in request.context.iter() {
        if values.iter().next().is_some() {
            context.set(key, values.clone());
        }
    }
    for key in request.context.unknown_keys() {
        context = context.unknown(key);
    }
    request.context = context;
    request
}

fn missing(decision: Decision) -> Vec<String> {
    let unreadable = decision.unreadable.into_iter();
    let unreadable = unreadable.map(|it| format!("what the policy {} says", it.policy));
    decision.missing.into_iter().chain(unreadable).collect()
}
