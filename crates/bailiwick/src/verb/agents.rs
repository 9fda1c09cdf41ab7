//! `agents`: the inventory.

use std::collections::BTreeMap;

use bailiwick_estate::{
    Agent, Estate, Id, PrincipalId,
    agent::{self, AgentRole, LearnedFrom, RoleRef},
};
use bailiwick_review::{
    escalation::{self, Admin, Graph},
    finding::Witness,
    invokers::{self, Entrance, Invokers, LeadsTo, Who},
    view::View,
};
use serde::Serialize;

use crate::{
    args::Agents,
    format::words::{self, count, local},
    ink::{self, Ink, safe},
    outcome::Outcome,
    output::Output,
    snapshot,
    verb::reach::but_for_scps,
};

pub(crate) fn run(agents: &Agents, json: bool, output: &mut Output) -> anyhow::Result<Outcome> {
    let estate = snapshot::load(&agents.paths)?;
    let mut inventory = Inventory::of(&estate);
    if agents.invokers {
        inventory.add_invokers(&estate);
    }
    if json {
        output.write(&serde_json::to_string_pretty(&inventory)?)?;
        output.write("\n")?;
        return Ok(Outcome::Clear);
    }
    output.write(&table(&inventory, Ink::of_stdout()))?;
    snapshot::tell_incomplete(&estate);
    Ok(Outcome::Clear)
}

/// Every agent of an estate, and every component with a role that serves one.
#[derive(Debug, Serialize)]
struct Inventory {
    version: u32,
    agents: Vec<Entry>,
    incomplete: Vec<bailiwick_estate::Incomplete>,
}

#[derive(Debug, Serialize)]
struct Entry {
    arn: String,
    name: String,
    kind: &'static str,
    /// Whether a model, or code under an agent's control, is in its loop.
    acts: bool,
    account: String,
    region: Option<String>,
    environment: Option<Word>,
    owner: Option<Word>,
    model: Option<String>,
    roles: Vec<Held>,
    tools: Vec<Tool>,
    /// How a caller is known.
    invocation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    invokers: Option<Vec<Invocation>>,
    #[serde(skip)]
    id: Id<Agent>,
}

/// One way in, and who may take it.
#[derive(Debug, Serialize)]
struct Invocation {
    action: &'static str,
    resource: String,
    /// Whether the caller runs commands, code or a browser with the agent's rights.
    controls: bool,
    may: Vec<May>,
    unknown: Vec<Doubt>,
}

#[derive(Debug, Serialize)]
struct May {
    principal: String,
    witness: Witness,
}

#[derive(Debug, Serialize)]
struct Doubt {
    principal: String,
    missing: Vec<String>,
}

/// A word about an agent, and what said so.
#[derive(Debug, Serialize)]
struct Word {
    value: String,
    from: String,
}

/// A role that an agent acts through.
#[derive(Debug, Serialize)]
struct Held {
    arn: String,
    /// Whether the snapshot holds it.
    known: bool,
    versions: Vec<String>,
    /// The other agents that act through it.
    shared_with: Vec<String>,
    reach: Reach,
}

