//! Conditions as requirements: what each line of a `Condition` element asks of its key.

use std::sync::Arc;

use crate::policy::{self, Condition, Quantifier, Template, Test, Version};

use super::super::glob::{Glob, segmented, tokens_of};
use super::super::number::{Moment, Number, Range, Read};
use super::super::values::{Order, Predicate};
use super::{
    BOXES_MAX, Opaque, Plurality, Reading, Requirement, Values, absent, flat_glob, impossible,
    is_value, kind_of, lower, pieces, present,
};

impl Reading<'_> {
    pub(super) fn and_condition(
        &self,
        boxes: &[Vec<Requirement>],
        condition: &Condition,
        version: Version,
    ) -> Vec<Vec<Requirement>> {
        let alternatives = self.condition(condition, version, boxes.len());
        let alternatives: Vec<_> = alternatives
            .into_iter()
            .filter_map(|all| self.settled(all))
            .collect();
        let mut out = Vec::with_capacity(boxes.len() * alternatives.len());
        for requirements in boxes {
            for alternative in &alternatives {
                let mut all = requirements.clone();
                all.extend(alternative.iter().cloned());
                out.push(all);
            }
        }
        out
    }

    /// What is left of a conjunction once the known keys are looked up; `None` if it is false.
    pub(crate) fn settled(&self, all: Vec<Requirement>) -> Option<Vec<Requirement>> {
        let mut open = Vec::with_capacity(all.len());
        for requirement in all {
            match requirement {
                Requirement::Values(values) => match self.known.get(&*values.key) {
                    None => open.push(Requirement::Values(values)),
                    Some(known) if values.holds_for(known.as_deref()) => {}
                    Some(_) => return None,
                },
                Requirement::Equal {
                    key,
                    variable,
                    holds,
                } => match self.known.get(&*key) {
                    None => open.push(Requirement::Equal {
                        key,
                        variable,
                        holds,
                    }),
                    Some(None) if holds => return None,
                    Some(None) => {}
                    Some(Some(value)) => open.push(is_value(variable, value, holds)),
                },
                opaque @ Requirement::Opaque { .. } => open.push(opaque),
            }
        }
        Some(open)
    }

    /// The condition as alternatives, each a conjunction.
    fn condition(
        &self,
        condition: &Condition,
        version: Version,
        boxes: usize,
    ) -> Vec<Vec<Requirement>> {
        let key = lower(&condition.key.value);
        let listed = Listed::read(self, condition, version);
        let test = condition.operator.test;
        if test == Test::Null {
            return vec![null_test(&key, &listed)];
        }
        let (_, plurality) = kind_of(self.vocabulary, &key);
        let shape = Shape {
            condition,
            key,
            plurality,
        };
        if listed.open.is_empty() {
            return vec![vec![shape.values(&listed.predicates)]];
        }
        if plurality == Plurality::Many && condition.operator.quantifier.is_none() {
            return vec![vec![shape.values(&[])]];
        }
        let whole = condition.operator.quantifier.is_some() && !shape.is_some_of_positive();
        if whole || boxes * (listed.open.len() + 1) > BOXES_MAX {
            return vec![vec![shape.fact(&listed)]];
        }
        if test.is_negated() {
            let mut all: Vec<Requirement> = vec![shape.values(&listed.predicates)];
            all.extend(
                listed
                    .open
                    .iter()
                    .map(|template| shape.correlated(template, false)),
            );
            return vec![all];
        }
        let mut alternatives = Vec::new();
        if !listed.predicates.is_empty() || condition.operator.if_exists {
            alternatives.push(vec![shape.values(&listed.predicates)]);
        }
        alternatives.extend(
            listed
                .open
                .iter()
                .map(|template| vec![shape.correlated(template, true)]),
        );
        alternatives
    }
}

/// The values of a condition: those without variables as predicates, the others as templates.
struct Listed {
    predicates: Vec<Predicate>,
    open: Vec<Template>,
    words: Vec<String>,
}

impl Listed {
    fn read(reading: &Reading<'_>, condition: &Condition, version: Version) -> Self {
        let test = condition.operator.test;
        let mut listed = Self {
            predicates: Vec::new(),
            open: Vec::new(),
            words: Vec::new(),
        };
        for value in &condition.values {
            let text = value.value.as_str();
            listed.words.push(text.to_owned());
            let version = if test.has_variables() {
                version
            } else {
                Version::V2008
            };
            let template = if takes_wildcards(test) {
                Template::parse(text, version)
            } else {
                Template::parse_literal(text, version)
            };
            match reading.bound(&template) {
                // A variable known to be absent: this value matches nothing.
                None => listed.predicates.push(Predicate::Never),
                Some(bound) if bound.variables().next().is_some() => listed.open.push(bound),
                Some(bound) => listed.predicates.push(predicate(test, &bound, text)),
            }
        }
        listed.words.sort_unstable();
        listed.words.dedup();
        listed
    }
}

