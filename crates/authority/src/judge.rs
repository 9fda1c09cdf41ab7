//! One call, judged.

use bailiwick_charter::{Label, SchemaPin, ToolName};
use bailiwick_ledger::argument::ArgumentKey;
use bailiwick_ledger::{Action, Decision, Effect, Entry, VerbClass};

use crate::argument::ToolSchema;
use crate::aws::{Ask, Right};
use crate::bound::Bound;
use crate::call::{Call, Target};
use crate::flow::{self, Seen};
use crate::history::History;
use crate::json::{self, Bounds, Value};
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
    pub(crate) fn before_any_rule(reason: Reason, asked: Entry) -> Self {
        Self {
            answer: Answer::Deny(reason),
            policies: Vec::new(),
            charter: None,
            entry: asked,
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

/// What a grant remembers of a tool's answer, and what is recorded of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    pub history: History,
    pub entry: Entry,
}

/// What was asked for, as it is recorded: the arguments by their hash alone, unless the charter says
/// otherwise.
pub(crate) fn asked(call: &Call, key: &ArgumentKey, used: Option<&Use>) -> Entry {
    let mut action = call.named();
    if let Target::Tool { args, schema, .. } = &call.target {
        let told = args.canonical();
        action.tool_schema_hash = schema.as_ref().map(ToString::to_string);
        action.verb_class = Some(VerbClass::Exec);
        action.args_hash = Some(key.hash(told.as_bytes()));
        action.args = used
            .is_some_and(|used| used.declared.record_arguments)
            .then_some(told);
    }
    Entry {
        action: Some(action),
        flow: call.flow.clone(),
        ..Entry::of("decision")
    }
}

impl Task {
    /// What is recorded of the parameters that a grant is opened with: their hash alone, unless the
    /// charter says otherwise.
    #[must_use]
    pub fn recorded(&self, bound: &Bound) -> bailiwick_ledger::Task {
        let parameters = &bound.body.parameters;
        if parameters.is_empty() {
            return bailiwick_ledger::Task::default();
        }
        let told = parameters.iter();
        let told = told.map(|(name, value)| (name.clone(), Value::Text(value.clone())));
        let told = Value::Record(told.collect()).canonical();
        bailiwick_ledger::Task {
            parameters_hash: Some(self.settings.argument_key.hash(told.as_bytes())),
            parameters: self.declared.record_parameters.then_some(told),
            ..bailiwick_ledger::Task::default()
        }
    }

    /// Judges one call of a grant of this task.
    pub fn judge(&self, bound: &Bound, history: &History, call: &Call, now_ms: u64) -> Judgement {
        match &call.target {
            Target::Tool { tool, args, schema } => {
                let asked = Asked {
                    bound,
                    history,
                    call,
                    tool,
                    args,
                    schema: schema.as_ref(),
                    now_ms,
                };
                self.judge_tool(&asked)
            }
            Target::Aws {
                action,
                resource,
                account,
            } => {
                let ask = Ask {
                    action,
                    resource,
                    account: *account,
                };
                self.judge_aws(bound, history, call, ask, now_ms)
            }
        }
    }

    fn judge_aws(
        &self,
        bound: &Bound,
        history: &History,
        call: &Call,
        ask: Ask<'_>,
        now_ms: u64,
    ) -> Judgement {
        let class = |right| match right {
            Right::Read => (VerbClass::Read, false),
            Right::Write => (VerbClass::Write, true),
        };
        let right = self.right(bound, ask, now_ms);
        let answer = right.clone().and_then(|right| {
            if !(bound.holds_action(ask.action) && bound.holds_resource(ask.resource)) {
                return Err(Reason::NotDelegated);
            }
            let spends = Spends {
                used: None,
                is_write: class(right).1,
            };
            self.spend(spends, bound, history, None, now_ms)
        });
        let answer = match answer {
            Ok(history) => Answer::Allow(Box::new(history)),
            Err(reason) => Answer::Deny(reason),
        };
        let mut judgement = self.judgement(answer, call, None);
        if let (Ok(right), Some(action)) = (right, &mut judgement.entry.action) {
            action.verb_class = Some(class(right).0);
            let list = match right {
                Right::Read => "read",
                Right::Write => "write",
            };
            judgement.policies = vec![format!("{}/{}#{list}", self.agent, self.name)];
        }
        judgement
    }

    fn judgement(&self, answer: Answer, call: &Call, used: Option<&Use>) -> Judgement {
        Judgement {
            answer,
            policies: used.map(|used| used.id.clone()).into_iter().collect(),
            charter: Some(self.charter.clone()),
            entry: asked(call, &self.settings.argument_key, used),
        }
    }

    /// The first entry of `tools` that lets the call happen decides; else the first that would, if
    /// somebody agreed; else the first says why not.
    fn judge_tool(&self, asked: &Asked<'_>) -> Judgement {
        let entries = self.by_tool.get(asked.tool.as_str());
        let entries = entries.map(Vec::as_slice).unwrap_or_default();
        let mut refused = None;
        let mut step_up = None;
        for index in entries {
            let Some(used) = self.uses.get(usize::from(*index)) else {
                continue;
            };
            match (self.way(used, asked), &used.declared.approve) {
                (Ok(history), None) => {
                    let answer = Answer::Allow(Box::new(history));
                    return self.judgement(answer, asked.call, Some(used));
                }
                (Ok(_), Some(approver)) => {
                    step_up.get_or_insert((used, approver));
                }
                (Err(reason), _) => {
                    refused.get_or_insert((used, reason));
                }
            }
        }
        if let Some((used, approver)) = step_up {
            let request = format!("{} {}", asked.tool, asked.args.canonical());
            let obligation = Obligation {
                approver: approver.to_string(),
                request_hash: self.settings.argument_key.hash(request.as_bytes()),
            };
            return self.judgement(Answer::StepUp(obligation), asked.call, Some(used));
        }
        let (used, reason) = match refused {
            Some((used, reason)) => (Some(used), reason),
            None => (None, Reason::NotDeclared),
        };
        self.judgement(Answer::Deny(reason), asked.call, used)
    }

    /// What the grant remembers after the call under one entry, if that lets it happen.
    fn way(&self, used: &Use, asked: &Asked<'_>) -> Result<History, Reason> {
        let Asked { bound, args, .. } = asked;
        let tool = asked.tool.as_str();
        if !(bound.holds_tool(tool) && bound.holds_arguments(tool, args)) {
            return Err(Reason::NotDelegated);
        }
        self.is_as_reviewed(used, asked.schema)?;
        if let Some(condition) = &used.condition {
            condition.ask(args, &bound.parameters)?;
        }
        self.may_flow(used, asked)?;
        let spends = Spends {
            used: Some(used),
            is_write: used.is_write(),
        };
        let mut history = self.spend(spends, bound, asked.history, Some(args), asked.now_ms)?;
        if !asked.call.is_mediated {
            passed_by(used, &mut history);
        }
        Ok(history)
    }

    /// The same of a call of which the record is left: without arguments, where the record has
    /// none, everything that asks about them is passed over.
    pub(crate) fn way_again(
        &self,
        used: &Use,
        bound: &Bound,
        history: &History,
        way: &Way<'_>,
    ) -> Result<History, Reason> {
        self.is_as_reviewed(used, way.schema)?;
        if let (Some(condition), Some(args)) = (&used.condition, way.args) {
            condition.ask(args, &bound.parameters)?;
        }
        let spends = Spends {
            used: Some(used),
            is_write: used.is_write(),
        };
        let mut history = self.spend(spends, bound, history, way.args, way.now_ms)?;
        // Whether its answer was seen is not on record.
        passed_by(used, &mut history);
        Ok(history)
    }

    /// The tool is what its owner looked at, if the charter says what that was.
    fn is_as_reviewed(&self, used: &Use, now: Option<&SchemaPin>) -> Result<(), Reason> {
        let known = self.settings.tools.get(&used.declared.tool);
        let known = known.map(ToolSchema::pin);
        // Conditions were typed by the schema that is known here: with another they say nothing.
        let differs = |one: Option<&SchemaPin>, other: Option<&SchemaPin>| {
            one.zip(other).is_some_and(|(one, other)| one != other)
        };
        if differs(now, known) {
            return Err(Reason::SchemaChanged);
        }
        let Some(pinned) = &used.declared.schema else {
            return Ok(());
        };
        match now.or(known) {
            None => Err(Reason::SchemaUnknown),
            Some(is) if is == pinned => Ok(()),
            Some(_) => Err(Reason::SchemaChanged),
        }
    }

    /// No argument of an outward effect carries a value from a source, unless the charter says so.
    /// The grant's own parameters are no such values: whoever made the grant chose them.
    fn may_flow(&self, used: &Use, asked: &Asked<'_>) -> Result<(), Reason> {
        if !used.has(Label::OutwardEffect) {
            return Ok(());
        }
        for label in Label::SOURCES {
            let accepted = used.declared.accepts.contains(&label);
            let Some(seen) = asked.history.seen(label).filter(|_| !accepted) else {
                continue;
            };
            if seen.is_nothing() {
                continue;
            }
            let mut carries = None;
            flow::values(asked.args, "args", &mut |path, value| {
                let mut own = asked.bound.parameters.iter();
                let is_own = own.any(|(_, own)| own.to_lowercase() == value);
                if !is_own && seen.holds(self.value_hash(label, value)) {
                    carries = Some(path.to_owned());
                }
                carries.is_none()
            });
            if let Some(argument) = carries {
                let label = label.as_str();
                return Err(Reason::Flow { argument, label });
            }
        }
        Ok(())
    }

    /// What a grant remembers of a tool's answer; nothing where no label of the tool says that its
    /// values carry it.
    pub(crate) fn learn(
        &self,
        history: &History,
        tool: &str,
        answer: &[u8],
    ) -> Result<Option<Learned>, Reason> {
        let entries = self.by_tool.get(tool).ok_or(Reason::NotDeclared)?;
        let used = |index: &u16| self.uses.get(usize::from(*index));
        let labels: Vec<Label> = Label::SOURCES
            .into_iter()
            .filter(|label| entries.iter().filter_map(used).any(|used| used.has(*label)))
            .collect();
        if labels.is_empty() {
            return Ok(None);
        }
        let value = json::read(answer, Bounds::ANSWER).ok().or_else(|| {
            let text = std::str::from_utf8(answer).ok()?;
            (text.len() <= Bounds::ANSWER.bytes).then(|| Value::Text(text.to_owned()))
        });
        let mut history = history.clone();
        for label in labels {
            let Some(seen) = history.seen_mut(label) else {
                continue;
            };
            match &value {
                // Nobody can tell what is in it.
                None => *seen = Seen::Everything,
                Some(value) => {
                    flow::values(value, "", &mut |_, value| {
                        seen.add(self.value_hash(label, value));
                        *seen != Seen::Everything
                    });
                }
            }
        }
        let (server, name) = tool.split_once('/').unwrap_or(("", tool));
        let entry = Entry {
            action: Some(Action {
                server: Some(server.to_owned()),
                tool: Some(name.to_owned()),
                ..Action::default()
            }),
            sizes: Some([0, u64::try_from(answer.len()).unwrap_or(u64::MAX)]),
            ..Entry::of("answer")
        };
        Ok(Some(Learned { history, entry }))
    }

    /// The keyed hash by which a value is recognised, of one label.
    fn value_hash(&self, label: Label, value: &str) -> u64 {
        let told = format!("{} {value}", label.as_str());
        let hash = self.settings.argument_key.hash(told.as_bytes());
        let digits = hash.rsplit(':').next().and_then(|digits| digits.get(..16));
        let digits = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        digits.unwrap_or_default()
    }
}

/// Nobody looks at the answer, so every value may be in it.
fn passed_by(used: &Use, history: &mut History) {
    for label in Label::SOURCES {
        if let (true, Some(seen)) = (used.has(label), history.seen_mut(label)) {
            *seen = Seen::Everything;
        }
    }
}

/// What a record says of a call to a tool.
pub(crate) struct Way<'a> {
    pub(crate) args: Option<&'a Value>,
    pub(crate) schema: Option<&'a SchemaPin>,
    pub(crate) now_ms: u64,
}

/// One call to a tool, and what it is judged by.
struct Asked<'a> {
    bound: &'a Bound,
    history: &'a History,
    call: &'a Call,
    tool: &'a ToolName,
    args: &'a Value,
    schema: Option<&'a SchemaPin>,
    now_ms: u64,
}

#[cfg(test)]
mod tests;
