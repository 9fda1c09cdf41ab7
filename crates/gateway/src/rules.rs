//! What is in force: the charters, compiled, and the policies beside them.

use std::fmt;

use bailiwick_authority::{Authority, Bound, Task, policies::Policies};
use bailiwick_broker::port::Grant;
use bailiwick_charter::Charters;
use bailiwick_ledger::Hash;

/// What is in force. A change of it is another one; nobody sees half of each.
#[derive(Debug)]
pub struct Rules {
    pub charters: Charters,
    pub authority: Authority,
    pub policies: Option<Policies>,
    /// When the folders were read.
    pub read_at_ms: u64,
}

/// What another reading of the folders changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeReport {
    /// Agents that had no charter before.
    pub new: Vec<String>,
    /// Agents whose charter is another one now: their grants end.
    pub changed: Vec<String>,
    /// Agents that have no charter any more: their grants end.
    pub gone: Vec<String>,
    /// Whether the policies are others.
    pub policies: bool,
    /// Whether tools are others than they were: those that a charter pins are denied.
    pub tools: bool,
}

impl Rules {
    /// The hashes of all charters.
    pub fn hashes(&self) -> Vec<String> {
        let hashes = self.authority.charters().map(|(_, hash)| hash.to_owned());
        hashes.collect()
    }

    /// The task of a grant with what it is bound to; `None` if the charter is another one now.
    pub(crate) fn of_grant(&self, grant: &Grant) -> Option<(&Task, Bound)> {
        let task = self.authority.task(&grant.agent, &grant.task)?;
        let is_pinned = task.charter() == grant.charter;
        let bound = task.read(&grant.body).ok()?;
        is_pinned.then_some((task, bound))
    }

    /// One hash over everything in force.
    pub fn version(&self) -> String {
        let mut parts = self.hashes();
        parts.extend(
            self.policies
                .as_ref()
                .map(|known| known.version().to_owned()),
        );
        parts.extend(self.authority.settings().tools.version());
        let parts: Vec<&[u8]> = parts
            .iter()
            .flat_map(|part| [part.as_bytes(), b"\n"])
            .collect();
        format!("sha256:{}", Hash::of(&parts))
    }

    /// What is different from before.
    pub fn changes_since(&self, before: &Self) -> ChangeReport {
        let has = |rules: &Self, agent: &str| rules.charters.of_agent(agent).is_some();
        let mut report = ChangeReport::default();
        for agent in self.authority.changed_since(&before.authority) {
            if has(self, &agent) {
                report.changed.push(agent);
            } else {
                report.gone.push(agent);
            }
        }
        let agents = self.authority.charters().map(|(agent, _)| agent);
        report.new = agents
            .filter(|agent| !has(before, agent))
            .map(str::to_owned)
            .collect();
        let version = |rules: &Self| {
            rules
                .policies
                .as_ref()
                .map(|found| found.version().to_owned())
        };
        report.policies = version(self) != version(before);
        let tools = |rules: &Self| rules.authority.settings().tools.version();
        report.tools = tools(self) != tools(before);
        report
    }
}

impl ChangeReport {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for ChangeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changed");
        }
        let mut parts = Vec::new();
        for (what, agents) in [
            ("new", &self.new),
            ("changed (their grants end)", &self.changed),
            ("gone (their grants end)", &self.gone),
        ] {
            if !agents.is_empty() {
                parts.push(format!("{what}: {}", agents.join(", ")));
            }
        }
        if self.policies {
            parts.push("the policies changed".to_owned());
        }
        if self.tools {
            parts.push("what tools say of themselves changed".to_owned());
        }
        f.write_str(&parts.join("; "))
    }
}
