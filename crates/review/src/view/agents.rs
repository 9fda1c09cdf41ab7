//! What the estate says about an agent, in the words of its owner's tags.

use bailiwick_charter::{DataClass, Task};
use bailiwick_estate::{Agent, PrincipalId, Role, Tags, agent::AgentKind};
use bailiwick_iam::policy::{PrincipalPattern, Selection};

use super::{Seat, View};

/// Tag keys that name a class of data.
const DATA_KEYS: [&str; 4] = ["data", "data-class", "data_class", "data-classification"];
/// Classes of data whose loss hurts.
const SENSITIVE: [&str; 9] = [
    "confidential",
    "restricted",
    "secret",
    "sensitive",
    "pii",
    "phi",
    "pci",
    "personal",
    "audit",
];

impl<'e> View<'e> {
    /// A tag of the agent, or else of a role it runs as.
    pub(crate) fn tag<'a>(&'a self, agent: &'a Agent, keys: &[&str]) -> Option<&'a str> {
        let roles = agent
            .roles
            .iter()
            .filter_map(|it| it.role.id)
            .map(|id| &self.estate.roles.at(id).tags);
        [&agent.tags]
            .into_iter()
            .chain(roles)
            .find_map(|tags| tagged(tags, keys))
    }

    /// The class of data the agent is said to work with.
    pub(crate) fn data_class<'a>(&'a self, agent: &'a Agent) -> Option<&'a str> {
        self.tag(agent, &DATA_KEYS)
    }

    /// Whether an agent of the seat is said to work with data whose loss hurts.
    pub(crate) fn touches_sensitive(&self, seat: &Seat) -> bool {
        let concerned = seat.concerned();
        concerned.iter().any(|&id| {
            let agent = self.estate.agents.at(id);
            let declared = self.charter_of(agent).map(|it| it.data.iter());
            let declared = declared.into_iter().flatten();
            declared.map(DataClass::as_str).any(is_sensitive)
                || self.data_class(agent).is_some_and(is_sensitive)
        })
    }

    /// Whether the agent is said to change nothing: by its charter, all of whose tasks only read, or
    /// by a tag.
    pub(crate) fn is_read_only(&self, agent: &Agent) -> bool {
        if let Some(charter) = self.charter_of(agent) {
            let reads = |task: &Task| task.write.is_empty() && task.tools.is_empty();
            return charter.tasks.values().all(reads);
        }
        let said = self.tag(agent, &["access", "mode", "bailiwick:access"]);
        said.is_some_and(|it| {
            matches!(
                it.to_ascii_lowercase().as_str(),
                "read-only" | "readonly" | "read"
            )
        })
    }

    /// The service that runs the agent.
    pub(crate) fn service_of(&self, agent: &Agent) -> &'static str {
        match agent.kind {
            AgentKind::BedrockAgent | AgentKind::Flow | AgentKind::KnowledgeBase => {
                "bedrock.amazonaws.com"
            }
            AgentKind::SelfRun => "ecs-tasks.amazonaws.com",
            AgentKind::Unknown => self.trusted_service(agent),
            _ => "bedrock-agentcore.amazonaws.com",
        }
    }

    fn trusted_service(&self, agent: &Agent) -> &'static str {
        let role = agent.roles.iter().find_map(|it| it.role.id);
        let trust = role.and_then(|role| self.estate.policy(self.estate.roles.at(role).trust));
        let names_bedrock = trust.into_iter().flat_map(|it| &it.statements).any(|it| {
            it.principals.as_ref().is_some_and(|it| {
                it.patterns().iter().any(|it| {
                    it.value == PrincipalPattern::Service("bedrock.amazonaws.com".to_owned())
                })
            })
        });
        if names_bedrock {
            "bedrock.amazonaws.com"
        } else {
            "bedrock-agentcore.amazonaws.com"
        }
    }

    /// Users, and roles that people take: of IAM Identity Center, or behind a SAML provider.
    pub(crate) fn people(&self) -> &[PrincipalId] {
        self.people.get_or_init(|| {
            let users = self.estate.users.ids().map(PrincipalId::User);
            let roles = self
                .estate
                .roles
                .iter()
                .filter(|(_, role)| self.is_of_people(role));
            users
                .chain(roles.map(|(id, _)| PrincipalId::Role(id)))
                .collect()
        })
    }

    fn is_of_people(&self, role: &Role) -> bool {
        if role.path.starts_with("/aws-reserved/sso.amazonaws.com/") {
            return true;
        }
        let trust = self.estate.policy(role.trust);
        trust.into_iter().flat_map(|it| &it.statements).any(|it| {
            let Some(Selection::Only(patterns)) = &it.principals else {
                return false;
            };
            patterns.iter().any(|it| match &it.value {
                PrincipalPattern::Federated(provider) => provider.contains(":saml-provider/"),
                PrincipalPattern::Everyone
                | PrincipalPattern::Account(_)
                | PrincipalPattern::Aws(_)
                | PrincipalPattern::Service(_)
                | PrincipalPattern::CanonicalUser(_) => false,
            })
        })
    }
}

fn tagged<'t>(tags: &'t Tags, keys: &[&str]) -> Option<&'t str> {
    tags.iter()
        .find(|(key, _)| keys.iter().any(|it| it.eq_ignore_ascii_case(key)))
        .map(|(_, value)| value.as_str())
}

/// Whether an action writes logs, metrics or traces, which every workload does.
pub(crate) fn is_telemetry(action: &str) -> bool {
    const ACTIONS: [&str; 8] = [
        "logs:createloggroup",
        "logs:createlogstream",
        "logs:putlogevents",
        "logs:describelogstreams",
        "logs:describeloggroups",
        "xray:puttracesegments",
        "xray:puttelemetryrecords",
        "cloudwatch:putmetricdata",
    ];
    ACTIONS.contains(&action.to_ascii_lowercase().as_str())
}

/// Whether losing data of this class hurts.
fn is_sensitive(class: &str) -> bool {
    let class = class.to_ascii_lowercase();
    SENSITIVE.iter().any(|it| class.contains(it))
}
