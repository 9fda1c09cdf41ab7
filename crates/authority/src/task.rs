//! A task of a charter, compiled once.

use std::collections::BTreeMap;
use std::sync::Arc;

use bailiwick_charter::compile::cedar_set;
use bailiwick_charter::{Charter, Label, Limits, Mode, ParameterName, TaskName, ToolUse};
use bailiwick_iam::arn::AccountId;
use cedar_policy::PolicySet;

use crate::authority::Settings;
use crate::bound::{BODY_LENGTH_MAX, Body, Bound, BoundError};
use crate::condition::Condition;
use crate::fault::Fault;

/// One named job of an agent, ready to judge calls by.
#[derive(Debug)]
pub struct Task {
    pub(crate) agent: String,
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) charter: String,
    pub(crate) mode: Mode,
    pub(crate) account: Option<AccountId>,
    pub(crate) declared: bailiwick_charter::Task,
    /// The same with its writes alone, to tell them from reads.
    pub(crate) writes: bailiwick_charter::Task,
    pub(crate) uses: Vec<Use>,
    /// The entries of `tools` that name a tool, in their order.
    pub(crate) by_tool: BTreeMap<String, Vec<u16>>,
    pub(crate) settings: Arc<Settings>,
}

/// One entry of a task's `tools`.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) declared: ToolUse,
    /// None where the charter asks for nothing.
    pub(crate) condition: Option<Condition>,
    /// Its id in the record: `agent/task#entry`.
    pub(crate) id: String,
    pub(crate) index: u16,
    /// The first entry that names the same tool.
    pub(crate) first: u16,
}

impl Use {
    pub(crate) fn has(&self, label: Label) -> bool {
        self.declared.labels.contains(&label)
    }

    /// A tool that is labelled as a source and as nothing else reads. Of every other one it is not
    /// known that it does not write.
    pub(crate) fn is_write(&self) -> bool {
        self.declared.labels.is_empty() || self.has(Label::OutwardEffect)
    }
}

/// How many entries of `tools` a task may have: each counts in every grant's history.
const TOOLS_MAX: usize = 512;
/// How many sequences and sums.
const RULES_MAX: usize = 16;

impl Task {
    pub(crate) fn compile(
        charter: &Charter,
        hash: &str,
        name: &TaskName,
        declared: &bailiwick_charter::Task,
        settings: &Arc<Settings>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut task = Self {
            agent: charter.agent.to_string(),
            name: name.to_string(),
            owner: charter.owner.team.clone(),
            charter: hash.to_owned(),
            mode: charter.mode,
            account: charter.account(),
            declared: declared.clone(),
            writes: bailiwick_charter::Task {
                read: Vec::new(),
                ..declared.clone()
            },
            uses: Vec::new(),
            by_tool: BTreeMap::new(),
            settings: Arc::clone(settings),
        };
        let mut wrong = |path: &str, what: String, mend: &str| {
            let path = format!("tasks.{name}{path}");
            faults.push(Fault {
                agent: charter.agent.to_string(),
                place: charter.places.find(&path),
                what,
                mend: mend.to_owned(),
            });
        };
        for (list, length, most) in [
            ("tools", declared.tools.len(), TOOLS_MAX),
            ("sequence", declared.sequence.len(), RULES_MAX),
            ("limits.sums", declared.limits.sums.len(), RULES_MAX),
        ] {
            if length > most {
                let what = format!("`{list}` has {length} entries, of {most} at most");
                wrong(&format!(".{list}"), what, "split the task");
                return task;
            }
        }
        let policies = match cedar_set(charter, name, declared)
            .map_err(|error| error.to_string())
            .and_then(|set| {
                let parsed: Result<PolicySet, _> = set.policies.parse();
                parsed.map_err(|error| error.to_string())
            }) {
            Ok(policies) => policies,
            Err(error) => {
                wrong(".tools", error, "write one Cedar expression over `args`");
                return task;
            }
        };
        let mut by_use: BTreeMap<usize, _> = policies
            .policies()
            .filter_map(|policy| Some((policy.annotation("use")?.parse().ok()?, policy.clone())))
            .collect();
        for (at, used) in declared.tools.iter().enumerate() {
            let Ok(index) = u16::try_from(at) else { break };
            let entries = task.by_tool.entry(used.tool.to_string()).or_default();
            entries.push(index);
            let first = entries.first().copied().unwrap_or(index);
            let condition = match (&used.when, by_use.remove(&at)) {
                (None, _) => None,
                (Some(_), policy) => {
                    let compiled = policy
                        .ok_or_else(|| "it compiles to nothing".to_owned())
                        .and_then(|policy| {
                            let schema = settings.tools.get(&used.tool);
                            let parameters = declared.parameters.keys();
                            let parameters: Vec<&str> =
                                parameters.map(ParameterName::as_str).collect();
                            Condition::compile(
                                &policy,
                                charter.agent.as_str(),
                                used.tool.as_str(),
                                &parameters,
                                schema,
                            )
                            .map_err(|fault| fault.to_string())
                        });
                    match compiled {
                        Ok(condition) => Some(condition),
                        Err(error) => {
                            let what = format!("the condition on `{}`: {error}", used.tool);
                            let mend = "write one Cedar expression over `args`";
                            wrong(&format!(".tools.{at}.when"), what, mend);
                            continue;
                        }
                    }
                }
            };
            task.uses.push(Use {
                declared: used.clone(),
                condition,
                id: format!("{}/{name}#{at}", charter.agent),
                index,
                first,
            });
        }
        task
    }