/// How far a role gets.
#[derive(Debug, Serialize)]
struct Reach {
    admin: Admin,
    /// `admin`, were the SCPs' denials not counted; where that is the same, it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_but_for_scps: Option<Admin>,
    /// The principals it can become.
    becomes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Tool {
    name: String,
    /// The roles the tool itself runs as.
    roles: Vec<String>,
}

impl Inventory {
    fn of(estate: &Estate) -> Self {
        let graph = escalation::graph(estate, bailiwick_iam_catalog::builtin());
        let sharers = sharers(estate);
        let mut agents: Vec<_> = estate
            .agents
            .iter()
            .map(|(id, agent)| Entry::of(id, agent, &graph, &sharers))
            .collect();
        agents.sort_by(|a, b| {
            let key = |entry: &Entry| (!entry.acts, entry.account.clone(), entry.name.clone());
            key(a).cmp(&key(b)).then_with(|| a.arn.cmp(&b.arn))
        });
        Self {
            version: 1,
            agents,
            incomplete: estate.incomplete.clone(),
        }
    }
}

impl Inventory {
    fn add_invokers(&mut self, estate: &Estate) {
        let view = View::new(estate, bailiwick_iam_catalog::builtin());
        for entry in &mut self.agents {
            let agent = estate.agents.at(entry.id);
            let ways = invokers::entrances(agent);
            let ways = ways.iter().map(|way| Invocation::of(&view, entry.id, way));
            entry.invokers = Some(ways.collect());
        }
    }
}

impl Invocation {
    fn of(view: &View<'_>, agent: Id<Agent>, way: &Entrance) -> Self {
        let Invokers { may, doubts } = invokers::invokers(view, agent, way);
        let name = |who: &Who| match who {
            Who::Principal(principal) => view.estate.arn(*principal).to_string(),
            Who::Outsider(name) => name.clone(),
            Who::Everyone => "anyone".to_owned(),
        };
        let may = may.into_iter().map(|invoker| May {
            principal: name(&invoker.who),
            witness: Witness::Request {
                request: Box::new(invoker.request),
                because: invoker.because,
            },
        });
        let unknown = doubts.into_iter().map(|doubt| Doubt {
            principal: name(&doubt.who),
            missing: doubt.missing,
        });
        Self {
            action: way.action,
            resource: way.resource.clone(),
            controls: way.leads_to == LeadsTo::Controls,
            may: may.collect(),
            unknown: unknown.collect(),
        }
    }
}

/// The agents that act through each role, by its ARN.
type Sharers = BTreeMap<String, Vec<(Id<Agent>, String)>>;

fn sharers(estate: &Estate) -> Sharers {
    let mut sharers = Sharers::new();
    for (id, agent) in estate.agents.iter() {
        for held in &agent.roles {
            let of_role = sharers.entry(held.role.arn.to_string()).or_default();
            of_role.push((id, agent.arn.to_string()));
        }
    }
    sharers
}

impl Entry {
    fn of(id: Id<Agent>, agent: &Agent, graph: &Graph<'_>, sharers: &Sharers) -> Self {
        let mut roles: Vec<_> = agent
            .roles
            .iter()
            .map(|held| {
                let others = sharers.get(held.role.arn.as_str()).into_iter().flatten();
                let mut shared_with: Vec<_> = others
                    .filter(|(other, _)| *other != id)
                    .map(|(_, arn)| arn.clone())
                    .collect();
                shared_with.sort();
                shared_with.dedup();
                Held {
                    arn: held.role.arn.to_string(),
                    known: held.role.id.is_some(),
                    versions: versions(held),
                    shared_with,
                    reach: Reach::of(&held.role, graph),
                }
            })
            .collect();
        // Whatever order the answers of AWS had.
        roles.sort_by(|a, b| a.arn.cmp(&b.arn));
        let tools = agent.tools.iter().map(|tool| Tool {
            name: tool.name.clone(),
            roles: tool.roles.iter().map(|role| role.arn.to_string()).collect(),
        });
        Self {
            arn: agent.arn.to_string(),
            name: agent.name.clone(),
            kind: agent.kind.name(),
            acts: agent.kind.acts(),
            account: agent.account.to_string(),
            region: agent.region.clone(),
            environment: agent.environment.as_ref().map(|environment| Word {
                value: environment.name.clone(),
                from: learned_from(&environment.learned_from),
            }),
            owner: agent.owner.as_ref().map(|owner| Word {
                value: owner.value.clone(),
                from: learned_from(&owner.from),
            }),
            model: agent.model.clone(),
            roles,
            tools: tools.collect(),
            invocation: known_by(&agent.invocation),
            invokers: None,
            id,
        }
    }
}

impl Reach {
    fn of(role: &RoleRef, graph: &Graph<'_>) -> Self {
        let Some(id) = role.id else {
            return Self {
                admin: Admin::Unknown,
                admin_but_for_scps: None,
                becomes: Vec::new(),
            };
        };
        let principal = PrincipalId::Role(id);
        let reach = graph.reach(principal);
        let mut becomes: Vec<_> = reach
            .reaches
            .iter()
            .map(|reached| reached.principal.to_string())
            .collect();
        becomes.sort();
        becomes.dedup();
        Self {
            admin: reach.admin,
            admin_but_for_scps: but_for_scps(graph, principal),
            becomes,
        }
    }
}

/// `DRAFT`, `3 (live, canary)`.
fn versions(held: &AgentRole) -> Vec<String> {
    held.versions
        .iter()
        .filter_map(|version| {
            let number = version.number.as_deref()?;
            Some(if version.routed_by.is_empty() {
                number.to_owned()
            } else {
                format!("{number} ({})", version.routed_by.join(", "))
            })
        })
        .collect()
}

fn learned_from(from: &LearnedFrom) -> String {
    match from {
        LearnedFrom::Tag(key) => format!("its tag {key}"),
        LearnedFrom::RoleTag(key) => format!("the tag {key} of its role"),
        LearnedFrom::AccountTag(key) => format!("the tag {key} of its account"),
        LearnedFrom::AccountName => "the name of its account".to_owned(),
        LearnedFrom::Unit(name) => format!("the organisational unit {name}"),
    }
}

fn known_by(invocation: &agent::Invocation) -> &'static str {
    match invocation {
        agent::Invocation::Iam => "iam",
        agent::Invocation::Jwt { .. } => "jwt",
        agent::Invocation::AuthenticateOnly => "authenticate-only",
        agent::Invocation::Open => "open",
        agent::Invocation::NotInvoked => "not-invoked",
        agent::Invocation::Unknown => "unknown",
    }
}

