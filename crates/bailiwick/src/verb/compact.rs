//! `compact`: a policy as small as it can be said, with a proof that it says the same.

use std::sync::Arc;

use bailiwick_iam::{
    access::{Algebra, Contained},
    policy::Policy,
    synthesis::{Compacted, Sizes, Wildcards, compact},
};
use bailiwick_iam_catalog::{AccessLevel, builtin};
use serde::Serialize;

use crate::{
    args::{Compact, SizeOf},
    fault::Fault,
    ink, input,
    outcome::Outcome,
    output::{self, Output},
};

pub(crate) fn run(asked: &Compact, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let document = input::document(&asked.policy)?;
    let policy = Policy::parse(&document.text).map_err(|error| {
        Fault::new(error.to_string())
            .at(&document.name, &document.text, error.span)
            .mend(error.problem.mend())
    })?;
    let algebra = Algebra::new(builtin()).over(builtin());
    let wildcards = asked.wildcards.then_some(Wildcards {
        domain: builtin(),
        may_hide: only_reads,
    });
    let compacted = compact(&[Arc::new(policy)], &algebra, sizes(asked.fit), wildcards);
    let text = if json {
        let mut text = serde_json::to_string_pretty(&Answer::of(&compacted))?;
        text.push('\n');
        text
    } else {
        documents(&compacted)?
    };
    output::deliver(&text, asked.out.as_deref(), output)?;
    ink::tell(&in_words(&compacted));
    Ok(outcome(&compacted))
}

/// What a script reads.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    documents: &'a [Policy],
    characters_before: usize,
    characters: usize,
    fits: bool,
    nothing_lost: Proof,
    nothing_added: Proof,
    /// Whether `nothing_added` is said of the requests that the catalog knows alone.
    in_domain: bool,
}

#[derive(Debug, Serialize)]
struct Proof {
    verdict: &'static str,
    /// A request that shows the opposite.
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl<'a> Answer<'a> {
    fn of(compacted: &'a Compacted) -> Self {
        Self {
            documents: &compacted.documents,
            characters_before: compacted.characters_before,
            characters: compacted.characters,
            fits: compacted.fits,
            nothing_lost: Proof::of(&compacted.nothing_lost),
            nothing_added: Proof::of(&compacted.nothing_added),
            in_domain: compacted.in_domain,
        }
    }
}

impl Proof {
    fn of(contained: &Contained) -> Self {
        let (witness, reason) = match contained {
            Contained::Proved => (None, None),
            Contained::Refuted(request) => (serde_json::to_value(request).ok(), None),
            Contained::Unknown(why) => (None, Some(why.to_string())),
        };
        Self {
            verdict: verdict(contained),
            witness,
            reason,
        }
    }
}

/// The policy itself; a list where one document is not enough.
fn documents(compacted: &Compacted) -> anyhow::Result<String> {
    let mut text = match compacted.documents.as_slice() {
        [only] => only.to_json_pretty(),
        several => serde_json::to_string_pretty(several)?,
    };
    text.push('\n');
    Ok(text)
}

fn in_words(compacted: &Compacted) -> String {
    let Compacted {
        documents,
        characters_before,
        characters,
        fits,
        nothing_lost,
        nothing_added,
        in_domain,
    } = compacted;
    let scope = if *in_domain {
        format!(" (as of the catalog of {})", builtin().date())
    } else {
        String::new()
    };
    let mut text = format!(
        "{characters_before} characters before, {characters} after; that nothing is lost: {}; that nothing is added{scope}: {}\n",
        verdict(nothing_lost),
        verdict(nothing_added),
    );
    if documents.len() > 1 {
        text.push_str(&format!(
            "it takes {} documents, printed as a list\n",
            documents.len()
        ));
    }
    if !fits {
        text.push_str("AWS's limits would refuse it still\n");
    }
    text
}

fn verdict(contained: &Contained) -> &'static str {
    match contained {
        Contained::Proved => "proved",
        Contained::Refuted(_) => "refuted",
        Contained::Unknown(_) => "unknown",
    }
}

fn outcome(compacted: &Compacted) -> Outcome {
    let of = |contained: &Contained| match contained {
        Contained::Proved => Outcome::Clear,
        Contained::Refuted(_) => Outcome::Found,
        Contained::Unknown(_) => Outcome::Untold,
    };
    let fitting = if compacted.fits {
        Outcome::Clear
    } else {
        Outcome::Found
    };
    of(&compacted.nothing_lost)
        .max(of(&compacted.nothing_added))
        .max(fitting)
}

fn sizes(of: SizeOf) -> Sizes {
    match of {
        SizeOf::Managed => Sizes::MANAGED,
        SizeOf::RoleInline => Sizes::INLINE_OF_ROLE,
        SizeOf::UserInline => Sizes::INLINE_OF_USER,
    }
}

/// A wildcard may stand for what only looks.
fn only_reads(action: &str) -> bool {
    builtin()
        .action(action)
        .is_ok_and(|action| matches!(action.level(), AccessLevel::Read | AccessLevel::List))
}