    #[must_use]
    pub fn agent(&self) -> &str {
        &self.agent
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The team that answers for the agent.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The hash of the charter, which a grant is pinned to.
    #[must_use]
    pub fn charter(&self) -> &str {
        &self.charter
    }

    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The task as its charter declares it.
    #[must_use]
    pub fn declared(&self) -> &bailiwick_charter::Task {
        &self.declared
    }

    /// How much of everything one grant has.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.declared.limits
    }

    /// When a grant that begins now ends: after the time its charter gives it, or sooner where less
    /// was asked for or the authority's ceiling is lower. There is no way to ask for more.
    #[must_use]
    pub fn deadline_ms(&self, now_ms: u64, asked_seconds: Option<u32>) -> u64 {
        let declared = self.declared.lasts.seconds();
        let most = self.settings.grant_seconds_max.unwrap_or(declared);
        let seconds = declared.min(most).min(asked_seconds.unwrap_or(declared));
        now_ms.saturating_add(u64::from(seconds) * 1_000)
    }

    /// The task with these values for its parameters.
    ///
    /// # Errors
    /// The first value that is missing, too many, not accepted or unsafe.
    pub fn bind<'v>(
        &self,
        values: impl IntoIterator<Item = (&'v str, &'v str)>,
    ) -> Result<Bound, BoundError> {
        let parameters = self.declared.bind(values)?;
        let kept = parameters.iter();
        let kept = kept.map(|(name, value)| (name.to_string(), value.to_owned()));
        let body = Body {
            parameters: kept.collect(),
            ..Body::default()
        };
        Ok(Bound { parameters, body })
    }

    /// A bound task as it was kept.
    ///
    /// # Errors
    /// If the bytes are not the body of a grant of this task.
    pub fn read(&self, body: &[u8]) -> Result<Bound, BoundError> {
        if body.len() > BODY_LENGTH_MAX {
            return Err(BoundError::TooLong { length: body.len() });
        }
        // A list would read as the fields in their order, and an empty one as nothing narrowed.
        if !body.starts_with(b"{") {
            return Err(BoundError::Malformed("not an object".to_owned()));
        }
        let body: Body = serde_json::from_slice(body)
            .map_err(|error| BoundError::Malformed(error.to_string()))?;
        let values = body.parameters.iter();
        let parameters = self
            .declared
            .bind(values.map(|(name, value)| (name.as_str(), value.as_str())))?;
        Ok(Bound { parameters, body })
    }
}
