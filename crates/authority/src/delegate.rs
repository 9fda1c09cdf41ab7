//! A grant made from a grant: the same task, with less.
//!
//! It is narrower by construction. What it may call is what the first grant may call *and* what was
//! left to it; what it may spend is taken out of the first grant's budgets when it is made, so the
//! two together never have more than the first had. What one of the two may do unseen by the other
//! counts as done, wherever that denies: a call that `never-after` asks about, a value from a source.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_charter::{Label, Sequence};

use crate::aws::{Ask, is_action, is_resource};
use crate::bound::{Bound, Caps, Narrow};
use crate::flow::Seen;
use crate::history::History;
use crate::json::Value;
use crate::spend::{PER_MINUTE, least, span_ms, sum_max};
use crate::task::Task;

/// How often a grant may be delegated on.
pub const DELEGATIONS_MAX: usize = 4;

/// How many pairs of an action and a resource are looked at. Each takes a policy to be compiled.
const TRIED_MAX: usize = 4_096;

/// What is left to the new grant. A list that is absent takes nothing away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// The tools that it may call, of those the first grant may.
    pub tools: Option<BTreeSet<String>>,
    /// The AWS actions, written out.
    pub actions: Option<BTreeSet<String>>,
    /// The resources, each by its ARN.
    pub resources: Option<BTreeSet<String>>,
    /// By tool and argument (`args.amount`), the values that it may have.
    pub arguments: BTreeMap<String, BTreeMap<String, Vec<Value>>>,
    /// How much of what remains of every limited budget, in hundredths, rounded down.
    pub share_percent: u8,
    /// No more of these, whatever the share.
    pub calls: Option<u64>,
    pub writes: Option<u64>,
    pub per_minute: Option<u64>,
    /// When it ends, if that is before the first grant does.
    pub deadline_ms: Option<u64>,
}

impl Default for Delegation {
    /// Everything there is, and all that is left of it.
    fn default() -> Self {
        Self {
            tools: None,
            actions: None,
            resources: None,
            arguments: BTreeMap::new(),
            share_percent: 100,
            calls: None,
            writes: None,
            per_minute: None,
            deadline_ms: None,
        }
    }
}

/// A delegated grant, and what the first one remembers of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegated {
    pub bound: Bound,
    pub history: History,
    /// The first grant's history without what it gave away. It must be durable before the new grant
    /// is opened.
    pub parent_history: History,
    pub deadline_ms: u64,
    /// Whether a later deadline was asked for than the first grant has.
    pub is_clamped: bool,
}

/// Why nothing is delegated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DelegationFault {
    #[error("a grant is delegated on at most {DELEGATIONS_MAX} times")]
    TooDeep,
    #[error("the grant does not hold one of the {0} that are delegated")]
    NotHeld(&'static str),
    #[error("the grant has fewer {0} left than are delegated")]
    TooMany(&'static str),
    #[error(
        "too many actions and resources are named: leave the actions out, or delegate in parts"
    )]
    TooManyNamed,
    #[error("a share is 1 to 100 hundredths")]
    Share,
    #[error("an argument is named `args.NAME`, and its values are texts, numbers or booleans")]
    Argument,
    #[error("the deadline has passed")]
    Deadline,
}

impl Task {
    /// Makes a narrower grant out of one.
    ///
    /// # Errors
    /// If more is to be delegated than the grant holds.
    pub fn delegate(
        &self,
        bound: &Bound,
        history: &History,
        delegation: &Delegation,
        deadline_ms: u64,
        now_ms: u64,
    ) -> Result<Delegated, DelegationFault> {
        if bound.depth() >= DELEGATIONS_MAX {
            return Err(DelegationFault::TooDeep);
        }
        if !(1..=100).contains(&delegation.share_percent) {
            return Err(DelegationFault::Share);
        }
        let asked = delegation.deadline_ms.unwrap_or(deadline_ms);
        let ends = asked.min(deadline_ms);
        if ends <= now_ms {
            return Err(DelegationFault::Deadline);
        }
        let narrow = self.narrow(bound, delegation, now_ms)?;
        let mut child = bound.clone();
        child.body.narrowed.push(narrow);
        child.body.holder_key = None;
        let mut parent = history.clone();
        child.body.caps = self.share(bound, &child, &mut parent, delegation, now_ms)?;
        let mut memory = History {
            called: history.called.clone(),
            maybe_called: history.maybe_called.clone(),
            untrusted: history.untrusted.clone(),
            private: history.private.clone(),
            ..History::default()
        };
        self.suspect(bound, &mut memory);
        self.suspect(&child, &mut parent);
        Ok(Delegated {
            bound: child,
            history: memory,
            parent_history: parent,
            deadline_ms: ends,
            is_clamped: asked > deadline_ms,
        })
    }

