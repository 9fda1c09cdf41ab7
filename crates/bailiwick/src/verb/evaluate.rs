//! `evaluate`: cases in, decisions out.

use bailiwick_iam::case::Case;

use crate::{args::Evaluate, lines::Lines, outcome::Outcome, output::Output};

pub(crate) fn run(evaluate: &Evaluate, output: &mut Output) -> anyhow::Result<Outcome> {
    let catalog = bailiwick_iam_catalog::builtin();
    Lines::open(&evaluate.cases)?.answer_each(output, |line| {
        let case = Case::parse(line.text).map_err(|error| {
            line.fault(&error.to_string(), error.span)
                .mend(error.trouble.mend())
        })?;
        Ok(serde_json::to_string(&case.answer(catalog))?)
    })?;
    Ok(Outcome::Clear)
}
