//! One call, judged.

use bailiwick_ledger::argument::ArgumentKey;
use bailiwick_ledger::{Action, Decision, Effect, Entry, VerbClass};

use crate::bound::Bound;
use crate::call::{Call, Target};
use crate::history::History;
use crate::json::Value;
use crate::reason::Reason;
use crate::spend::Spends;
use crate::task::{Task, Use};

/// What the authority says of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It may happen; this is what the grant then remembers.
    Allow(Box<History>),
    /// It may not.
    Deny(Reason),
    /// It may not, unless somebody agrees.
    StepUp(Obligation),
}

/// Who must agree, and to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obligation {
    /// `human`, or `team/NAME`.
    pub approver: String,
    /// The keyed hash of the tool and its arguments: an approval is for these alone.
    pub request_hash: String,
}

/// An answer, and what is recorded of it.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub answer: Answer,
    /// The entries of the charter that decided.
    pub policies: Vec<String>,
    /// The charter's hash.
    pub charter: Option<String>,
    entry: Entry,
}

impl Judgement {
    /// A denial before a rule of the charter was asked.
    pub(crate) fn before_any_rule(reason: Reason, call: &Call) -> Self {
        Self {
            answer: Answer::Deny(reason),
            policies: Vec::new(),
            charter: None,
            entry: asked(call, None, None),
        }
    }

    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.history().is_some()
    }

    /// What the grant then remembers, if the call may happen.
    #[must_use]
    pub fn history(&self) -> Option<&History> {
        match &self.answer {
            Answer::Allow(history) => Some(history),
            Answer::Deny(_) | Answer::StepUp(_) => None,
        }
    }

    /// Why the call may not happen.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match &self.answer {
            Answer::Allow(_) => None,
            Answer::Deny(reason) => Some(reason),
            Answer::StepUp(_) => Some(&Reason::Approval),
        }
    }

    /// The stable code of the answer: `allowed`, or that of the reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.reason().map_or("allowed", Reason::code)
    }

    /// The record of the answer. The broker adds the grant, the agent and the owner.
    #[must_use]
    pub fn entry(&self) -> Entry {
        let (effect, obligations) = match &self.answer {
            Answer::Allow(_) => (Effect::Allow, Vec::new()),
            Answer::Deny(_) => (Effect::Deny, Vec::new()),
            Answer::StepUp(obligation) => {
                let of = &obligation.approver;
                (Effect::StepUp, vec![format!("approval:{of}")])
            }
        };
        let errors = match self.reason() {
            Some(Reason::ConditionFailed { error }) => vec![error.clone()],
            Some(reason) => vec![reason.to_string()],
            None => Vec::new(),
        };
        Entry {
            reason_code: self.reason().map(|reason| reason.code().to_owned()),
            decision: Some(Decision {
                effect,
                policy_ids: self.policies.clone(),
                policy_version: self.charter.clone(),
                errors,
                obligations,
            }),
            ..self.entry.clone()
        }
    }
}

/// What was asked for, as it is recorded: the arguments by their hash alone, unless the charter says
/// otherwise.
pub(crate) fn asked(call: &Call, key: Option<&ArgumentKey>, used: Option<&Use>) -> Entry {
    let action = match &call.target {
        Target::Tool { tool, args, schema } => {
            let told = args.canonical();
            Action {
                server: Some(tool.server().to_owned()),
                tool: Some(tool.tool().to_owned()),
                tool_schema_hash: schema.as_ref().map(ToString::to_string),
                verb_class: Some(VerbClass::Exec),
                args_hash: key.map(|key| key.hash(told.as_bytes())),
                args: used
                    .is_some_and(|used| used.declared.record_arguments)
                    .then_some(told),
                resource: None,
            }
        }
        Target::Aws {
            action, resource, ..
        } => Action {
            server: action
                .split_once(':')
                .map(|(service, _)| service.to_owned()),
            tool: Some(action.clone()),
            resource: Some(resource.clone()),
            ..Action::default()
        },
    };
    Entry {
        action: Some(action),
        flow: call.flow.clone(),
        ..Entry::of("decision")
    }
}

/// A way in which the call may happen, and what the grant then remembers.
struct Way<'t> {
    used: &'t Use,
    history: History,
}

impl Task {
    /// Judges one call of a grant of this task.
    pub fn judge(&self, bound: &Bound, history: &History, call: &Call, now_ms: u64) -> Judgement {
        match &call.target {
            Target::Tool { tool, args, .. } => {
                self.judge_tool(bound, history, call, tool.as_str(), args, now_ms)
            }
            Target::Aws { .. } => self.judgement(Answer::Deny(Reason::NotDeclared), call, None),
        }
    }

    fn judgement(&self, answer: Answer, call: &Call, used: Option<&Use>) -> Judgement {
        Judgement {
            answer,
            policies: used.map(|used| used.id.clone()).into_iter().collect(),
            charter: Some(self.charter.clone()),
            entry: asked(call, Some(&self.settings.argument_key), used),
        }
    }

    fn judge_tool(
        &self,
        bound: &Bound,
        history: &History,
        call: &Call,
        tool: &str,
        args: &Value,
        now_ms: u64,
    ) -> Judgement {
        let entries = self
            .by_tool
            .get(tool)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut refused = None;
        let mut step_up = None;
        for index in entries {
            let Some(used) = self.uses.get(usize::from(*index)) else {
                continue;
            };
            match self.way(used, bound, history, args, now_ms) {
                Ok(way) => match &way.used.declared.approve {
                    None => {
                        let answer = Answer::Allow(Box::new(way.history));
                        return self.judgement(answer, call, Some(way.used));
                    }
                    Some(approver) => {
                        step_up.get_or_insert((way.used, approver));
                    }
                },
                Err(reason) => {
                    refused.get_or_insert((used, reason));
                }
            }
        }
        if let Some((used, approver)) = step_up {
            let asked = format!("{tool} {}", args.canonical());
            let obligation = Obligation {
                approver: approver.to_string(),
                request_hash: self.settings.argument_key.hash(asked.as_bytes()),
            };
            return self.judgement(Answer::StepUp(obligation), call, Some(used));
        }
        match refused {
            Some((used, reason)) => self.judgement(Answer::Deny(reason), call, Some(used)),
            None => self.judgement(Answer::Deny(Reason::NotDeclared), call, None),
        }
    }

    fn way<'t>(
        &'t self,
        used: &'t Use,
        bound: &Bound,
        history: &History,
        args: &Value,
        now_ms: u64,
    ) -> Result<Way<'t>, Reason> {
        if let Some(condition) = &used.condition {
            condition.ask(args, &bound.parameters)?;
        }
        let spends = Spends {
            used: Some(used),
            is_write: used.is_write(),
        };
        let history = self.spend(spends, bound, history, args, now_ms)?;
        Ok(Way { used, history })
    }
}
