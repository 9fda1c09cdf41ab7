//! What a plan claims, and how each claim stands.

use std::fmt;

use bailiwick_iam::{
    access::{Contained, Unknown},
    request::Request,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One claim about one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub claim: Claim,
    /// The agent, role or unit of which it is claimed.
    pub subject: String,
    #[serde(flatten)]
    pub proven: Proven,
}

/// What can be claimed. *Charter* is the charter's closure: what it declares with every parameter
/// as wide as anything, and the platform's baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Claim {
    /// The new roles of an agent allow nothing that the old one did not, the baseline aside.
    #[serde(rename = "new ⊆ old")]
    NewInOld,
    #[serde(rename = "new ⊆ charter")]
    NewInCharter,
    #[serde(rename = "charter ⊆ new")]
    CharterInNew,
    /// What was observed and is declared, still works.
    #[serde(rename = "observed ∩ charter ⊆ new")]
    ObservedInNew,
    /// No SCP of the plan denies what a charter declares.
    #[serde(rename = "scp denies no declared request")]
    CeilingBreaksNothing,
    /// Agents that keep one role are for the same.
    #[serde(rename = "charters are equal")]
    ChartersEqual,
    /// Nobody but the agents that move needs the old role.
    #[serde(rename = "old role has no other users")]
    OldRoleIsFree,
    /// Names, sizes and numbers are within AWS's limits.
    #[serde(rename = "within limits")]
    WithinLimits,
    /// What is taken away was not used in the time the trail covers.
    #[serde(rename = "removed is unused")]
    RemovedIsUnused,
}

impl Claim {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NewInOld => "new ⊆ old",
            Self::NewInCharter => "new ⊆ charter",
            Self::CharterInNew => "charter ⊆ new",
            Self::ObservedInNew => "observed ∩ charter ⊆ new",
            Self::CeilingBreaksNothing => "scp denies no declared request",
            Self::ChartersEqual => "charters are equal",
            Self::OldRoleIsFree => "old role has no other users",
            Self::WithinLimits => "within limits",
            Self::RemovedIsUnused => "removed is unused",
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a claim stands, in the order in which one outweighs another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Proved,
    Unknown,
    Refuted,
}

/// How a claim stands, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Proven {
    Proved {
        /// What holds what, in the words of the policies; or the facts that were counted.
        certificate: Vec<String>,
    },
    Refuted {
        /// A request shaped as `evaluate` reads it, or facts of the snapshot.
        witness: Value,
        why: String,
    },
    Unknown {
        why: String,
    },
}

impl Proven {
    /// This, and where it is proved, what more has to be.
    #[must_use]
    pub(crate) fn and_then(self, more: impl FnOnce() -> Option<Self>) -> Self {
        let Self::Proved { mut certificate } = self else {
            return self;
        };
        match more() {
            None => Self::Proved { certificate },
            Some(Self::Proved { certificate: lines }) => {
                certificate.extend(lines);
                Self::Proved { certificate }
            }
            Some(open @ (Self::Refuted { .. } | Self::Unknown { .. })) => open,
        }
    }

    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Proved { .. } => Verdict::Proved,
            Self::Refuted { .. } => Verdict::Refuted,
            Self::Unknown { .. } => Verdict::Unknown,
        }
    }

    /// Why it is not proved, with the request or the facts that show it.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        match self {
            Self::Proved { .. } => None,
            Self::Unknown { why } => Some(why.clone()),
            Self::Refuted { witness, why } => Some(format!("{why}: {}", shown(witness))),
        }
    }

    pub fn by_facts(facts: impl IntoIterator<Item = String>) -> Self {
        Self::Proved {
            certificate: facts.into_iter().collect(),
        }
    }

    pub fn refuted_by_facts(
        facts: impl IntoIterator<Item = String>,
        why: impl Into<String>,
    ) -> Self {
        let facts: Vec<String> = facts.into_iter().collect();
        Self::Refuted {
            witness: serde_json::json!({ "facts": facts }),
            why: why.into(),
        }
    }

    pub fn refuted_by(request: &Request, why: impl Into<String>) -> Self {
        Self::Refuted {
            witness: serde_json::json!({ "request": request }),
            why: why.into(),
        }
    }

    pub fn unknown(why: impl Into<String>) -> Self {
        Self::Unknown { why: why.into() }
    }

    /// As the algebra answers; `certificate` where it proves.
    pub fn of(contained: Contained, certificate: Vec<String>, why: impl Into<String>) -> Self {
        match contained {
            Contained::Proved => Self::Proved { certificate },
            Contained::Refuted(request) => Self::refuted_by(&request, why),
            // One reading of resource patterns lets it through: that is one request too many.
            Contained::Unknown(Unknown::Reading { witness }) => Self::refuted_by(&witness, why),
            Contained::Unknown(unknown) => Self::unknown(unknown.to_string()),
        }
    }
}

/// A witness in one line.
fn shown(witness: &Value) -> String {
    let text = |name: &str| witness.pointer(name).and_then(Value::as_str);
    if let (Some(action), Some(resource)) = (text("/request/action"), text("/request/resource")) {
        return format!("{action} on {resource}");
    }
    let facts = witness.get("facts").and_then(Value::as_array);
    let facts = facts.into_iter().flatten().filter_map(Value::as_str);
    facts.collect::<Vec<_>>().join("; ")
}

/// Something that somebody must do by hand, and how its being done is seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obligation {
    /// The agent, policy or resource it concerns.
    pub subject: String,
    pub what: String,
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new claim stops the build here, and is then looked for on the page.
    fn after(claim: Claim) -> Option<Claim> {
        match claim {
            Claim::NewInOld => Some(Claim::NewInCharter),
            Claim::NewInCharter => Some(Claim::CharterInNew),
            Claim::CharterInNew => Some(Claim::ObservedInNew),
            Claim::ObservedInNew => Some(Claim::CeilingBreaksNothing),
            Claim::CeilingBreaksNothing => Some(Claim::ChartersEqual),
            Claim::ChartersEqual => Some(Claim::OldRoleIsFree),
            Claim::OldRoleIsFree => Some(Claim::WithinLimits),
            Claim::WithinLimits => Some(Claim::RemovedIsUnused),
            Claim::RemovedIsUnused => None,
        }
    }

    #[test]
    fn the_page_on_plans_explains_every_claim_and_no_other() {
        let page = include_str!("../../../../docs/formats/plan.md");
        let (_, table) = page.split_once("| claim | means |").unwrap();
        let rows = table
            .lines()
            .skip(2)
            .take_while(|line| line.starts_with('|'));
        let explained: Vec<&str> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
        let claims = std::iter::successors(Some(Claim::NewInOld), |claim| after(*claim));
        let named: Vec<&str> = claims.clone().map(Claim::name).collect();
        assert_eq!(explained, named);
        for claim in claims {
            let written = serde_json::to_value(claim).unwrap();
            assert_eq!(written, claim.name());
        }
    }
}
