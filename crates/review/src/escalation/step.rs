//! One step: a path tried by one holder, against those it could gain.

mod own;
mod service;
mod target;

use std::{cell::Cell, collections::BTreeSet, ops::ControlFlow};

use bailiwick_estate::{PrincipalId, Tags};

use super::{
    Proof,
    circumstance::Asked,
    holder::{Holder, Rights},
    index::Index,
    path::{Gives, Need, Path},
    question::Answer,
    scenario::REGION,
    world::{Call, World},
};

/// A step that a holder can take.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) path: &'static Path,
    pub(crate) to: Holder,
    pub(crate) proofs: Vec<Proof>,
    pub(crate) sure: Sure,
    pub(crate) assumes: Option<String>,
}

impl Step {
    /// A step of which it is known that it can be taken, without the proofs.
    fn bare(path: &'static Path, to: Holder, sure: Sure) -> Self {
        Self {
            path,
            to,
            proofs: Vec::new(),
            sure,
            assumes: None,
        }
    }
}

/// How sure a step is; less sure is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Sure {
    Proved,
    /// Something must exist, or be so, that the snapshot does not list.
    Assumed,
    /// It hangs on circumstances that the snapshot does not tell.
    Unknown,
}

/// Whom a search looks for.
pub(crate) struct Goal<'g, 'e> {
    /// The principals that it looks for.
    pub(crate) index: &'g Index<'e>,
    pub(crate) wants: &'g dyn Fn(Holder) -> bool,
    /// Whether a role is worth the assumption that something runs as it.
    pub(crate) privileged: &'g dyn Fn(Holder) -> bool,
    /// Whether why a step can be taken is of interest, beside that it can.
    pub(crate) with_proofs: bool,
    /// Steps less sure than this are of no interest. Who looks for one step only raises it as steps
    /// are found.
    pub(crate) least: Cell<Sure>,
}

impl Goal<'_, '_> {
    fn is_sure_enough(&self, tally: &Tally) -> bool {
        tally.sure() <= self.least.get()
    }

    /// Whether a step may rest on something that the snapshot does not list.
    fn takes_assumptions(&self) -> bool {
        self.least.get() > Sure::Proved
    }
}

/// Who tries: a holder's rights, and the estate they are held in.
#[derive(Clone, Copy)]
pub(crate) struct From<'f, 'e> {
    pub(crate) world: &'f World<'e>,
    pub(crate) rights: &'f Rights,
}

pub(crate) type Visit<'v> = &'v mut dyn FnMut(Step) -> ControlFlow<()>;

/// Shows `visit` every step that a holder can take to the goal, path by path.
pub(crate) fn steps<'e>(
    world: &World<'e>,
    rights: &Rights,
    goal: &Goal<'_, 'e>,
    visit: Visit<'_>,
) -> ControlFlow<()> {
    let from = From { world, rights };
    for path in world.vocabulary.paths_within(rights.allows) {
        let Some(path) = world.book.paths.get(path) else {
            continue;
        };
        match path.gives {
            Gives::PassedRole => service::passed_role(from, path, goal, visit)?,
            Gives::BoundRole => service::bound_role(from, path, goal, visit)?,
            Gives::User => target::user(from, path, goal, visit)?,
            Gives::AssumedRole => target::assumed_role(from, path, goal, visit)?,
            Gives::TrustingRole => target::trusting_role(from, path, goal, visit)?,
            Gives::OwnUser | Gives::OwnRole | Gives::OwnGroup | Gives::OwnPolicy => {
                own::rewritten(from, path, goal, visit)?;
            }
            Gives::JoinedGroup => own::joined(from, path, goal, visit)?,
        }
    }
    ControlFlow::Continue(())
}

/// What was asked for one step so far, all of it allowed or unknown.
#[derive(Debug, Clone, Default)]
struct Tally {
    proofs: Vec<Proof>,
    assumes: Vec<String>,
    missing: BTreeSet<String>,
}

impl Tally {
    /// Counts an answer; a no is the end.
    fn add(&mut self, answer: Answer) -> Option<()> {
        match answer {
            Answer::Yes(proof) => self.proofs.push(proof),
            Answer::No => return None,
            Answer::Unknown(missing) => self.missing.extend(missing),
        }
        Some(())
    }

    fn assume(&mut self, what: impl Into<String>) {
        self.assumes.push(what.into());
    }

    fn join(mut self, other: &Self) -> Self {
        self.proofs.extend(other.proofs.iter().cloned());
        self.assumes.extend(other.assumes.iter().cloned());
        self.missing.extend(other.missing.iter().cloned());
        self
    }

    fn sure(&self) -> Sure {
        if !self.missing.is_empty() {
            Sure::Unknown
        } else if !self.assumes.is_empty() {
            Sure::Assumed
        } else {
            Sure::Proved
        }
    }

    fn step(self, path: &'static Path, to: Holder) -> Step {
        let sure = self.sure();
        let missing: Vec<_> = self.missing.into_iter().collect();
        let mut assumes = self.assumes;
        if !missing.is_empty() {
            assumes.push(format!(
                "the request is allowed, which hangs on {}",
                missing.join(", ")
            ));
        }
        Step {
            path,
            to,
            proofs: self.proofs,
            sure,
            assumes: (!assumes.is_empty()).then(|| assumes.join("; ")),
        }
    }
}

/// The surer of two tallies.
fn surer(best: Option<Tally>, other: Tally) -> Option<Tally> {
    match best {
        Some(best) if best.sure() <= other.sure() => Some(best),
        Some(_) | None => Some(other),
    }
}

impl<'f> From<'f, '_> {
    fn partition(self) -> &'f str {
        self.rights
            .signer
            .arn()
            .map_or("aws", |arn| arn.partition())
    }

    fn is(self, principal: PrincipalId) -> bool {
        self.rights.holder.principal == principal
    }

    /// A call to IAM about something that exists.
    fn ask_iam(
        self,
        need: &Need,
        arn: &str,
        tags: &Tags,
        fixed: &[(&str, Option<&str>)],
    ) -> Answer {
        if !self.world.may(self.rights, &need.action, arn) {
            return Answer::No;
        }
        let call = Call {
            action: &need.action,
            resource: arn,
            region: REGION,
            asked: Asked::Tagged(tags),
            fixed,
        };
        self.world.ask(self.rights, &self.rights.layers, call)
    }
}