    /// Each resource is one that some action of the new grant reaches: what the first grant does not
    /// reach is refused, and not kept as a right that is worth nothing.
    fn holds_resources(
        &self,
        bound: &Bound,
        delegation: &Delegation,
        now_ms: u64,
    ) -> Result<(), DelegationFault> {
        let resources = delegation.resources.iter().flatten();
        if resources.clone().next().is_none() {
            return Ok(());
        }
        let actions = self.some_actions(bound, delegation);
        let accounts = self.declared.reaches().map(|reach| reach.account);
        // Where it names none, it is at home.
        let accounts: BTreeSet<_> = accounts.chain([None]).collect();
        if resources.clone().count() * actions.len() * accounts.len() > TRIED_MAX {
            return Err(DelegationFault::TooManyNamed);
        }
        for resource in resources {
            let reaches = |(action, account): (&String, &Option<_>)| {
                let ask = Ask {
                    action,
                    resource,
                    account: *account,
                };
                self.right(bound, ask, now_ms).is_ok()
            };
            let mut ways = actions
                .iter()
                .flat_map(|action| accounts.iter().map(move |account| (action, account)));
            let is_held =
                is_resource(resource) && bound.holds_resource(resource) && ways.any(reaches);
            if !is_held {
                return Err(DelegationFault::NotHeld("resources"));
            }
        }
        Ok(())
    }

    /// The actions that are left to the new grant, or one for each pattern that its charter declares.
    fn some_actions(&self, bound: &Bound, delegation: &Delegation) -> BTreeSet<String> {
        let before = bound.body.narrowed.iter().rev();
        let mut before = before.filter_map(|narrow| narrow.actions.as_ref());
        match delegation.actions.as_ref().or_else(|| before.next()) {
            Some(named) => {
                let held = named.iter().filter(|action| bound.holds_action(action));
                held.cloned().collect()
            }
            None => {
                let patterns = self.declared.reaches().flat_map(|reach| &reach.actions);
                // Any letter is one that a wildcard stands for.
                patterns
                    .map(|pattern| pattern.replace(['*', '?'], "x"))
                    .collect()
            }
        }
    }

    fn narrow(
        &self,
        bound: &Bound,
        delegation: &Delegation,
        now_ms: u64,
    ) -> Result<Narrow, DelegationFault> {
        let named = delegation.tools.iter().flatten();
        let named = named.chain(delegation.arguments.keys());
        for tool in named {
            if !(self.by_tool.contains_key(tool) && bound.holds_tool(tool)) {
                return Err(DelegationFault::NotHeld("tools"));
            }
        }
        for action in delegation.actions.iter().flatten() {
            let declared = self.declared.reaches().flat_map(|reach| &reach.actions);
            let is_held = is_action(action) && bound.holds_action(action) && { declared }
                .any(|pattern| matches(pattern, action));
            if !is_held {
                return Err(DelegationFault::NotHeld("actions"));
            }
        }
        self.holds_resources(bound, delegation, now_ms)?;
        let mut arguments = BTreeMap::new();
        for (tool, values) in &delegation.arguments {
            let mut by_name = BTreeMap::new();
            for (name, values) in values {
                let is_scalar = |value: &Value| {
                    !matches!(value, Value::List(_) | Value::Record(_) | Value::Null)
                };
                let is_named = bailiwick_charter::Argument::new(name).is_some();
                if !is_named || !values.iter().all(is_scalar) {
                    return Err(DelegationFault::Argument);
                }
                by_name.insert(name.clone(), values.iter().map(Value::canonical).collect());
            }
            arguments.insert(tool.clone(), by_name);
        }
        Ok(Narrow {
            tools: delegation.tools.clone(),
            actions: delegation.actions.clone(),
            resources: delegation.resources.clone(),
            arguments,
        })
    }