fn table(inventory: &Inventory, ink: Ink) -> String {
    let mut text = String::new();
    let acting = inventory.agents.iter().filter(|agent| agent.acts).count();
    let serving = inventory.agents.len() - acting;
    let mut head = count(acting, "agent");
    if serving > 0 {
        head.push_str(&format!(
            ", and {} that serve them",
            count(serving, "component")
        ));
    }
    line(&mut text, &ink.bold(&head));
    for agent in &inventory.agents {
        line(&mut text, "");
        entry(&mut text, agent, ink);
    }
    text
}

fn entry(text: &mut String, agent: &Entry, ink: Ink) {
    let word = |word: &Option<Word>, none: &str| {
        word.as_ref()
            .map_or_else(|| none.to_owned(), |word| safe(&word.value).into_owned())
    };
    line(
        text,
        &format!(
            "{}  {} · {} · owner {}",
            ink.bold(&safe(&agent.name)),
            agent.kind,
            word(&agent.environment, "environment not known"),
            word(&agent.owner, "not known"),
        ),
    );
    line(text, &format!("  {}", ink.dim(&safe(&agent.arn))));
    if agent.roles.is_empty() {
        line(
            text,
            &format!("  {} no role of its own", ink.dim("role    ")),
        );
    }
    for held in &agent.roles {
        let versions = match held.versions.as_slice() {
            [] => String::new(),
            versions => format!("  version {}", safe(&versions.join(", "))),
        };
        let absent = if held.known {
            ""
        } else {
            "  not in the snapshot"
        };
        line(
            text,
            &format!(
                "  {} {}{versions}{}",
                ink.dim("role    "),
                safe(local(&held.arn)),
                ink.paint(ink::CYAN, absent)
            ),
        );
        if !held.shared_with.is_empty() {
            let others: Vec<_> = held.shared_with.iter().map(|arn| local(arn)).collect();
            let shared = format!("shared with {}", some_of(&others, 4));
            line(
                text,
                &format!("           {}", ink.paint(ink::YELLOW, &safe(&shared))),
            );
        }
        let (style, reach) = in_words(&held.reach);
        line(
            text,
            &format!("  {} {}", ink.dim("reach   "), ink.paint(style, &reach)),
        );
    }
    let tools: Vec<_> = agent.tools.iter().map(|tool| tool.name.as_str()).collect();
    if let Some(ways) = &agent.invokers {
        invoked(text, agent, ways, ink);
    }
    if !tools.is_empty() {
        line(
            text,
            &format!("  {} {}", ink.dim("tools   "), safe(&some_of(&tools, 6))),
        );
    }
}

