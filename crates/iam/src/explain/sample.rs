//! Values under which a condition might hold, or might not. Whoever uses one tries it first.

use crate::{
    policy::{Condition, Piece, Quantifier, Template, Test, Version},
    request::Values,
};

/// What a key could be for a condition to turn out otherwise: `None` is to leave it out.
pub(super) fn samples(condition: &Condition, version: Version) -> Vec<Option<Values>> {
    let quantifier = condition.operator.quantifier;
    let shaped = |text: String| match quantifier {
        None => Values::One(text),
        Some(Quantifier::ForAllValues | Quantifier::ForAnyValue) => Values::Many(vec![text]),
    };
    let mut texts: Vec<String> = Vec::new();
    for value in &condition.values {
        texts.extend(near(condition.operator.test, &value.value, version));
    }
    texts.extend(elsewhere(condition.operator.test));
    let present = texts.into_iter().map(|text| Some(shaped(text)));
    let absent = std::iter::once(None);
    let wants_absent = condition.operator.test == Test::Null
        && condition
            .values
            .iter()
            .any(|value| value.value.eq_ignore_ascii_case("true"));
    if wants_absent {
        absent.chain(present).collect()
    } else {
        present.chain(absent).collect()
    }
}

/// Values made from one that the condition names.
fn near(test: Test, value: &str, version: Version) -> Vec<String> {
    match test {
        Test::StringEquals
        | Test::StringNotEquals
        | Test::StringEqualsIgnoreCase
        | Test::StringNotEqualsIgnoreCase => word(&Template::parse_literal(value, version)),
        Test::StringLike
        | Test::StringNotLike
        | Test::ArnEquals
        | Test::ArnLike
        | Test::ArnNotEquals
        | Test::ArnNotLike => word(&Template::parse(value, version)),
        Test::NumericEquals
        | Test::NumericNotEquals
        | Test::NumericLessThan
        | Test::NumericLessThanEquals
        | Test::NumericGreaterThan
        | Test::NumericGreaterThanEquals => {
            let digits = value.trim_start_matches(['-', '+']);
            vec![
                value.to_owned(),
                format!("1{digits}"),
                format!("-1{digits}"),
            ]
        }
        Test::IpAddress | Test::NotIpAddress => {
            let address = value.split('/').next().unwrap_or(value);
            vec![address.to_owned()]
        }
        Test::DateEquals
        | Test::DateNotEquals
        | Test::DateLessThan
        | Test::DateLessThanEquals
        | Test::DateGreaterThan
        | Test::DateGreaterThanEquals
        | Test::Bool
        | Test::BinaryEquals => vec![value.to_owned()],
        Test::Null => Vec::new(),
    }
}

/// Values that a condition is unlikely to name.
fn elsewhere(test: Test) -> Vec<String> {
    let texts: &[&str] = match test {
        Test::DateEquals
        | Test::DateNotEquals
        | Test::DateLessThan
        | Test::DateLessThanEquals
        | Test::DateGreaterThan
        | Test::DateGreaterThanEquals => &["1970-01-02T00:00:00Z", "9999-12-31T23:59:59Z"],
        Test::Bool => &["true", "false"],
        Test::IpAddress | Test::NotIpAddress => &["192.0.2.1", "2001:db8::1"],
        Test::ArnEquals | Test::ArnLike | Test::ArnNotEquals | Test::ArnNotLike => {
            &["arn:aws:iam::000000000000:role/another"]
        }
        Test::StringEquals
        | Test::StringNotEquals
        | Test::StringEqualsIgnoreCase
        | Test::StringNotEqualsIgnoreCase
        | Test::StringLike
        | Test::StringNotLike
        | Test::Null => &["another"],
        Test::NumericEquals
        | Test::NumericNotEquals
        | Test::NumericLessThan
        | Test::NumericLessThanEquals
        | Test::NumericGreaterThan
        | Test::NumericGreaterThanEquals => &["0"],
        Test::BinaryEquals => &["AA=="],
    };
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// One word of a pattern, if no variable stands in it.
fn word(template: &Template) -> Vec<String> {
    let mut text = String::new();
    for piece in &template.0 {
        match piece {
            Piece::Text(own) => text.push_str(own),
            Piece::Star | Piece::Question => text.push('x'),
            Piece::Variable { .. } => return Vec::new(),
        }
    }
    vec![text]
}