    /// Takes the new grant's budgets out of those of the first.
    fn share(
        &self,
        bound: &Bound,
        child: &Bound,
        parent: &mut History,
        delegation: &Delegation,
        now_ms: u64,
    ) -> Result<Caps, DelegationFault> {
        let percent = u64::from(delegation.share_percent);
        let of = |remaining: u64| {
            // Divided first where the product would be too large.
            remaining
                .checked_mul(percent)
                .map_or(remaining / 100 * percent, |product| product / 100)
        };
        let has = &bound.body.caps;
        let limits = &self.declared.limits;
        let mut caps = Caps::default();
        let counted = [
            (
                least(limits.calls, has.calls),
                delegation.calls,
                &mut parent.calls,
                &mut caps.calls,
                "calls",
            ),
            (
                least(limits.writes, has.writes),
                delegation.writes,
                &mut parent.writes,
                &mut caps.writes,
                "writes",
            ),
        ];
        for (limit, asked, count, cap, name) in counted {
            let Some(limit) = limit else {
                *cap = asked;
                continue;
            };
            let remaining = limit.saturating_sub(*count);
            if asked.is_some_and(|asked| asked > remaining) {
                return Err(DelegationFault::TooMany(name));
            }
            let given = asked.unwrap_or(of(remaining));
            *count = count.saturating_add(given);
            *cap = Some(given);
        }
        caps.per_minute = match least(limits.per_minute, has.per_minute) {
            None => delegation.per_minute,
            Some(limit) => {
                let window = parent.windows.entry(PER_MINUTE).or_default();
                let remaining = limit.saturating_sub(window.count(now_ms, 60_000));
                if delegation.per_minute.is_some_and(|asked| asked > remaining) {
                    return Err(DelegationFault::TooMany("calls a minute"));
                }
                let given = delegation.per_minute.unwrap_or(of(remaining));
                window.reserved = window.reserved.saturating_add(given);
                Some(given)
            }
        };
        for used in &self.uses {
            let limit = least(used.declared.calls, has.uses.get(&used.index).copied());
            if let (Some(limit), true) = (limit, child.holds_tool(used.declared.tool.as_str())) {
                let count = parent.uses.entry(used.index).or_default();
                let given = of(limit.saturating_sub(*count));
                *count = count.saturating_add(given);
                caps.uses.insert(used.index, given);
            }
        }
        for (index, sum) in (0_u16..).zip(&limits.sums) {
            if child.holds_tool(sum.tool.as_str()) {
                let limit = sum_max(sum.at_most, has.sums.get(&index).copied());
                let spent = parent.sums.entry(index).or_default();
                let remaining = limit.saturating_sub(*spent).max(0).unsigned_abs();
                let given = i64::try_from(of(remaining)).unwrap_or(0);
                *spent = spent.saturating_add(given);
                caps.sums.insert(index, given);
            }
        }
        for (index, sequence) in (1_u16..).zip(&self.declared.sequence) {
            let Sequence::AtMost {
                tool,
                at_most,
                within,
            } = sequence
            else {
                continue;
            };
            if child.holds_tool(tool.as_str()) {
                let cap = has.windows.get(&index).copied();
                let limit = u64::from(*at_most).min(cap.unwrap_or(u64::MAX));
                let window = parent.windows.entry(index).or_default();
                let count = window.count(now_ms, span_ms(*within));
                let given = of(limit.saturating_sub(count));
                window.reserved = window.reserved.saturating_add(given);
                caps.windows.insert(index, given);
            }
        }
        Ok(caps)
    }

    /// What the grant beside may do from now on without being seen from here counts as done, where
    /// that denies.
    fn suspect(&self, beside: &Bound, memory: &mut History) {
        for used in &self.uses {
            if !beside.holds_tool(used.declared.tool.as_str()) {
                continue;
            }
            for label in Label::SOURCES {
                if let (true, Some(seen)) = (used.has(label), memory.seen_mut(label)) {
                    *seen = Seen::Everything;
                }
            }
        }
        for sequence in &self.declared.sequence {
            if let Sequence::NeverAfter { never_after, .. } = sequence
                && beside.holds_tool(never_after.as_str())
            {
                memory
                    .maybe_called
                    .extend(self.first_entry(never_after.as_str()));
            }
        }
    }
}

/// Whether an action pattern of a charter (`s3:Get*`) matches an action.
pub(crate) fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let (pattern, action) = (pattern.as_bytes(), action.as_bytes());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = action.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == letter => {
                at += 1;
                read += 1;
            }
            Some(_) | None => match &mut star {
                None => return false,
                // The star takes one letter more.
                Some((behind, taken)) => {
                    *taken += 1;
                    (at, read) = (*behind + 1, *taken);
                }
            },
        }
    }
    pattern.iter().skip(at).all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests;
