//! `compare`: which access one side has that the other lacks.

mod show;

use std::path::Path;

use bailiwick_iam::{
    access::{Access, Algebra, Comparison, Difference, Relation, compare},
    case::{AttachedTo, Pair, parse_side},
    layers::Layers,
    request::ReadError,
};
use serde::Serialize;

use crate::{
    args::{Compare, CompareFormat, Gate, PolicyKind},
    fault::Fault,
    ink::Ink,
    input,
    lines::Lines,
    outcome::Outcome,
    output::Output,
};

pub(crate) fn run(asked: &Compare, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    if let Some(cases) = &asked.cases {
        return answer_cases(cases, asked.check, output);
    }
    let (Some(a), Some(b)) = (&asked.a, &asked.b) else {
        return Err(Fault::new(
            "two policies are compared: A, the candidate, and B, the reference",
        )
        .into());
    };
    let pair = Pair {
        name: None,
        kind: attached_to(asked.kind),
        a: side(a, asked.kind)?,
        b: side(b, asked.kind)?,
    };
    let algebra = algebra();
    let compared = comparison(&pair, &algebra, asked.check);
    let comparison = &compared.comparison;
    let names = (input::name_of(a), input::name_of(b));
    let format = if json {
        CompareFormat::Json
    } else {
        asked.format
    };
    let own = differences(&pair, comparison, &algebra);
    let text = match format {
        CompareFormat::Table => show::table(&compared, &own, &names, Ink::of_stdout()),
        CompareFormat::Markdown => show::markdown(comparison, &own, &names),
        CompareFormat::Json => {
            let [added, removed] = own;
            let answer = Answer {
                name: None,
                compared: &compared,
                added,
                removed,
            };
            let mut text = serde_json::to_string_pretty(&answer)?;
            text.push('\n');
            text
        }
    };
    output.write(&text)?;
    Ok(match asked.gate {
        None => Outcome::Clear,
        Some(Gate::NoNewAccess) => gate(comparison.relation),
    })
}

/// How two sides relate, and, if asked for, which claims were checked.
#[derive(Debug, Serialize)]
struct Compared {
    #[serde(flatten)]
    comparison: Comparison,
    #[serde(skip_serializing_if = "Option::is_none")]
    checked: Option<&'static [&'static str]>,
}

/// The answer to one pair.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    name: Option<&'a str>,
    #[serde(flatten)]
    compared: &'a Compared,
    /// What A has and B lacks, line by line; told of two files, not of many pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<Difference>,
    /// What B has and A lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<Difference>,
}

fn answer_cases(cases: &Path, check: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let algebra = algebra();
    Lines::open(cases)?.answer_each(output, |line| {
        let pair = Pair::parse(line.text).map_err(|error| {
            line.fault(&error.to_string(), error.span)
                .mend(error.trouble.mend())
        })?;
        let answer = Answer {
            name: pair.name.as_deref(),
            compared: &comparison(&pair, &algebra, check),
            added: None,
            removed: None,
        };
        // The next pair has policies of its own.
        algebra.forget();
        Ok(serde_json::to_string(&answer)?)
    })?;
    Ok(Outcome::Clear)
}

fn algebra() -> Algebra<'static> {
    let catalog = bailiwick_iam_catalog::builtin();
    Algebra::new(catalog).over(catalog)
}

fn accesses<'a>(pair: &Pair, algebra: &'a Algebra<'a>) -> (Access<'a>, Access<'a>) {
    let access = |layers: &Layers| match &layers.resource {
        Some(policy) => algebra.granted_by(policy),
        None => algebra.access(layers, None),
    };
    (access(&pair.a), access(&pair.b))
}

/// Lines a side; nobody reads more in a comment on a pull request.
const LINES_MAX: usize = 20;

/// What each side has of its own, where the comparison says that it has something.
fn differences(
    pair: &Pair,
    comparison: &Comparison,
    algebra: &Algebra<'_>,
) -> [Option<Difference>; 2] {
    let (left, right) = accesses(pair, algebra);
    let (a, b) = (comparison.only_a.as_ref(), comparison.only_b.as_ref());
    [
        a.map(|_| left.beyond(&right, LINES_MAX)),
        b.map(|_| right.beyond(&left, LINES_MAX)),
    ]
}

fn comparison(pair: &Pair, algebra: &Algebra<'_>, check: bool) -> Compared {
    let (a, b) = accesses(pair, algebra);
    let comparison = compare(&a, &b);
    Compared {
        checked: check.then(|| claims(comparison.relation)),
        comparison,
    }
}

/// The containments that the relation claims, each of which `compare` has proved with a certificate
/// that the small checker accepted.
const fn claims(relation: Relation) -> &'static [&'static str] {
    match relation {
        Relation::Equal => &["a ⊆ b", "b ⊆ a"],
        Relation::Narrower => &["a ⊆ b"],
        Relation::Wider => &["b ⊆ a"],
        Relation::Disjoint | Relation::Overlapping | Relation::Unknown => &[],
    }
}

fn side(path: &Path, kind: PolicyKind) -> Result<Layers, Fault> {
    let document = input::document(path)?;
    parse_side(&document.text, attached_to(kind)).map_err(|error: ReadError| {
        Fault::new(error.to_string())
            .at(&document.name, &document.text, error.span)
            .mend(error.trouble.mend())
    })
}

fn attached_to(kind: PolicyKind) -> AttachedTo {
    match kind {
        PolicyKind::Identity => AttachedTo::Identity,
        PolicyKind::Resource => AttachedTo::Resource,
    }
}

fn gate(relation: Relation) -> Outcome {
    match relation {
        Relation::Equal | Relation::Narrower => Outcome::Clear,
        Relation::Wider | Relation::Overlapping | Relation::Disjoint => Outcome::Found,
        Relation::Unknown => Outcome::Untold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_opens_only_where_nothing_new_is_proved() {
        for (relation, outcome) in [
            (Relation::Equal, Outcome::Clear),
            (Relation::Narrower, Outcome::Clear),
            (Relation::Wider, Outcome::Found),
            (Relation::Overlapping, Outcome::Found),
            (Relation::Disjoint, Outcome::Found),
            (Relation::Unknown, Outcome::Untold),
        ] {
            assert_eq!(gate(relation), outcome, "{relation:?}");
        }
    }
}
