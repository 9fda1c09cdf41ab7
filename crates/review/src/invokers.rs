//! Who may set an agent going, and who may take its controls.
//!
//! An agent is entered by an action on a resource, both told by its kind. Whoever is allowed that
//! action, in some circumstances, may enter; a request that is allowed shows it.

use bailiwick_estate::{
    Agent, AgentKind, Estate, Id, Named, PrincipalId, ResourcePolicy, agent::Invocation,
};
use bailiwick_iam::{
    arn::{AccountId, Arn},
    evaluate::Because,
    policy::{Effect, PrincipalPattern, Selection},
    request::{Principal, Request},
};

use crate::view::{Answer, View};

/// A way into an agent that IAM guards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrance {
    pub action: &'static str,
    pub resource: String,
    pub leads_to: LeadsTo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadsTo {
    /// The agent works on what the caller says.
    Work,
    /// The caller runs commands, code or a browser with the agent's rights.
    Controls,
}

/// Who may use an entrance, and of whom it could not be told.
#[derive(Debug, Default)]
pub struct Invokers {
    pub may: Vec<Invoker>,
    pub doubts: Vec<Doubt>,
}

/// One who may, and a request that is allowed.
#[derive(Debug)]
pub struct Invoker {
    pub who: Who,
    pub request: Request,
    pub because: Vec<Because>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    Principal(PrincipalId),
    /// Somebody outside the snapshot whom a resource policy lets in: an account or an ARN.
    Outsider(String),
    /// Anyone at all.
    Everyone,
}

impl Who {
    /// The ARN, the account or the word that says who.
    #[must_use]
    pub fn name(&self, view: &View<'_>) -> String {
        match self {
            Self::Principal(principal) => view.estate.arn(*principal).to_string(),
            Self::Outsider(name) => name.clone(),
            Self::Everyone => "everyone".to_owned(),
        }
    }
}

/// One of whom it could not be told, and what is missing.
#[derive(Debug)]
pub struct Doubt {
    pub who: Who,
    pub missing: Vec<String>,
}

/// The entrances of an agent that IAM guards. None where a token decides, where nothing calls it, or
/// where no inventory says which agent it is.
#[must_use]
pub fn entrances(agent: &Agent) -> Vec<Entrance> {
    let by_iam = match agent.invocation {
        Invocation::Iam | Invocation::Unknown => true,
        Invocation::Jwt { .. }
        | Invocation::AuthenticateOnly
        | Invocation::Open
        | Invocation::NotInvoked => false,
    };
    if !by_iam {
        return Vec::new();
    }
    let own = |action, leads_to| Entrance {
        action,
        resource: agent.arn.to_string(),
        leads_to,
    };
    let work = |action| vec![own(action, LeadsTo::Work)];
    match agent.kind {
        AgentKind::BedrockAgent => through_aliases(agent, "bedrock:InvokeAgent"),
        AgentKind::Flow => through_aliases(agent, "bedrock:InvokeFlow"),
        AgentKind::KnowledgeBase => work("bedrock:Retrieve"),
        AgentKind::Runtime => vec![
            own("bedrock-agentcore:InvokeAgentRuntime", LeadsTo::Work),
            // IAM-039
            own(
                "bedrock-agentcore:InvokeAgentRuntimeCommand",
                LeadsTo::Controls,
            ),
            own(
                "bedrock-agentcore:InvokeAgentRuntimeCommandShell",
                LeadsTo::Controls,
            ),
        ],
        AgentKind::Harness => work("bedrock-agentcore:InvokeHarness"),
        AgentKind::Gateway => work("bedrock-agentcore:InvokeGateway"),
        AgentKind::Browser => vec![
            own("bedrock-agentcore:StartBrowserSession", LeadsTo::Controls),
            own(
                "bedrock-agentcore:ConnectBrowserAutomationStream",
                LeadsTo::Controls,
            ),
        ],
        AgentKind::CodeInterpreter => {
            vec![own(
                "bedrock-agentcore:InvokeCodeInterpreter",
                LeadsTo::Controls,
            )]
        }
        AgentKind::SelfRun if agent.arn.service() == "lambda" => work("lambda:InvokeFunction"),
        // Nothing calls these from outside, or nobody knows how. New kinds have no known entrance.
        _ => Vec::new(),
    }
}

/// One entrance an alias that takes requests; without any, the alias that tests the draft.
fn through_aliases(agent: &Agent, action: &'static str) -> Vec<Entrance> {
    let entrance = |resource| Entrance {
        action,
        resource,
        leads_to: LeadsTo::Work,
    };
    let open = agent
        .aliases
        .iter()
        .filter(|alias| alias.accepts_invocations);
    let entrances: Vec<_> = open
        .filter_map(|alias| alias.arn.as_ref())
        .map(|arn| entrance(arn.to_string()))
        .collect();
    if !entrances.is_empty() || !agent.aliases.is_empty() {
        return entrances;
    }
    let draft = draft_alias(&agent.arn);
    draft.map(entrance).into_iter().collect()
}

/// The ARN of the alias that every Bedrock agent and flow has for its draft.
fn draft_alias(agent: &Arn) -> Option<String> {
    let start = agent.as_str().strip_suffix(agent.resource())?;
    let id = agent.resource_name();
    match agent.resource_kind() {
        "agent" => Some(format!("{start}agent-alias/{id}/TSTALIASID")),
        "flow" => Some(format!("{start}flow/{id}/alias/TSTALIASID")),
        _ => None,
    }
}