/// How many invokers of one way the table names.
const INVOKERS: usize = 6;

fn invoked(text: &mut String, agent: &Entry, ways: &[Invocation], ink: Ink) {
    if ways.is_empty() {
        let why = match agent.invocation {
            "jwt" => "whoever holds a token of its issuer; IAM is not asked",
            "authenticate-only" => "whoever holds any token; nothing is authorised",
            "open" => "anyone who reaches it",
            "not-invoked" => "nobody: nothing calls it from outside",
            _ if agent.kind == "unknown" => {
                "not known: no inventory says which agent this role is for"
            }
            _ => "not known for this kind",
        };
        line(text, &format!("  {} {why}", ink.dim("invokers")));
    }
    for way in ways {
        let controls = if way.controls {
            ", and so its rights"
        } else {
            ""
        };
        let who = count(way.may.len(), "principal");
        line(
            text,
            &format!(
                "  {} {who} by {}{controls}",
                ink.dim("invokers"),
                way.action
            ),
        );
        for may in way.may.iter().take(INVOKERS) {
            let Witness::Request { request, because } = &may.witness else {
                continue;
            };
            let by = words::telling(because).map_or_else(String::new, words::reason);
            let on = if request.resource == agent.arn {
                String::new()
            } else {
                format!("on {}, ", local(&request.resource))
            };
            line(
                text,
                &format!(
                    "           {}  {}",
                    safe(local(&may.principal)),
                    ink.dim(&safe(&format!("{on}{by}")))
                ),
            );
        }
        if let Some(more @ 1..) = way.may.len().checked_sub(INVOKERS) {
            let more = format!("           … and {more} more; --json lists them all");
            line(text, &ink.dim(&more));
        }
        if !way.unknown.is_empty() {
            let doubt = format!("           of {} it could not be told", way.unknown.len());
            line(text, &ink.paint(ink::CYAN, &doubt));
        }
    }
}

fn in_words(reach: &Reach) -> (ink::Style, String) {
    let becomes: Vec<_> = reach.becomes.iter().map(|arn| local(arn)).collect();
    let others = match becomes.as_slice() {
        [] => String::new(),
        becomes => format!("; can become {}", safe(&some_of(becomes, 3))),
    };
    match reach.admin_but_for_scps.unwrap_or(reach.admin) {
        Admin::Yes if reach.admin_but_for_scps.is_some() => (
            ink::ALARM,
            format!("administrator, but for what SCPs deny{others}"),
        ),
        Admin::Yes => (ink::ALARM, format!("administrator{others}")),
        Admin::Potential => (
            ink::YELLOW,
            format!("administrator, if something exists that the snapshot does not list{others}"),
        ),
        Admin::Unknown => (ink::CYAN, format!("could not be told{others}")),
        Admin::No if becomes.is_empty() => (ink::GREEN, "itself alone".to_owned()),
        Admin::No => (ink::YELLOW, format!("not administrator{others}")),
    }
}

/// At most so many, and how many more.
fn some_of(parts: &[&str], most: usize) -> String {
    let shown = parts
        .iter()
        .take(most)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match parts.len().checked_sub(most) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        Some(0) | None => shown,
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}
