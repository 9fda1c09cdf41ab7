//! `charter`: what agents are for.

mod check;
mod draft;

use crate::{
    args::{Charter, CharterVerb},
    outcome::Outcome,
    output::Output,
};

pub(crate) fn run(charter: &Charter, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    match &charter.verb {
        CharterVerb::Check(asked) => check::run(asked, json, output),
        CharterVerb::Draft(asked) => draft::run(asked, output),
    }
}