const fn takes_wildcards(test: Test) -> bool {
    matches!(
        test,
        Test::StringLike
            | Test::StringNotLike
            | Test::ArnEquals
            | Test::ArnLike
            | Test::ArnNotEquals
            | Test::ArnNotLike
    )
}

/// What a listed value asks; `text` is the value as written, for the tests that are not text.
fn predicate(test: Test, template: &Template, text: &str) -> Predicate {
    let number = |order| match Number::read(text) {
        Read::Number(number) => Predicate::Number(order, number),
        Read::TooLong => Predicate::Exotic(text.to_owned()),
        Read::NotANumber => Predicate::Never,
    };
    let date = |order| {
        Moment::parse(text).map_or(Predicate::Never, |moment| Predicate::Date(order, moment))
    };
    match test {
        Test::StringEquals | Test::StringNotEquals | Test::StringLike | Test::StringNotLike => {
            Predicate::Text(flat_glob(template))
        }
        Test::StringEqualsIgnoreCase | Test::StringNotEqualsIgnoreCase => {
            Predicate::Folded(flat_glob(template))
        }
        Test::ArnEquals | Test::ArnLike | Test::ArnNotEquals | Test::ArnNotLike => {
            segmented(&tokens_of(pieces(template))).map_or(Predicate::Never, |tokens| {
                Predicate::Text(Glob::from_tokens(tokens, true))
            })
        }
        Test::Bool => match text.to_ascii_lowercase().as_str() {
            flag @ ("true" | "false") => Predicate::Folded(Glob::literal(flag)),
            _ => Predicate::Never,
        },
        Test::NumericEquals | Test::NumericNotEquals => number(Order::Equal),
        Test::NumericLessThan => number(Order::Less),
        Test::NumericLessThanEquals => number(Order::LessOrEqual),
        Test::NumericGreaterThan => number(Order::Greater),
        Test::NumericGreaterThanEquals => number(Order::GreaterOrEqual),
        Test::DateEquals | Test::DateNotEquals => date(Order::Equal),
        Test::DateLessThan => date(Order::Less),
        Test::DateLessThanEquals => date(Order::LessOrEqual),
        Test::DateGreaterThan => date(Order::Greater),
        Test::DateGreaterThanEquals => date(Order::GreaterOrEqual),
        Test::BinaryEquals => Predicate::bytes(text),
        Test::IpAddress | Test::NotIpAddress => {
            Range::parse(text).map_or(Predicate::Never, Predicate::Address)
        }
        Test::Null => Predicate::Never,
    }
}

/// `Null`: presence, whatever the values are.
fn null_test(key: &Arc<str>, listed: &Listed) -> Vec<Requirement> {
    let says = |wanted: &str| {
        listed
            .words
            .iter()
            .any(|word| word.eq_ignore_ascii_case(wanted))
    };
    match (says("true"), says("false")) {
        (true, true) => Vec::new(),
        (false, true) => vec![present(key)],
        (false, false) => vec![impossible(key)],
        (true, false) => vec![absent(key)],
    }
}

/// A condition and what is known of its key.
struct Shape<'a> {
    condition: &'a Condition,
    key: Arc<str>,
    plurality: Plurality,
}

