//! Many charters, and what they must not say of each other.

use std::collections::BTreeMap;

use bailiwick_iam::arn::Arn;

use crate::charter::{Charter, DeclaredRole, Hash};
use crate::name::AgentName;
use crate::place::{CharterError, Place, Problem};

/// The charters of an organisation, by agent, each with the file it was read from.
#[derive(Debug, Clone, Default)]
pub struct Charters {
    by_agent: BTreeMap<AgentName, (String, Charter)>,
    contradictions: Vec<Contradiction>,
}

/// Why a folder of charters cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderError {
    #[error(transparent)]
    Charter(#[from] CharterError),
    #[error(
        "{second}:{place}: the agent `{agent}` has a charter in {first} already; keep one of them"
    )]
    AgentTwice {
        agent: AgentName,
        first: String,
        second: String,
        place: Place,
    },
}

/// Two charters that cannot both be true. It is no error of either file: an estate whose agents
/// share a role has such charters until the role is split.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contradiction {
    /// One workload is two agents.
    RunsAsTwice {
        workload: String,
        agents: [AgentName; 2],
    },
    /// A role is the identity of two agents, and they are not of one class.
    RoleTwice {
        role: String,
        agents: [AgentName; 2],
    },
    /// A role is given two ids.
    RoleIds {
        role: String,
        agents: [AgentName; 2],
    },
}

impl std::fmt::Display for Contradiction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RunsAsTwice {
                workload,
                agents: [one, other],
            } => write!(f, "`{one}` and `{other}` both run as {workload}"),
            Self::RoleTwice {
                role,
                agents: [one, other],
            } => write!(
                f,
                "`{one}` and `{other}` share {role}, and no class says they may"
            ),
            Self::RoleIds {
                role,
                agents: [one, other],
            } => write!(f, "`{one}` and `{other}` give {role} different ids"),
        }
    }
}

impl Charters {
    /// The charters in `files`, each a name and its bytes.
    ///
    /// # Errors
    ///
    /// Each file that is no charter, and each agent that has two.
    pub fn parse<'f>(
        files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    ) -> Result<Self, Vec<FolderError>> {
        let mut charters = Self::default();
        let mut errors = Vec::new();
        for (file, bytes) in files {
            match text(file, bytes).and_then(|text| Charter::parse(file, text)) {
                Ok(charter) => errors.extend(charters.insert(file, charter)),
                Err(error) => errors.push(error.into()),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        charters.contradictions = contradictions(charters.iter());
        Ok(charters)
    }

    /// The same charters, each with the role that `role` answers for it and its file: what an estate
    /// knows of it beside what the charter says. A charter whose role is another one is another
    /// charter.
    #[must_use]
    pub fn with_roles(
        mut self,
        mut role: impl FnMut(&Charter, &str) -> Option<DeclaredRole>,
    ) -> Self {
        for (file, charter) in self.by_agent.values_mut() {
            charter.role = role(charter, file);
        }
        self.contradictions = contradictions(self.iter());
        self
    }

    fn insert(&mut self, file: &str, charter: Charter) -> Option<FolderError> {
        if let Some((first, _)) = self.by_agent.get(&charter.agent) {
            let start = Place { line: 1, column: 1 };
            return Some(FolderError::AgentTwice {
                first: first.clone(),
                second: file.to_owned(),
                place: charter.places.find("agent").unwrap_or(start),
                agent: charter.agent,
            });
        }
        self.by_agent
            .insert(charter.agent.clone(), (file.to_owned(), charter));
        None
    }

    /// Every charter, by the name of its agent.
    pub fn iter(&self) -> impl Iterator<Item = &Charter> {
        self.by_agent.values().map(|(_, charter)| charter)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.by_agent.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_agent.is_empty()
    }

    #[must_use]
    pub fn of_agent(&self, agent: &str) -> Option<&Charter> {
        let agent: AgentName = agent.parse().ok()?;
        self.by_agent.get(&agent).map(|(_, charter)| charter)
    }

    /// The file an agent's charter stands in.
    #[must_use]
    pub fn file_of(&self, agent: &AgentName) -> Option<&str> {
        self.by_agent.get(agent).map(|(file, _)| file.as_str())
    }

    /// Every charter that claims this workload.
    pub fn of_workload<'c>(&'c self, workload: &'c Arn) -> impl Iterator<Item = &'c Charter> {
        self.iter()
            .filter(|charter| charter.runs_as.contains(workload))
    }

    /// Every charter that declares this role.
    pub fn of_role<'c>(&'c self, role: &'c Arn) -> impl Iterator<Item = &'c Charter> {
        let declares = |charter: &&Charter| {
            charter
                .role
                .as_ref()
                .is_some_and(|declared| declared.arn == *role)
        };
        self.iter().filter(declares)
    }

    /// The charter with this hash, if it still stands as it did.
    #[must_use]
    pub fn of_hash(&self, hash: &Hash) -> Option<&Charter> {
        self.iter().find(|charter| charter.hash() == *hash)
    }

    #[must_use]
    pub fn contradictions(&self) -> &[Contradiction] {
        &self.contradictions
    }
}

fn text<'f>(file: &str, bytes: &'f [u8]) -> Result<&'f str, CharterError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before
            .iter()
            .rev()
            .take_while(|byte| **byte != b'\n')
            .count()
            + 1;
        CharterError {
            file: file.to_owned(),
            problems: vec![Problem {
                place: Place { line, column },
                what: "a byte that is not UTF-8".to_owned(),
                mend: "save the file as UTF-8".to_owned(),
            }],
        }
    })
}

fn contradictions<'c>(charters: impl Iterator<Item = &'c Charter>) -> Vec<Contradiction> {
    let mut found = Vec::new();
    let mut workloads: BTreeMap<&str, &Charter> = BTreeMap::new();
    let mut roles: BTreeMap<&str, &Charter> = BTreeMap::new();
    for charter in charters {
        let agents = |first: &Charter| [first.agent.clone(), charter.agent.clone()];
        for workload in &charter.runs_as {
            match workloads.get(workload.as_str()) {
                Some(first) if first.agent == charter.agent => {}
                Some(first) => found.push(Contradiction::RunsAsTwice {
                    workload: workload.to_string(),
                    agents: agents(first),
                }),
                None => {
                    workloads.insert(workload.as_str(), charter);
                }
            }
        }
        let Some(role) = &charter.role else {
            continue;
        };
        let Some(first) = roles.get(role.arn.as_str()) else {
            roles.insert(role.arn.as_str(), charter);
            continue;
        };
        let one_class = charter.class.is_some() && charter.class == first.class;
        if !one_class {
            found.push(Contradiction::RoleTwice {
                role: role.arn.to_string(),
                agents: agents(first),
            });
        }
        let other_id = first.role.as_ref().and_then(|first| first.id.as_ref());
        if role.id.is_some() && other_id.is_some() && role.id.as_ref() != other_id {
            found.push(Contradiction::RoleIds {
                role: role.arn.to_string(),
                agents: agents(first),
            });
        }
    }
    found.sort();
    found
}
