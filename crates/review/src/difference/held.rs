//! The roles that a charter is held against.

use bailiwick_charter::{Charter, Mode};
use bailiwick_estate::{Agent, AgentRole, Estate, Id, Named, Role, agent::RoleRef};
use bailiwick_iam::arn::Arn;

use crate::plan::split::Split;

/// The roles of one charter's agent.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// What its workloads run as: every version that requests reach, each role once.
    pub(super) roles: Vec<Id<Role>>,
    /// In which its tasks are done, one an account, if it is brokered and they are there.
    pub(super) task_roles: Vec<Id<Role>>,
    pub(super) unknown: Vec<String>,
}

impl Held {
    pub(super) fn of(estate: &Estate, charter: &Charter) -> Self {
        let mut held = Self::default();
        for arn in &charter.runs_as {
            match estate.named(arn) {
                Some(Named::Agent(agent)) => {
                    for role in live(estate.agents.at(agent)) {
                        held.add(arn, role);
                    }
                }
                Some(Named::Resource(resource)) => {
                    if let Some(role) = &estate.resources.at(resource).role {
                        held.add(arn, role);
                    }
                }
                Some(Named::Role(_) | Named::User(_) | Named::Group(_) | Named::Policy(_))
                | None => held.unknown.push(format!(
                    "{arn} is in none of the files: as what it runs is not known"
                )),
            }
        }
        if held.roles.is_empty() {
            let declared = charter.role.as_ref();
            held.roles
                .extend(declared.and_then(|role| estate.role(&role.arn)));
        }
        if charter.mode == Mode::Brokered {
            let name = format!("{}-task", charter.agent);
            let accounts = estate.accounts.keys();
            held.task_roles
                .extend(accounts.filter_map(|&account| estate.role_named(account, &name)));
        }
        held
    }

    fn add(&mut self, workload: &Arn, role: &RoleRef) {
        match role.id {
            Some(id) if !self.roles.contains(&id) => self.roles.push(id),
            Some(_) => {}
            None => self.unknown.push(format!(
                "{workload} runs as {}, which is in none of the files",
                role.arn
            )),
        }
    }
}

/// The roles of the versions that requests reach; of all where none is reached.
fn live(agent: &Agent) -> Vec<&RoleRef> {
    let is_live = |it: &&AgentRole| it.versions.iter().any(|it| it.is_live());
    let live: Vec<&RoleRef> = agent
        .roles
        .iter()
        .filter(is_live)
        .map(|it| &it.role)
        .collect();
    if live.is_empty() {
        return agent.roles.iter().map(|it| &it.role).collect();
    }
    live
}

/// A role, and whose it is.
pub(super) struct OfRole<'a> {
    pub(super) split: Split<'a>,
    /// Whether nothing else runs as it, so that what it did was done by this agent.
    pub(super) is_own: bool,
    pub(super) is_task_role: bool,
}

impl<'a> OfRole<'a> {
    pub(super) fn new(split: Split<'a>, runs_as: &[Arn], is_task_role: bool) -> Self {
        let mut workloads = split.workloads().into_iter();
        let is_own = workloads.all(|it| runs_as.contains(&it.arn));
        Self {
            split,
            is_own,
            is_task_role,
        }
    }
}