/// Everyone who may use an entrance: principals of the snapshot in the order of their ARNs, then
/// those outside it whom a resource policy names.
#[must_use]
pub fn invokers(view: &View<'_>, agent: Id<Agent>, entrance: &Entrance) -> Invokers {
    let mut found = Invokers::default();
    let mut principals = worth_asking(view, agent, entrance);
    principals.sort_by_key(|&principal| view.estate.arn(principal));
    for principal in principals {
        let who = Who::Principal(principal);
        found.note(
            who,
            view.principal_can(principal, entrance.action, &entrance.resource),
        );
    }
    for (who, principal) in outsiders(view.estate, agent, entrance) {
        let request = Request::new(principal, entrance.action, &*entrance.resource);
        found.note(who, view.ask(request));
    }
    found
}

/// As many as `most` who may use an entrance, those who surprise first: outsiders, other accounts,
/// roles of agents; and of whom among those asked it could not be told.
pub(crate) fn some_invokers(
    view: &View<'_>,
    agent: Id<Agent>,
    entrance: &Entrance,
    most: usize,
) -> Invokers {
    let mut found = Invokers::default();
    for (who, principal) in outsiders(view.estate, agent, entrance) {
        let request = Request::new(principal, entrance.action, &*entrance.resource);
        found.note(who, view.ask(request));
    }
    for principal in surprising_first(view, agent, entrance) {
        if found.may.len() >= most {
            break;
        }
        let answer = view.principal_can(principal, entrance.action, &entrance.resource);
        found.note(Who::Principal(principal), answer);
    }
    found
}

/// Whom to ask about, other accounts first, then roles of agents. Each is looked at when its turn
/// comes: of ten thousand who speak of the action, a handful is asked for.
fn surprising_first<'v>(
    view: &'v View<'_>,
    agent: Id<Agent>,
    entrance: &'v Entrance,
) -> impl Iterator<Item = PrincipalId> + 'v {
    let home = view.estate.agents.at(agent).account;
    let everyone = speaks_for_itself(view, agent, entrance);
    let candidates = view.by_surprise((!everyone).then_some(entrance.action), home);
    let count = candidates.len();
    (0..count)
        .filter_map(move |at| candidates.get(at).copied())
        .filter(move |&it| everyone || view.names(it, &entrance.resource))
}

/// Whom to ask about: where the agent has no policy of its own, only principals whose own policies
/// speak of the entrance can use it.
fn worth_asking(view: &View<'_>, agent: Id<Agent>, entrance: &Entrance) -> Vec<PrincipalId> {
    if speaks_for_itself(view, agent, entrance) {
        return view.estate.principals().collect();
    }
    view.holders(entrance.action, &entrance.resource)
}

/// Whether the agent has a policy of its own.
fn speaks_for_itself(view: &View<'_>, agent: Id<Agent>, entrance: &Entrance) -> bool {
    let attached = |policy| matches!(policy, ResourcePolicy::Attached(_));
    let resource: Option<Arn> = entrance.resource.parse().ok();
    attached(view.estate.agents.at(agent).resource_policy)
        || resource.is_some_and(|arn| attached(view.resource_policy(&arn)))
}

impl Invokers {
    fn note(&mut self, who: Who, answer: Answer) {
        match answer {
            Answer::Yes(proof) => self.may.push(Invoker {
                who,
                request: proof.request,
                because: proof.because,
            }),
            Answer::No => {}
            Answer::Unknown(missing) => self.doubts.push(Doubt { who, missing }),
        }
    }
}

/// Those outside the snapshot whom the agent's resource policy names in an Allow.
fn outsiders(estate: &Estate, agent: Id<Agent>, entrance: &Entrance) -> Vec<(Who, Principal)> {
    let resource: Option<Arn> = entrance.resource.parse().ok();
    let held = [
        resource.map_or(ResourcePolicy::Unknown, |arn| estate.resource_policy(&arn)),
        estate.agents.at(agent).resource_policy,
    ];
    let attached = held.into_iter().find_map(|policy| match policy {
        ResourcePolicy::Attached(policy) => estate.policy(policy),
        ResourcePolicy::None | ResourcePolicy::Unknown => None,
    });
    let Some(policy) = attached else {
        return Vec::new();
    };
    let mut found: Vec<(Who, Principal)> = Vec::new();
    let allows = policy
        .statements
        .iter()
        .filter(|it| it.effect == Effect::Allow);
    for statement in allows {
        let named = match &statement.principals {
            Some(Selection::Only(patterns)) => patterns.iter().map(|it| it.value.clone()).collect(),
            // All but a few is everyone, as far as the snapshot can name them.
            Some(Selection::AllBut(_)) => vec![PrincipalPattern::Everyone],
            None => Vec::new(),
        };
        for outsider in named.iter().filter_map(|pattern| outsider(estate, pattern)) {
            if found.iter().all(|(who, _)| *who != outsider.0) {
                found.push(outsider);
            }
        }
    }
    found
}

fn outsider(estate: &Estate, pattern: &PrincipalPattern) -> Option<(Who, Principal)> {
    match pattern {
        PrincipalPattern::Everyone => Some((Who::Everyone, Principal::Anonymous)),
        PrincipalPattern::Account(account) => {
            let id: AccountId = account.parse().ok()?;
            let is_known = estate.accounts.contains_key(&id);
            let any = format!("arn:aws:iam::{account}:role/any");
            (!is_known).then_some((Who::Outsider(account.clone()), any.parse().ok()?))
        }
        PrincipalPattern::Aws(text) => {
            let arn: Arn = text.parse().ok()?;
            let is_known = matches!(estate.named(&arn), Some(Named::Role(_) | Named::User(_)))
                || estate.principal(&arn).is_some();
            (!is_known).then_some((Who::Outsider(text.clone()), text.parse().ok()?))
        }
        PrincipalPattern::Service(_)
        | PrincipalPattern::Federated(_)
        | PrincipalPattern::CanonicalUser(_) => None,
    }
}