impl Shape<'_> {
    fn is_some_of_positive(&self) -> bool {
        let operator = self.condition.operator;
        operator.quantifier == Some(Quantifier::ForAnyValue) && !operator.test.is_negated()
    }

    /// The condition for values without variables.
    fn values(&self, predicates: &[Predicate]) -> Requirement {
        let operator = self.condition.operator;
        let negated = operator.test.is_negated();
        let mut predicates: Vec<Predicate> = predicates.to_vec();
        predicates.sort_unstable();
        predicates.dedup();
        predicates.retain(|predicate| *predicate != Predicate::Never);
        let (all, when_absent) = match operator.quantifier {
            None => (negated, negated || operator.if_exists),
            Some(Quantifier::ForAnyValue) => (false, false),
            Some(Quantifier::ForAllValues) => (true, true),
        };
        let mut values = Values {
            key: self.key.clone(),
            all,
            complement: negated,
            predicates: predicates.into(),
            within: arn_shape(operator.test),
            when_absent,
            set_operator: operator.quantifier.is_some(),
        };
        // A plain operator does not match a key that has several values by its nature.
        if self.plurality == Plurality::Many && operator.quantifier.is_none() {
            values.all = false;
            values.complement = false;
            values.predicates = Arc::from([]);
        }
        Requirement::Values(values)
    }

    /// One listed value with a variable, which the key matches or does not.
    fn correlated(&self, template: &Template, holds: bool) -> Requirement {
        let operator = self.condition.operator;
        let whole_value = matches!(
            operator.test,
            Test::StringEquals | Test::StringNotEquals | Test::StringLike | Test::StringNotLike
        );
        if let (
            [
                policy::Piece::Variable {
                    key: variable,
                    default: None,
                },
            ],
            true,
            None,
        ) = (template.0.as_slice(), whole_value, operator.quantifier)
        {
            return Requirement::Equal {
                key: self.key.clone(),
                variable: lower(variable),
                holds,
            };
        }
        let near = Values {
            key: self.key.clone(),
            all: false,
            complement: false,
            predicates: Arc::from([loosened(operator.test, template)]),
            within: None,
            when_absent: false,
            set_operator: operator.quantifier.is_some(),
        };
        let fact = Opaque {
            text: Arc::from(format!(
                "{:?} {} {:?}",
                operator.quantifier,
                positive_name(operator.test),
                template
            )),
            key: self.key.clone(),
            when_true: Some(near),
            present_when_false: false,
            example: template.clone(),
        };
        Requirement::Opaque {
            fact: Arc::new(fact),
            holds,
        }
    }

    /// The whole condition as one fact.
    fn fact(&self, listed: &Listed) -> Requirement {
        let operator = self.condition.operator;
        let for_all = operator.quantifier == Some(Quantifier::ForAllValues);
        let mut near: Vec<Predicate> = listed.predicates.clone();
        near.extend(
            listed
                .open
                .iter()
                .map(|template| loosened(operator.test, template)),
        );
        let negated = operator.test.is_negated();
        let when_absent = match operator.quantifier {
            None => negated || operator.if_exists,
            Some(Quantifier::ForAnyValue) => false,
            Some(Quantifier::ForAllValues) => true,
        };
        let when_true = Values {
            key: self.key.clone(),
            all: for_all || negated && operator.quantifier.is_none(),
            complement: negated,
            predicates: if negated { Arc::from([]) } else { near.into() },
            within: None,
            when_absent,
            set_operator: operator.quantifier.is_some(),
        };
        let fact = Opaque {
            text: Arc::from(format!("{operator} {:?}", listed.words)),
            key: self.key.clone(),
            when_true: Some(when_true),
            present_when_false: when_absent,
            example: listed.open.first().cloned().unwrap_or_default(),
        };
        Requirement::Opaque {
            fact: Arc::new(fact),
            holds: true,
        }
    }
}

/// Everything the value could match, whatever its variables are.
fn loosened(test: Test, template: &Template) -> Predicate {
    let loose = Template(
        template
            .0
            .iter()
            .map(|piece| match piece {
                policy::Piece::Variable { .. } => policy::Piece::Star,
                policy::Piece::Text(_) | policy::Piece::Star | policy::Piece::Question => {
                    piece.clone()
                }
            })
            .collect(),
    );
    let any_case = matches!(
        test,
        Test::StringEqualsIgnoreCase | Test::StringNotEqualsIgnoreCase
    );
    // Whatever the case of its letters, only presence follows.
    let glob = if any_case {
        Glob::everything()
    } else {
        flat_glob(&loose)
    };
    Predicate::Text(glob)
}

fn arn_shape(test: Test) -> Option<Predicate> {
    let is_arn = matches!(
        test,
        Test::ArnEquals | Test::ArnLike | Test::ArnNotEquals | Test::ArnNotLike
    );
    let tokens = segmented(Glob::parse("arn:*:*:*:*:*").tokens())?;
    is_arn.then(|| Predicate::Text(Glob::from_tokens(tokens, true)))
}

/// The name of the comparison without its `Not`, one for both names of ARN operators.
fn positive_name(test: Test) -> String {
    let name = test.name().replace("Not", "");
    if name == "ArnEquals" {
        "ArnLike".to_owned()
    } else {
        name
    }
}
