//! What a role may change, and how much an agent does by itself.

use bailiwick_charter::{Charter, Task};
use bailiwick_estate::{Agent, AgentKind, Id, Role, agent::Invocation};
use bailiwick_iam::policy::Selection;

use super::{Known, Missing, Proof, View, is_telemetry};

/// Of each pattern of actions, so many are tried, the deepest-cutting first.
const TRIED_MAX: usize = 60;

/// A call by which a role changes something.
#[derive(Debug)]
pub(crate) struct Change {
    pub proof: Proof,
    pub deletes: bool,
}

/// How much an agent does by itself, in the words of AWS's Agentic AI Security Scoping Matrix: from
/// answering to acting on its own.
// https://aws.amazon.com/blogs/security/the-agentic-ai-security-scoping-matrix-a-framework-for-securing-autonomous-ai-systems/
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// It changes nothing.
    NoAgency,
    /// A person approves each change.
    Prescribed,
    /// A person sets it going, and it changes things by itself.
    Supervised,
    /// Nobody sets it going.
    Full,
}

impl Scope {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::NoAgency => 1,
            Self::Prescribed => 2,
            Self::Supervised => 3,
            Self::Full => 4,
        }
    }

    pub(crate) fn says(self) -> &'static str {
        match self {
            Self::NoAgency => "it changes nothing",
            Self::Prescribed => "a person approves what it changes",
            Self::Supervised => "somebody sets it going, and it changes things by itself",
            Self::Full => "it changes things, and nobody's call sets it going",
        }
    }
}

impl View<'_> {
    /// The scope that the agent's permissions and its entrances make it. `None` where it cannot be told;
    /// a change comes with its proof.
    pub(crate) fn scope_of(&self, agent: &Agent) -> Option<(Scope, Option<Change>)> {
        let own = agent.roles.iter().filter_map(|it| it.role.id);
        let tools = agent.tools.iter().filter(|it| it.enabled);
        let behind = tools.flat_map(|it| it.roles.iter().filter_map(|it| it.id));
        let mut missing = Missing::default();
        let mut changes = own
            .chain(behind)
            .filter_map(|role| self.change_by(role, &mut missing));
        if let Some(change) = changes.next() {
            let starts_itself =
                agent.kind == AgentKind::SelfRun || agent.invocation == Invocation::NotInvoked;
            let scope = if starts_itself {
                Scope::Full
            } else {
                Scope::Supervised
            };
            return Some((scope, Some(change)));
        }
        let own = agent.roles.iter().map(|it| &it.role);
        let behind = agent.tools.iter().flat_map(|it| &it.roles);
        let told = own
            .chain(behind)
            .all(|role| role.id.is_some_and(|role| self.is_legible(role)));
        (told && missing.is_empty()).then_some((Scope::NoAgency, None))
    }

    /// A call by which the role changes something; a deletion before anything else. What its
    /// statements name is tried first, because a reader knows it again; what they do not show the
    /// algebra finds among all actions that change something, or proves that there is none. What
    /// keeps it from being told goes to `missing`.
    pub(crate) fn change_by(&self, role: Id<Role>, missing: &mut Missing) -> Option<Change> {
        let account = self.estate.roles.at(role).account;
        let mut found: Option<Change> = None;
        for (_, _, statement) in self.grants(role) {
            let Selection::Only(patterns) = &statement.actions else {
                continue;
            };
            for pattern in patterns {
                let known = self.expanded(&pattern.value.0);
                for action in known.iter().filter(|it| is_change(it)).take(TRIED_MAX) {
                    let deletes = is_deletion(&action.name);
                    let adds_nothing = |found: &Change| found.deletes || !deletes;
                    if found.as_ref().is_some_and(adds_nothing) {
                        continue;
                    }
                    let resource =
                        self.some_resource(&action.name, statement.resources.as_ref(), account);
                    let answer = self.role_can(role, &action.name, &resource);
                    if let Some(proof) = missing.proof(answer) {
                        found = Some(Change { proof, deletes });
                    }
                }
            }
        }
        found.or_else(|| self.change_among_all(role, missing))
    }

    /// A change that no statement names, such as one that a `NotAction` leaves in.
    fn change_among_all(&self, role: Id<Role>, missing: &mut Missing) -> Option<Change> {
        let all = self.expanded("*");
        let (deletions, others): (Vec<_>, Vec<_>) = all
            .iter()
            .filter(|it| is_change(it))
            .map(|it| it.name.clone())
            .partition(|name| is_deletion(name));
        for (names, deletes) in [(deletions, true), (others, false)] {
            let answer = self.role_can_some(role, &names);
            if let Some(proof) = missing.proof(answer) {
                return Some(Change { proof, deletes });
            }
        }
        None
    }
}

/// Whether an action changes something that is not the agent's own.
fn is_change(action: &Known) -> bool {
    action.mutates() && !is_telemetry(&action.name) && !is_own(&action.name)
}

/// The scope that a charter gives its agent.
pub(crate) fn declared_scope(charter: &Charter) -> Scope {
    let all = |holds: fn(&Task) -> bool| charter.tasks.values().all(holds);
    if all(|it| it.write.is_empty() && it.tools.is_empty()) {
        Scope::NoAgency
    } else if all(|it| it.write.is_empty() && it.tools.iter().all(|it| it.approve.is_some())) {
        Scope::Prescribed
    } else if charter.invokers.as_ref().is_none_or(Vec::is_empty) {
        Scope::Full
    } else {
        Scope::Supervised
    }
}

/// What an agent writes of its own: its memory of a conversation, and tokens for itself.
fn is_own(action: &str) -> bool {
    [
        "bedrock-agentcore:CreateEvent",
        "bedrock-agentcore:GetWorkloadAccessToken",
        "bedrock-agentcore:InvokeGateway",
        "bedrock-agentcore:StartBrowserSession",
        "bedrock-agentcore:StartCodeInterpreterSession",
        "bedrock:Invoke",
        // Becoming another role is TRUST-03's matter.
        "sts:AssumeRole",
        "aoss:APIAccessAll",
    ]
    .iter()
    .any(|own| action.starts_with(own))
}

/// Whether something is gone after the call.
pub(crate) fn is_deletion(action: &str) -> bool {
    let name = action.split_once(':').map_or(action, |it| it.1);
    ["Delete", "Terminate", "Remove", "Purge", "Drop"]
        .iter()
        .any(|verb| name.starts_with(verb))
}
