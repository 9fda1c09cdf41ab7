//! `compare`: which access one side has that the other lacks.

mod show;

use std::path::Path;

use bailiwick_iam::{
    access::{Algebra, Comparison, Relation, compare},
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
        return answer_cases(cases, output);
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
    let comparison = comparison(&pair, &algebra())?;
    let names = (input::name_of(a), input::name_of(b));
    let format = if json {
        CompareFormat::Json
    } else {
        asked.format
    };
    let text = match format {
        CompareFormat::Table => show::table(&comparison, &names, Ink::of_stdout()),
        CompareFormat::Markdown => show::markdown(&comparison, &names),
        CompareFormat::Json => {
            let mut text = serde_json::to_string_pretty(&Answer::of(&pair, comparison.clone()))?;
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

/// The answer to one pair.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    name: Option<&'a str>,
    #[serde(flatten)]
    comparison: Comparison,
}

impl<'a> Answer<'a> {
    fn of(pair: &'a Pair, comparison: Comparison) -> Self {
        Self {
            name: pair.name.as_deref(),
            comparison,
        }
    }
}

fn answer_cases(cases: &Path, output: &mut Output) -> anyhow::Result<Outcome> {
    Lines::open(cases)?.answer_each(output, |line| {
        let pair = Pair::parse(line.text).map_err(|error| {
            line.fault(&error.to_string(), error.span)
                .mend(error.trouble.mend())
        })?;
        // A new algebra for each: it remembers every policy it has read.
        let comparison = comparison(&pair, &algebra())?;
        Ok(serde_json::to_string(&Answer::of(&pair, comparison))?)
    })?;
    Ok(Outcome::Clear)
}

fn algebra() -> Algebra<'static> {
    let catalog = bailiwick_iam_catalog::builtin();
    Algebra::new(catalog).over(catalog)
}

fn comparison(pair: &Pair, algebra: &Algebra<'_>) -> Result<Comparison, Fault> {
    if pair.kind == AttachedTo::Resource {
        return Err(
            Fault::new("comparing resource policies is not part of this release")
                .mend("compare identity policies: --kind identity, or \"kind\": \"identity\""),
        );
    }
    let access = |layers: &Layers| algebra.access(layers, None);
    Ok(compare(&access(&pair.a), &access(&pair.b)))
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
