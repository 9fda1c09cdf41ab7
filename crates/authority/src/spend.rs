//! What a call takes from the budgets of its grant, and whether it may come now.

use bailiwick_charter::{Lasts, Sequence};

use crate::argument::amount;
use crate::bound::Bound;
use crate::history::{History, Window};
use crate::json::Value;
use crate::reason::{Budget, Reason};
use crate::task::{Task, Use};

/// What a call takes beside one of each count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spends<'t> {
    /// The entry of `tools` it is made under; none for a call to AWS.
    pub(crate) used: Option<&'t Use>,
    pub(crate) is_write: bool,
}

const MINUTE_MS: u64 = 60_000;

impl Task {
    /// What the grant remembers after the call, if it has enough left for it. Without arguments the
    /// sums are passed over: for what is decided again, whatever those were.
    pub(crate) fn spend(
        &self,
        spends: Spends<'_>,
        bound: &Bound,
        history: &History,
        args: Option<&Value>,
        now_ms: u64,
    ) -> Result<History, Reason> {
        let limits = &self.declared.limits;
        let caps = &bound.body.caps;
        let mut history = history.clone();
        take(
            &mut history.calls,
            least(limits.calls, caps.calls),
            Budget::Calls,
        )?;
        if spends.is_write {
            take(
                &mut history.writes,
                least(limits.writes, caps.writes),
                Budget::Writes,
            )?;
        }
        if let Some(most) = least(limits.per_minute, caps.per_minute) {
            let window = history.windows.entry(PER_MINUTE).or_default();
            if !window.take(now_ms, MINUTE_MS, most) {
                let of = Budget::PerMinute;
                return Err(Reason::Budget { of, most });
            }
        }
        if let Some(used) = spends.used {
            let most = least(used.declared.calls, caps.uses.get(&used.index).copied());
            take(
                history.uses.entry(used.index).or_default(),
                most,
                Budget::ToolCalls,
            )?;
            self.in_order(used, bound, &mut history, now_ms)?;
            if let Some(args) = args {
                self.add_up(used, bound, &mut history, args)?;
            }
            history.called.insert(used.first);
        }
        Ok(history)
    }

    /// Whether the tool may be called after what was called.
    fn in_order(
        &self,
        used: &Use,
        bound: &Bound,
        history: &mut History,
        now_ms: u64,
    ) -> Result<(), Reason> {
        for (index, sequence) in (1_u16..).zip(&self.declared.sequence) {
            if *sequence.tool() != used.declared.tool {
                continue;
            }
            match sequence {
                Sequence::After { after, .. } => {
                    if !self.was_called(history, after.as_str()) {
                        let after = after.to_string();
                        return Err(Reason::TooEarly { after });
                    }
                }
                Sequence::NeverAfter { never_after, .. } => {
                    let first = self.first_entry(never_after.as_str());
                    let maybe = first.is_some_and(|first| history.maybe_called.contains(&first));
                    if maybe || self.was_called(history, never_after.as_str()) {
                        let after = never_after.to_string();
                        return Err(Reason::TooLate { after });
                    }
                }
                Sequence::AtMost {
                    at_most, within, ..
                } => {
                    let cap = bound.body.caps.windows.get(&index).copied();
                    let most = u64::from(*at_most).min(cap.unwrap_or(u64::MAX));
                    let window = history.windows.entry(index).or_default();
                    if !window.take(now_ms, span_ms(*within), most) {
                        let within_seconds = u64::from(within.seconds());
                        return Err(Reason::TooOften {
                            most,
                            within_seconds,
                        });
                    }
                }
            }
        }
        Ok(())
    }

    fn was_called(&self, history: &History, tool: &str) -> bool {
        let first = self.first_entry(tool);
        first.is_some_and(|first| history.called.contains(&first))
    }

    /// The first entry of `tools` that names a tool: what a history knows it by.
    pub(crate) fn first_entry(&self, tool: &str) -> Option<u16> {
        self.by_tool.get(tool)?.first().copied()
    }

    /// Adds the call's amounts to what was spent before.
    fn add_up(
        &self,
        used: &Use,
        bound: &Bound,
        history: &mut History,
        args: &Value,
    ) -> Result<(), Reason> {
        for (index, sum) in (0_u16..).zip(&self.declared.limits.sums) {
            if sum.tool != used.declared.tool {
                continue;
            }
            let argument = sum.argument.to_string();
            let mut value = Some(args);
            for name in sum.argument.path() {
                value = value.and_then(|value| value.get(name));
            }
            let Some(value) = value.filter(|value| !matches!(value, Value::Null)) else {
                return Err(Reason::Absent { argument });
            };
            let Some(amount) = amount(value) else {
                let expected = "a number with at most four digits behind its point";
                return Err(Reason::Mistyped { argument, expected });
            };
            let amount = amount.ten_thousandths();
            if amount < 0 {
                return Err(Reason::NegativeAmount { argument });
            }
            let most = sum_max(sum.at_most, bound.body.caps.sums.get(&index).copied());
            let spent = history.sums.entry(index).or_default();
            let of = Budget::Sum;
            let after = spent.checked_add(amount).filter(|after| *after <= most);
            let most = sum.at_most;
            *spent = after.ok_or(Reason::Budget { of, most })?;
        }
        Ok(())
    }
}

/// The window of `per-minute`; those of `sequence` follow.
pub(crate) const PER_MINUTE: u16 = 0;

pub(crate) fn span_ms(within: Lasts) -> u64 {
    u64::from(within.seconds()) * 1_000
}

/// The most that a sum may come to, in ten-thousandths.
pub(crate) fn sum_max(at_most: u64, cap: Option<i64>) -> i64 {
    // A limit beyond what can be added is none.
    let declared = i64::try_from(at_most).unwrap_or(i64::MAX);
    let declared = declared.saturating_mul(10_000);
    declared.min(cap.unwrap_or(i64::MAX))
}

/// What a charter allows and a delegation left of it.
pub(crate) fn least(declared: Option<u32>, cap: Option<u64>) -> Option<u64> {
    let declared = declared.map(u64::from);
    declared.into_iter().chain(cap).min()
}

fn take(count: &mut u64, most: Option<u64>, of: Budget) -> Result<(), Reason> {
    if let Some(most) = most
        && *count >= most
    {
        return Err(Reason::Budget { of, most });
    }
    *count = count.saturating_add(1);
    Ok(())
}

impl Window {
    /// Counts one more, if the span has room for it.
    fn take(&mut self, now_ms: u64, span_ms: u64, most: u64) -> bool {
        let has_room = self.count(now_ms, span_ms) < most;
        if has_room {
            self.add(now_ms, span_ms);
        }
        has_room
    }
}
