//! An answer that is the same whatever an unknown key says.
//!
//! One statement may allow where a key is `a` and another where it is not `a`. Each alone is
//! undecided, both together are not. So an unknown answer is tried again with every value of its
//! keys that the policies can tell apart: absent, each value they name, and one they do not. That is
//! exact only for keys that are compared letter by letter, and it is bounded.

use crate::{
    policy::{Condition, Selection, Statement, Test},
    request::{Request, Values},
    vocabulary::Vocabulary,
};

use super::{
    Outcome,
    hearing::Hearing,
    missing::{Missing, lists},
};

/// The most combinations that are tried; what needs more stays unknown.
const TRIES_MAX: usize = 512;

/// What trying has shown.
pub(crate) enum Tried {
    /// The answer is this, whatever the keys say.
    Same(Outcome),
    /// It depends, on these of the keys.
    DependsOn(Vec<String>),
}

/// A key, and what it could be: `None` for absent.
struct Split {
    key: String,
    values: Vec<Option<Values>>,
}

/// Tries every value of the keys an answer hangs on, if all of them can be told apart.
// IAM-043
pub(crate) fn try_all(hearing: &Hearing<'_>, missing: &Missing) -> Option<Tried> {
    if missing.keys.is_empty() || !missing.unreadable.is_empty() {
        return None;
    }
    let splits: Vec<Split> = missing
        .keys
        .iter()
        .map(|key| split(key, hearing))
        .collect::<Option<_>>()?;
    let tries = splits.iter().try_fold(1_usize, |tries, split| {
        tries
            .checked_mul(split.values.len())
            .filter(|&tries| tries <= TRIES_MAX)
    })?;
    let outcomes: Vec<Outcome> = (0..tries)
        .map(|number| outcome_of(number, &splits, hearing))
        .collect();
    let unsettled = outcomes.contains(&Outcome::Unknown);
    if unsettled {
        return None;
    }
    let allowed = |outcome: &&Outcome| **outcome == Outcome::Allow;
    Some(match outcomes.iter().filter(allowed).count() {
        0 if outcomes.contains(&Outcome::ImplicitDeny) => Tried::Same(Outcome::ImplicitDeny),
        0 => Tried::Same(Outcome::ExplicitDeny),
        count if count == tries => Tried::Same(Outcome::Allow),
        _ => Tried::DependsOn(those_that_matter(&splits, &outcomes)),
    })
}

/// The keys of which another value changes an allow into a denial or back.
fn those_that_matter(splits: &[Split], outcomes: &[Outcome]) -> Vec<String> {
    let is_allowed = |number: usize| outcomes.get(number) == Some(&Outcome::Allow);
    let mut stride = 1;
    let mut keys = Vec::new();
    for split in splits {
        let count = split.values.len();
        let matters = (0..outcomes.len()).any(|number| {
            let is_last = number / stride % count + 1 == count;
            !is_last && is_allowed(number) != is_allowed(number + stride)
        });
        if matters {
            keys.push(split.key.clone());
        }
        stride *= count;
    }
    keys
}

fn outcome_of(number: usize, splits: &[Split], hearing: &Hearing<'_>) -> Outcome {
    let mut request: Request = hearing.question.request.clone();
    let mut rest = number;
    for split in splits {
        let chosen = split.values.get(rest % split.values.len());
        rest /= split.values.len();
        let values = chosen.cloned().flatten();
        let values = values.unwrap_or(Values::Many(Vec::new()));
        request.context.set(split.key.clone(), values);
    }
    let vocabulary: &dyn Vocabulary = hearing.question.vocabulary();
    let tried = Hearing::new(hearing.layers, &request, vocabulary);
    tried.slots().outcome(tried.sides)
}

/// What a key could be, as far as the policies can tell; `None` if that cannot be listed.
fn split(key: &str, hearing: &Hearing<'_>) -> Option<Split> {
    let facts = hearing.question.vocabulary().key(key);
    if facts.is_some_and(|facts| facts.multivalued) {
        return None;
    }
    let mut named: Vec<String> = Vec::new();
    for statement in statements(hearing) {
        if is_variable_in(key, statement) {
            return None;
        }
        for condition in &statement.conditions {
            if condition.key.value.eq_ignore_ascii_case(key) {
                for value in &condition.values {
                    named.extend(told_apart(condition, &value.value)?);
                }
            }
        }
    }
    named.sort();
    named.dedup();
    // A text that no policy names, and that is neither of them in another case of letters.
    let other = named
        .iter()
        .fold("other".to_owned(), |text, name| text + name);
    let mut values = vec![None, Some(Values::One(other.clone()))];
    values.extend(named.into_iter().map(|name| Some(Values::One(name))));
    if facts.is_none() {
        // Nothing says that the key has one value only.
        values.push(Some(Values::Many(vec![other.clone(), other])));
    }
    Some(Split {
        key: key.to_owned(),
        values,
    })
}

