//! Why a request is answered as it is, layer by layer, and the smallest change that would turn the
//! answer.
//!
//! A change is never guessed and left at that: it is applied, the request is decided again, and only
//! what then turns the answer is told.

mod change;
mod sample;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Serialize;

use crate::{
    evaluate::{
        Because, Decision, Hearing, Outcome, Said, Truth, Unreadable, decide, unreadable_in,
    },
    layers::{LayerKind, Layers, Level},
    request::Request,
    vocabulary::Vocabulary,
};

pub use change::{Change, Step};

/// Why a request is answered as it is.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    pub request: Request,
    #[serde(flatten)]
    pub decision: Decision,
    /// Every layer that was asked, in AWS's order; SCPs and RCPs level by level.
    pub ladder: Vec<Rung>,
    /// Ways to turn the answer, the one with the fewest steps first. From an allow they lead to a
    /// denial, from anything else to an allow. Empty if none was found.
    pub changes: Vec<Change>,
}

/// One layer, and what it says.
#[derive(Debug, Clone, Serialize)]
pub struct Rung {
    pub layer: LayerKind,
    /// Where an SCP or RCP is attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Arc<str>>,
    pub says: Says,
    /// The statement that made it say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<Because>,
    /// The policies of this layer that could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
}

/// What one layer says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    Allows,
    Denies,
    /// It neither allows nor denies.
    Nothing,
    /// It depends on what is missing.
    Unknown,
}

/// Explains the answer to a request.
#[must_use]
pub fn explain(layers: &Layers, request: &Request, vocabulary: &dyn Vocabulary) -> Explanation {
    let hearing = Hearing::new(layers, request, vocabulary);
    let decision = decide(&hearing);
    let ladder = ladder(&hearing);
    let changes = change::find(layers, request, vocabulary, &decision);
    Explanation {
        request: request.clone(),
        decision,
        ladder,
        changes,
    }
}

fn ladder(hearing: &Hearing<'_>) -> Vec<Rung> {
    let layers = hearing.layers;
    let levels = |levels: &Option<Arc<[Level]>>| -> Vec<Arc<str>> {
        let levels = levels.as_deref().unwrap_or_default();
        levels.iter().map(|level| level.target.clone()).collect()
    };
    let mut rungs = Vec::new();
    for (level, (said, target)) in hearing.rcp.iter().zip(levels(&layers.rcp)).enumerate() {
        // IAM-004: RCPFullAWSAccess is always attached.
        let says = match said.deny.and(hearing.rcp_applies) {
            Truth::Yes => Says::Denies,
            Truth::Maybe => Says::Unknown,
            Truth::No => Says::Allows,
        };
        rungs.push(rung(
            hearing,
            LayerKind::Rcp,
            (level, Some(target)),
            said,
            says,
        ));
    }
    for (level, (said, target)) in hearing.scp.iter().zip(levels(&layers.scp)).enumerate() {
        let place = (level, Some(target));
        rungs.push(rung(hearing, LayerKind::Scp, place, said, says(said)));
    }
    for (layer, said) in hearing.asked_once() {
        rungs.push(rung(hearing, layer, (0, None), &said, says(&said)));
    }
    rungs
}

fn rung(
    hearing: &Hearing<'_>,
    layer: LayerKind,
    (level, target): (usize, Option<Arc<str>>),
    said: &Said,
    says: Says,
) -> Rung {
    let place = match says {
        Says::Denies => said.denied_by,
        Says::Allows => said.allowed_by,
        Says::Nothing | Says::Unknown => None,
    };
    Rung {
        layer,
        target,
        says,
        because: place.and_then(|place| hearing.because(layer, level, place)),
        unreadable: unreadable_in(hearing.policies(layer, level), layer),
    }
}

fn says(said: &Said) -> Says {
    match (said.deny, said.allow.at_all()) {
        (Truth::Yes, _) => Says::Denies,
        (Truth::Maybe, _) | (Truth::No, Truth::Maybe) => Says::Unknown,
        (Truth::No, Truth::Yes) => Says::Allows,
        (Truth::No, Truth::No) => Says::Nothing,
    }
}

/// Whether a change has turned an answer.
fn is_turned(from: Outcome, to: Outcome) -> bool {
    match from {
        Outcome::Allow => matches!(to, Outcome::ImplicitDeny | Outcome::ExplicitDeny),
        Outcome::ImplicitDeny | Outcome::ExplicitDeny | Outcome::Unknown => to == Outcome::Allow,
    }
}
