//! LIFE-01: agents for which nobody answers.

use std::collections::BTreeMap;

use bailiwick_estate::{Agent, Id};
use bailiwick_iam::arn::{AccountId, Arn};

use crate::{
    finding::{Finding, Fix, Severity, Witness},
    rule::{About, Checked, Claim, counted, rule},
    view::{View, is_production},
};

rule! {
    /// Nobody is named who answers for an agent.
    ///
    /// **Sees.** An agent that has no charter, and neither a tag of its own nor one of its role that
    /// names an owner. Also an owner named by the ARN of a user or role that its account no longer
    /// has; where the account's principals are not in the snapshot, that cannot be told. Whether
    /// anybody is still behind a team's name or an address, no snapshot tells: that is unknown, once
    /// for each such owner. The owner of a charter is taken at its word: it is reviewed where the
    /// charter is.
    ///
    /// **Matters.** When it misbehaves, somebody must be woken; when it is reviewed, somebody must
    /// say what it still needs.
    ///
    /// **Example.** A runtime of a team that was dissolved.
    ///
    /// **Severity.** Medium. High in production.
    ///
    /// **Remedy.** A charter with `owner`, or the tag `owner`.
    ///
    /// **References.** NIST AI RMF GOVERN 2.1; AWS Agentic AI Lens AGENTOPS03-BP01; ISO/IEC 42001 A.3.2.
    "LIFE-01", "Nobody answers for an agent", Medium, check
}

/// Of more agents than these, the first are evidence enough.
const EVIDENCE_MAX: usize = 8;

fn check(view: &View<'_>) -> Checked {
    let acting = view
        .estate
        .agents
        .iter()
        .filter(|(_, agent)| agent.kind.acts());
    let mut teams: BTreeMap<&str, Vec<&Agent>> = BTreeMap::new();
    let known = acting.filter(|(_, agent)| match team_of(view, agent) {
        Some(team) => {
            teams.entry(team).or_default().push(agent);
            false
        }
        None => true,
    });
    let known: Vec<_> = known.collect();
    let mut checked = Checked::each(known, |(id, agent)| look(view, id, agent));
    checked.subjects += teams.len();
    let untold = teams
        .iter()
        .map(|(team, agents)| untold(view, team, agents));
    checked.findings.extend(untold);
    checked
}

/// The owner, where it is a name of which no snapshot tells who is behind it.
fn team_of<'v>(view: &'v View<'_>, agent: &'v Agent) -> Option<&'v str> {
    if view.charter_of(agent).is_some() {
        return None;
    }
    let owner = agent.owner.as_ref()?.value.as_str();
    matches!(presence(view, owner), Presence::NoPrincipal).then_some(owner)
}

fn untold(view: &View<'_>, team: &str, agents: &[&Agent]) -> Finding {
    let owned = counted(agents.len(), "agent");
    let arns: Vec<String> = agents.iter().map(|agent| agent.arn.to_string()).collect();
    let evidence = agents
        .iter()
        .take(EVIDENCE_MAX)
        .map(|agent| view.evidence(&agent.place, agent.arn.as_str()));
    RULE.unknown(Claim {
        severity: RULE.base,
        subject: team.to_owned(),
        agents: arns,
        title: format!("Cannot tell whether anybody is behind {team}, the owner of {owned}"),
        why: format!(
            "A tag names {team}, which is no principal of an account: no snapshot tells whether that team or address is still there."
        ),
        witness: Witness::facts([format!("not known: who is behind {team}")]),
        evidence: evidence.collect(),
        path: Vec::new(),
        fix: Fix {
            summary: "Write a charter, whose owner is reviewed with it (`bailiwick charter draft`), or let the tag name a user or role by its ARN".to_owned(),
            patch: format!("owner: {{ team: {team}, contact: … }}"),
        },
        cause: vec![format!("team {team}")],
    })
}

fn look(view: &View<'_>, id: Id<Agent>, agent: &Agent) -> Option<Finding> {
    if view.charter_of(agent).is_some() {
        return None;
    }
    let (what, why) = match &agent.owner {
        None => (
            "has no owner".to_owned(),
            "No charter, no tag of the agent and none of its role names an owner.".to_owned(),
        ),
        Some(owner) => match presence(view, &owner.value) {
            Presence::There | Presence::NoPrincipal => return None,
            Presence::Gone => (
                format!("is owned by {}, which does not exist", owner.value),
                format!(
                    "Its owner, {}, is no principal of that account any more.",
                    owner.value
                ),
            ),
            Presence::Untold(account) => {
                let question = format!("the owner of {} is still there", agent.name);
                let missing = [format!("the principals of {account}")]
                    .into_iter()
                    .collect();
                return RULE.hangs(About::agent(view, agent), &question, &missing);
            }
        },
    };
    let production = view.environment_of(id).is_some_and(is_production);
    let about = About::agent(view, agent);
    Some(RULE.fails(Claim {
        severity: if production {
            Severity::High
        } else {
            RULE.base
        },
        subject: about.subject,
        agents: about.agents,
        title: format!("Nobody answers for the {} {}", agent.kind, agent.name),
        why,
        witness: Witness::facts([format!("{} {what}", agent.arn)]),
        evidence: about.evidence,
        path: Vec::new(),
        fix: Fix {
            summary: "Name an owner in its charter, or tag it".to_owned(),
            patch: "owner: { team: …, contact: … }".to_owned(),
        },
        cause: vec![if agent.owner.is_some() {
            what
        } else {
            "no owner".to_owned()
        }],
    }))
}

/// Whether the principal that owns an agent is still there.
enum Presence {
    There,
    Gone,
    /// The snapshot does not hold this account's principals, or not all of them.
    Untold(AccountId),
    /// A team, an address: nothing that IAM knows.
    NoPrincipal,
}

fn presence(view: &View<'_>, owner: &str) -> Presence {
    let Ok(arn) = owner.parse::<Arn>() else {
        return Presence::NoPrincipal;
    };
    let Some(account) = arn.account_id().filter(|_| arn.service() == "iam") else {
        return Presence::NoPrincipal;
    };
    match arn.resource_kind() {
        "user" | "role" if view.estate.principal(&arn).is_some() => Presence::There,
        "user" | "role" if view.estate.has_all_principals(account) => Presence::Gone,
        "user" | "role" => Presence::Untold(account),
        _ => Presence::NoPrincipal,
    }
}
