//! A proposal as a plan: its changes and what undoes them, its proofs, and what its reader should
//! know.

use std::collections::BTreeSet;

use bailiwick_iam_catalog::builtin;

use super::{LIMITS, Node, Observations, Proposal, Room};
use crate::plan::{
    Act, CeilingKind, Change, Claim, Document, Inverse, Kind, Obligation, Phase, Plan, Proof,
    Proven, SnapshotHash, VERSION, Verdict,
};
use crate::rule::counted;

/// What no ceiling can do, whatever its statements.
pub const CANNOT: [&str; 6] = [
    "No SCP and no RCP binds the management account, nor a service-linked role: agents do not belong in the management account (CEIL-03).",
    "A ceiling grants nothing and replaces no policy of a role; FullAWSAccess stays attached at every node.",
    "No limit here demands a guardrail: InvokeAgent and RetrieveAndGenerate call models without one in between, and would break. Enforce guardrails by an AWS::Bedrock::EnforcedGuardrailConfiguration.",
    "No limit here rests on bedrock-agentcore:GatewayAuthorizerType or PolicyEngineMode: AWS declares these keys and maps them to no action, so a statement on them is unproven. INV-05 reads the configuration instead.",
    "RCPs do not reach bedrock and bedrock-agentcore: who may invoke an agent from another account is for its resource policy.",
    "An agent that exists keeps running as it does: limits on making and changing agents bind the next change.",
];

impl Proposal {
    /// The proposal as a plan of the snapshot it was made from.
    #[must_use]
    pub fn plan(&self, snapshot: SnapshotHash) -> Plan {
        let mut proofs = self.proofs.clone();
        proofs.extend(self.nodes.iter().map(sizes));
        let mut changes: Vec<Change> = self.nodes.iter().flat_map(changes).collect();
        changes.sort_by_key(|change| change.phase);
        Plan {
            version: VERSION,
            kind: Kind::Ceiling,
            subject: subject(&self.nodes),
            snapshot,
            catalog: builtin().version().to_owned(),
            changes,
            proofs,
            obligations: self.obligations(),
            drift: Vec::new(),
            baseline: Vec::new(),
            remarks: self.remarks(),
        }
    }

    fn obligations(&self) -> Vec<Obligation> {
        let denied = self.observed.denied.iter().map(|(role, why)| Obligation {
            subject: role.to_string(),
            what: "see whether this call is needed; if it is, leave the limit out or move the call"
                .to_owned(),
            why: format!("it was made, and would fail: {why}"),
        });
        let untold = self
            .observed
            .untold
            .iter()
            .map(|(role, asked, keys)| Obligation {
                subject: role.to_string(),
                what: format!("look up {} of this call", listed(keys)),
                why: format!("the trail does not tell whether {asked} would fail"),
            });
        let mut obligations: Vec<Obligation> = denied.chain(untold).collect();
        obligations.sort();
        obligations.dedup();
        obligations
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = vec![self.summary()];
        let chosen: BTreeSet<&str> = self
            .nodes
            .iter()
            .flat_map(|node| &node.policies)
            .flat_map(|policy| &policy.document.statements)
            .filter_map(|statement| statement.sid.as_deref())
            .collect();
        let limits = LIMITS.iter().filter(|limit| chosen.contains(limit.sid));
        remarks.extend(limits.map(|it| format!("{}: {} ({})", it.sid, it.reason, it.source)));
        for node in &self.nodes {
            if !node.admins.is_empty() {
                remarks.push(format!(
                    "{} exempts {} from the limits on governance",
                    node.name,
                    node.admins.join(", ")
                ));
            }
            for left in &node.left_out {
                remarks.push(format!(
                    "{} goes without {}: {}",
                    node.name, left.sid, left.why
                ));
            }
        }
        if self.uncharted > 0 {
            remarks.push(format!(
                "{} agents of the inventory below have no charter: what they need is known from their configuration and from the calls that were seen, and from nothing else",
                self.uncharted
            ));
        }
        remarks.extend(CANNOT.map(str::to_owned));
        remarks
    }

    /// `denies 41 actions, breaks 0 of 37 agents`, and what was seen.
    #[must_use]
    pub fn summary(&self) -> String {
        let of = |verdict| {
            let is = |proof: &&Proof| proof.proven.verdict() == verdict;
            self.proofs.iter().filter(is).count()
        };
        let mut text = format!(
            "denies {}, breaks {} of {}",
            counted(self.denied_actions, "action"),
            of(Verdict::Refuted),
            counted(self.proofs.len(), "agent"),
        );
        if of(Verdict::Unknown) > 0 {
            text.push_str(&format!(", cannot tell for {}", of(Verdict::Unknown)));
        }
        let Observations {
            passing,
            denied,
            untold,
        } = &self.observed;
        let seen = passing + denied.len() + untold.len();
        if seen > 0 {
            text.push_str(&format!(
                "; of {seen} kinds of call that were seen, denies {} and cannot tell for {}",
                denied.len(),
                untold.len()
            ));
        }
        text
    }
}

fn subject(nodes: &[Node]) -> String {
    let names: Vec<&str> = nodes.iter().map(|node| node.target.as_str()).collect();
    names.join(", ")
}

fn listed(keys: &[String]) -> String {
    if keys.is_empty() {
        return "the circumstances".to_owned();
    }
    keys.join(", ")
}

fn sizes(node: &Node) -> Proof {
    let facts = node.policies.iter().map(|policy| {
        let room = Room::of(policy.kind);
        format!(
            "{}: {} of {} characters",
            policy.name, policy.characters, room.characters
        )
    });
    let [scps, rcps] = node.attached;
    let beside = [
        (CeilingKind::Scp, scps, "SCPs"),
        (CeilingKind::Rcp, rcps, "RCPs"),
    ]
    .map(|(kind, attached, name)| {
        let added = node.policies.iter().filter(|it| it.kind == kind).count();
        format!(
            "{}: {} of {} {name}",
            node.target,
            attached + added,
            Room::of(kind).policies
        )
    });
    Proof {
        claim: Claim::WithinLimits,
        subject: node.target.clone(),
        proven: Proven::by_facts(facts.chain(beside)),
    }
}

/// Each policy is made, then attached; undone the other way round.
fn changes(node: &Node) -> Vec<Change> {
    let mut changes = Vec::new();
    for policy in &node.policies {
        let (ceiling, name) = (policy.kind, policy.name.clone());
        let document = Document::of(&policy.document);
        let sids = policy.document.statements.iter();
        let reasons: Vec<&str> = sids
            .filter_map(|statement| statement.sid.as_deref())
            .collect();
        changes.push(Change {
            phase: Phase::Create,
            agent: None,
            why: reasons.join(", "),
            act: Act::CreateCeiling {
                ceiling,
                name: name.clone(),
                document: document.clone(),
            },
            inverse: Inverse(Act::DeleteCeiling {
                ceiling,
                name: name.clone(),
                document: document.clone(),
            }),
        });
        let target = node.target.clone();
        changes.push(Change {
            phase: Phase::Route,
            agent: None,
            why: format!("{} binds from here on", node.name),
            act: Act::AttachCeiling {
                ceiling,
                name: name.clone(),
                target: target.clone(),
                document: document.clone(),
            },
            inverse: Inverse(Act::DetachCeiling {
                ceiling,
                name,
                target,
                document,
            }),
        });
    }
    changes
}
