//! A record, decided again by other charters.
//!
//! A record holds no arguments and no parameters of a grant unless the charter says so, and nothing of
//! what a tool answered. So there are three answers: what other charters say whatever those were is
//! said; where they would decide it, it is unknown, and what is missing is named. A decision that
//! cannot be told may or may not have been counted: from there on each grant is followed twice, once
//! with none of those calls and once with all of them, and only what both say alike is said.

use std::collections::BTreeMap;

use bailiwick_charter::Label;
use bailiwick_ledger::replay::Answer;
use bailiwick_ledger::{Action, Effect, Entry};

use crate::authority::Authority;
use crate::bound::Bound;
use crate::delegate::matches;
use crate::flow::Seen;
use crate::history::History;
use crate::json::{self, Bounds, Value};
use crate::judge::Way;
use crate::reason::Reason;
use crate::spend::Spends;
use crate::task::{Task, Use};

/// What is missing where the arguments are not.
const ANSWERS: &str = "what tools answered before";

/// The grants of a record, followed under other charters.
#[derive(Debug)]
pub struct Replayed<'a> {
    authority: &'a Authority,
    grants: BTreeMap<String, Lived>,
}

/// What is known of a grant at a place in the record.
#[derive(Debug, Clone, Default)]
struct Lived {
    /// When it was opened; unknown where the record begins later.
    issued_ms: Option<u64>,
    /// What it was opened with, where that is on record.
    parameters: Option<BTreeMap<String, String>>,
    /// Somebody else holds a part of it, or it is such a part: what that left is not on record.
    is_split: bool,
    /// None of the calls that cannot be told happened.
    least: History,
    /// All of them did.
    most: History,
}

/// What one history says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// It may happen, and this is what the grant then remembers.
    Allow(Box<History>),
    StepUp,
    Deny(Reason),
    /// It hangs on what is not on record; if it happened, this is what the grant then remembers.
    Unknown(&'static str, Option<Box<History>>),
}

impl<'a> Replayed<'a> {
    /// Nothing was read yet.
    #[must_use]
    pub fn by(authority: &'a Authority) -> Self {
        Self {
            authority,
            grants: BTreeMap::new(),
        }
    }

    /// Takes note of an entry that is no decision. Entries come in their order.
    pub fn see(&mut self, entry: &Entry, time_ms: u64) {
        let Some(grant) = &entry.grant else { return };
        if entry.event == "grant.approved" && !self.grants.contains_key(&grant.id) {
            let told = entry
                .task
                .as_ref()
                .and_then(|task| task.parameters.as_deref());
            // A part of a grant is bound to what the whole was.
            let whole = grant.parent.as_ref().and_then(|id| self.grants.get(id));
            let whole = whole.and_then(|whole| whole.parameters.clone());
            let lived = Lived {
                issued_ms: Some(time_ms),
                parameters: told.and_then(parameters).or(whole),
                is_split: grant.parent.is_some(),
                ..Lived::default()
            };
            self.grants.insert(grant.id.clone(), lived);
        }
        if entry.event == "grant.delegated" {
            self.grants.entry(grant.id.clone()).or_default().is_split = true;
        }
        // What a tool answered under a label is in the record by its size alone.
        if entry.event == "answer" {
            let lived = self.grants.entry(grant.id.clone()).or_default();
            lived.least.untrusted = Seen::Everything;
            lived.least.private = Seen::Everything;
            lived.most.untrusted = Seen::Everything;
            lived.most.private = Seen::Everything;
        }
    }

    /// Whether an entry is a decision on a call of a grant: what other charters could change.
    #[must_use]
    pub fn is_replayed(entry: &Entry) -> bool {
        entry.event == "decision" && entry.decision.is_some() && entry.grant.is_some()
    }