/// The values that a condition tells from all others.
fn told_apart(condition: &Condition, value: &str) -> Option<Vec<String>> {
    if condition.operator.quantifier.is_some() || value.contains("${") {
        return None;
    }
    match condition.operator.test {
        Test::StringEquals | Test::StringNotEquals => Some(vec![value.to_owned()]),
        Test::StringLike | Test::StringNotLike if !value.contains(['*', '?']) => {
            Some(vec![value.to_owned()])
        }
        Test::Bool => Some(vec!["true".to_owned(), "false".to_owned()]),
        Test::Null => Some(Vec::new()),
        Test::StringEqualsIgnoreCase
        | Test::StringNotEqualsIgnoreCase
        | Test::StringLike
        | Test::StringNotLike
        | Test::NumericEquals
        | Test::NumericNotEquals
        | Test::NumericLessThan
        | Test::NumericLessThanEquals
        | Test::NumericGreaterThan
        | Test::NumericGreaterThanEquals
        | Test::DateEquals
        | Test::DateNotEquals
        | Test::DateLessThan
        | Test::DateLessThanEquals
        | Test::DateGreaterThan
        | Test::DateGreaterThanEquals
        | Test::BinaryEquals
        | Test::IpAddress
        | Test::NotIpAddress
        | Test::ArnEquals
        | Test::ArnLike
        | Test::ArnNotEquals
        | Test::ArnNotLike => None,
    }
}

fn is_variable_in(key: &str, statement: &Statement) -> bool {
    let variable = format!("${{{}", key.to_ascii_lowercase());
    let names_it = |text: &str| text.to_ascii_lowercase().contains(&variable);
    let mut values = statement.conditions.iter().flat_map(|line| &line.values);
    let resources = statement.resources.as_ref();
    let mut patterns = resources.into_iter().flat_map(Selection::patterns);
    values.any(|value| names_it(&value.value)) || patterns.any(|pattern| names_it(&pattern.value.0))
}

/// Every statement that speaks of the action.
fn statements<'h>(hearing: &'h Hearing<'_>) -> Vec<&'h Statement> {
    let policies = lists(hearing)
        .into_iter()
        .flat_map(|(_, policies)| policies);
    let mut found = Vec::new();
    for compiled in policies {
        let (Some(program), Some(policy)) = (compiled.program(), compiled.policy()) else {
            continue;
        };
        let places = program.rules_on(&hearing.question).map(|(place, _)| place);
        found.extend(places.filter_map(|place| policy.statements.get(place)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{case::Case, evaluate::Decision, vocabulary::NoVocabulary};

    fn decided(statements: &str) -> Decision {
        let case = format!(
            r#"{{"request":{{"principal":"arn:aws:iam::111122223333:user/ann","action":"s3:GetObject","resource":"arn:aws:s3:::b/k","context_complete":false}},
                "identity":[{{"name":"p","document":{{"Version":"2012-10-17","Statement":[{statements}]}}}}]}}"#
        );
        Case::parse(&case).unwrap().answer(&NoVocabulary).decision
    }

    fn on(effect: &str, condition: &str) -> String {
        format!(
            r#"{{"Effect":"{effect}","Action":"s3:*","Resource":"*","Condition":{{{condition}}}}}"#
        )
    }

    #[test]
    fn a_key_that_cannot_change_the_answer_is_not_missing() {
        let is_a = on("Allow", r#""StringEquals":{"aws:SourceVpc":"a"}"#);
        let is_not_a = on("Allow", r#""StringNotEquals":{"aws:SourceVpc":"a"}"#);
        let is_not_b = on("Allow", r#""StringNotEquals":{"aws:SourceVpc":"b"}"#);
        let absent = on("Allow", r#""Null":{"aws:SourceVpc":"true"}"#);
        let present = on("Allow", r#""Null":{"aws:SourceVpc":"false"}"#);
        assert_eq!(decided(&is_a).outcome, Outcome::Unknown);
        assert_eq!(
            decided(&format!("{absent},{present}")).outcome,
            Outcome::Allow
        );
        // Of a key that may have several values, not even these two cover everything.
        assert_eq!(
            decided(&format!("{is_a},{is_not_a}")).outcome,
            Outcome::Unknown
        );
        assert_eq!(
            decided(&format!("{is_a},{is_not_b}")).outcome,
            Outcome::Unknown
        );
    }

    #[test]
    fn an_allow_that_every_deny_shadows_is_a_denial() {
        let allow = on("Allow", r#""StringEquals":{"aws:SourceVpc":"a"}"#);
        let deny = on("Deny", r#""StringEquals":{"aws:SourceVpc":"a"}"#);
        assert_eq!(
            decided(&format!("{allow},{deny}")).outcome,
            Outcome::ImplicitDeny
        );
        let other = on("Deny", r#""StringEquals":{"aws:SourceVpc":"b"}"#);
        assert_eq!(
            decided(&format!("{allow},{other}")).outcome,
            Outcome::Unknown
        );
    }

    #[test]
    fn of_two_keys_only_the_one_that_matters_is_missing() {
        let both = on(
            "Allow",
            r#""StringEquals":{"aws:SourceVpc":"a","aws:PrincipalTag/team":"x"}"#,
        );
        let present = on(
            "Allow",
            r#""StringEquals":{"aws:SourceVpc":"a"},"Null":{"aws:PrincipalTag/team":"false"}"#,
        );
        let absent = on(
            "Allow",
            r#""StringEquals":{"aws:SourceVpc":"a"},"Null":{"aws:PrincipalTag/team":"true"}"#,
        );
        let decision = decided(&format!("{both},{present},{absent}"));
        assert_eq!(decision.missing, ["aws:SourceVpc"]);
        assert_eq!(
            decided(&both).missing,
            ["aws:PrincipalTag/team", "aws:SourceVpc"]
        );
    }

    #[test]
    fn what_cannot_be_listed_stays_unknown() {
        let inside = on("Allow", r#""IpAddress":{"aws:SourceIp":"10.0.0.0/8"}"#);
        let outside = on("Allow", r#""NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}"#);
        assert_eq!(
            decided(&format!("{inside},{outside}")).outcome,
            Outcome::Unknown
        );
    }
}