    /// What the charters say of the call that an entry is about.
    pub fn judge(&mut self, entry: &Entry, time_ms: u64) -> Answer {
        let (Some(decision), Some(grant)) = (&entry.decision, &entry.grant) else {
            return Answer::Unknown("a decision on a call of a grant".to_owned());
        };
        // Stopped, ended, not to be recorded: no charter would have let it happen.
        let Some(pinned) = &decision.policy_version else {
            return Answer::Decided(decision.effect, "not the charter's to decide".to_owned());
        };
        let agent = entry.agent.as_ref().map(|agent| agent.id.as_str());
        let name = entry.task.as_ref().map(|task| task.id.as_str());
        let (Some(agent), Some(name), Some(action)) = (agent, name, &entry.action) else {
            return Answer::Unknown("what was asked for, by whom".to_owned());
        };
        let Some(task) = self.authority.task(agent, name) else {
            return denied("no charter has this task");
        };
        let lived = self.grants.entry(grant.id.clone()).or_default();
        let lasts = u64::from(task.declared.lasts.seconds()) * 1_000;
        if lived
            .issued_ms
            .is_some_and(|issued| time_ms >= issued.saturating_add(lasts))
        {
            return denied("the grant would have ended before");
        }
        let bound = match &lived.parameters {
            Some(known) => {
                let known = known.iter();
                let values = known.map(|(name, value)| (name.as_str(), value.as_str()));
                match task.bind(values) {
                    Ok(bound) => Some(bound),
                    Err(_) => return denied("the grant would not have been opened as it was"),
                }
            }
            None => task.bind([]).ok(),
        };
        let beside = match (lived.is_split, grant.parent.is_some()) {
            (true, true) => Some("what was delegated to the grant"),
            // What was given away came out of its budgets.
            (true, false) if task.remembers() => Some("what was delegated of the grant"),
            (true, false) | (false, _) => None,
        };
        // The same charter said so, when all of it was known.
        let said = (pinned == task.charter()).then_some(decision.effect);
        let asked = Asked {
            task,
            bound: bound.as_ref(),
            action,
            now_ms: time_ms,
        };
        lived.judge(&asked, beside, said)
    }
}

/// A call as a record says it, of a task as it is declared now.
struct Asked<'a> {
    task: &'a Task,
    /// `None`: what the task is bound to is not on record.
    bound: Option<&'a Bound>,
    action: &'a Action,
    now_ms: u64,
}

/// Parameters as they are recorded.
fn parameters(told: &str) -> Option<BTreeMap<String, String>> {
    let read = json::read(told.as_bytes(), Bounds::REQUEST).ok()?;
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.text()?.to_owned()));
    read.record()?.iter().map(text).collect()
}

fn denied(why: &str) -> Answer {
    Answer::Decided(Effect::Deny, why.to_owned())
}

impl Lived {
    /// Judges by both histories, and goes on with what each then remembers. `beside` is what else
    /// is missing for an answer that lets it happen; `said` is what holds where it cannot be told.
    fn judge(
        &mut self,
        asked: &Asked<'_>,
        beside: Option<&'static str>,
        said: Option<Effect>,
    ) -> Answer {
        let (least, most) = (asked.again(&self.least), asked.again(&self.most));
        let answer = match (&least, &most, beside) {
            (Said::Allow(_) | Said::StepUp, _, Some(missing)) => {
                Answer::Unknown(missing.to_owned())
            }
            (Said::Allow(_), Said::Allow(_), None) => {
                Answer::Decided(Effect::Allow, "allowed".to_owned())
            }
            (Said::StepUp, Said::StepUp, None) => {
                Answer::Decided(Effect::StepUp, Reason::Approval.code().to_owned())
            }
            (Said::Deny(one), Said::Deny(other), _) if one.code() == other.code() => {
                Answer::Decided(Effect::Deny, one.code().to_owned())
            }
            (Said::Unknown(missing, _), _, _) | (_, Said::Unknown(missing, _), _) => {
                Answer::Unknown((*missing).to_owned())
            }
            _ => Answer::Unknown("which of the calls before it happened".to_owned()),
        };
        let answer = match (answer, said) {
            (Answer::Unknown(_), Some(said)) => {
                Answer::Decided(said, "the charter is the same".to_owned())
            }
            (answer, _) => answer,
        };
        let (surely, maybe) = match &answer {
            Answer::Decided(effect, _) => (*effect == Effect::Allow, *effect == Effect::Allow),
            Answer::Unknown(_) => (false, true),
        };
        if surely {
            self.least = remembered(least, &self.least);
        }
        if maybe {
            self.most = remembered(most, &self.most);
        }
        answer
    }
}

fn remembered(said: Said, before: &History) -> History {
    match said {
        Said::Allow(history) | Said::Unknown(_, Some(history)) => *history,
        Said::StepUp | Said::Deny(_) | Said::Unknown(_, None) => before.clone(),
    }
}

impl Task {
    /// Whether an answer hangs on what the grant did before.
    fn remembers(&self) -> bool {
        let limits = &self.declared.limits;
        let counts = limits.calls.is_some() || limits.writes.is_some();
        counts
            || limits.per_minute.is_some()
            || !limits.sums.is_empty()
            || !self.declared.sequence.is_empty()
            || self.uses.iter().any(|used| used.declared.calls.is_some())
    }
}

impl Asked<'_> {
    /// Judges it after that history.
    fn again(&self, history: &History) -> Said {
        let (Some(server), Some(tool)) = (&self.action.server, &self.action.tool) else {
            return Said::Unknown("what was called", None);
        };
        match &self.action.resource {
            Some(resource) => self.aws_again(tool, resource, history),
            None => self.tool_again(&format!("{server}/{tool}"), history),
        }
    }

    fn aws_again(&self, action: &str, resource: &str, history: &History) -> Said {
        let declared = self.task.declared.reaches();
        let mut declared = declared.flat_map(|reach| &reach.actions);
        if !declared.any(|pattern| matches(pattern, action)) {
            return Said::Deny(Reason::NotDeclared);
        }
        let Some(bound) = self.bound else {
            return self.aws_unknown("the parameters of the grant", history);
        };
        let call = crate::Call::aws(action, resource);
        let judgement = self.task.judge(bound, history, &call, self.now_ms);
        match judgement.answer {
            crate::Answer::Allow(history) => Said::Allow(history),
            crate::Answer::StepUp(_) => Said::StepUp,
            crate::Answer::Deny(Reason::AccountUnknown) => {
                self.aws_unknown("in which account the resource is", history)
            }
            crate::Answer::Deny(reason) => Said::Deny(reason),
        }
    }

    /// A call that may be allowed or not: denied all the same where no budget is left, and counted
    /// as a write where it may be one.
    fn aws_unknown(&self, missing: &'static str, history: &History) -> Said {
        let spent = |is_write| {
            let spends = Spends {
                used: None,
                is_write,
            };
            let bound = Bound::of_nothing();
            self.task.spend(spends, &bound, history, None, self.now_ms)
        };
        match (spent(false), spent(true)) {
            (Err(reason), _) => Said::Deny(reason),
            (Ok(_), Ok(history)) | (Ok(history), Err(_)) => {
                Said::Unknown(missing, Some(Box::new(history)))
            }
        }
    }

    /// The first entry that surely lets it happen does. One that may let it happen leaves open what
    /// those behind it say.
    fn tool_again(&self, tool: &str, history: &History) -> Said {
        let entries = self.task.by_tool.get(tool);
        let entries = entries.map(Vec::as_slice).unwrap_or_default();
        let args = self.action.args.as_deref();
        let args = args.and_then(|args| json::read(args.as_bytes(), Bounds::REQUEST).ok());
        let mut said = Said::Deny(Reason::NotDeclared);
        let mut is_first = true;
        for index in entries {
            let Some(used) = self.task.uses.get(usize::from(*index)) else {
                continue;
            };
            let one = self.use_again(used, args.as_ref(), history);
            said = match (one, said, is_first) {
                (Said::Allow(history), _, _) => return Said::Allow(history),
                (one @ Said::Unknown(..), _, _) => one,
                (_, before @ (Said::Unknown(..) | Said::StepUp), _) => before,
                (Said::StepUp, _, _) => Said::StepUp,
                (one, _, true) => one,
                (_, before, false) => before,
            };
            is_first = false;
        }
        said
    }

    fn use_again(&self, used: &Use, args: Option<&Value>, history: &History) -> Said {
        let pinned = self.action.tool_schema_hash.as_deref();
        let schema = pinned.and_then(|pin| pin.parse().ok());
        let none = Value::Record(BTreeMap::new());
        let missing = self.missing(used, args, history);
        let is_asked = missing.is_none_or(|missing| missing == ANSWERS);
        let way = Way {
            args: is_asked.then(|| args.unwrap_or(&none)),
            schema: schema.as_ref(),
            now_ms: self.now_ms,
        };
        let nothing = Bound::of_nothing();
        let bound = self.bound.unwrap_or(&nothing);
        let history = match self.task.way_again(used, bound, history, &way) {
            Ok(history) => Box::new(history),
            Err(reason) => return Said::Deny(reason),
        };
        match (missing, &used.declared.approve) {
            (Some(missing), _) => Said::Unknown(missing, Some(history)),
            (None, Some(_)) => Said::StepUp,
            (None, None) => Said::Allow(history),
        }
    }

    /// What an entry asks about that is not on record.
    fn missing(&self, used: &Use, args: Option<&Value>, history: &History) -> Option<&'static str> {
        let tool = &used.declared.tool;
        let adds_up = self
            .task
            .declared
            .limits
            .sums
            .iter()
            .any(|sum| sum.tool == *tool);
        let flows = used.has(Label::OutwardEffect)
            && Label::SOURCES.iter().any(|label| {
                let seen = history.seen(*label).is_some_and(|seen| !seen.is_nothing());
                seen && !used.declared.accepts.contains(label)
            });
        if args.is_none() && (used.condition.is_some() || adds_up || flows) {
            return Some("the arguments of the call");
        }
        if flows {
            return Some(ANSWERS);
        }
        let asks = used.condition.as_ref();
        if self.bound.is_none() && asks.is_some_and(|asks| asks.asks_parameters()) {
            return Some("the parameters of the grant");
        }
        None
    }
}

#[cfg(test)]
mod tests;
