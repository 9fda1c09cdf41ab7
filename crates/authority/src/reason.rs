//! Why a call may not happen.

use std::fmt;

/// Why a call may not happen, or not yet.
///
/// It says what the caller needs in order to do better, and names nothing that the caller did not
/// name or its own task does not declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// No such agent or task, or the charter is not the one that the grant is pinned to.
    CharterChanged,
    /// What the grant is or remembers cannot be read.
    GrantUnreadable,
    /// The task declares no such tool, action or resource: it may not exist at all.
    NotDeclared,
    /// It declares it, and the grant was delegated without it.
    NotDelegated,
    /// The tool is not what its owner looked at.
    SchemaChanged,
    /// The charter pins the tool's schema, and nobody says what it is now.
    SchemaUnknown,
    Absent {
        argument: String,
    },
    Mistyped {
        argument: String,
        expected: &'static str,
    },
    /// The argument reads well and could mean something else to whoever acts on it.
    Unsafe {
        argument: String,
        what: &'static str,
    },
    /// Nobody says whose the resource is.
    AccountUnknown,
    /// The session policy of the grant is longer than AWS takes: no credential can be made of it.
    SessionTooLong,
    /// The resource or the action is not one, exactly and literally.
    NotLiteral {
        what: &'static str,
    },
    /// The condition in the charter is not met.
    Condition,
    /// The condition could not be evaluated: an amount is too large to be added.
    ConditionFailed {
        error: String,
    },
    /// `calls`, `writes`, `per-minute` of the task, `calls` of the tool, or a sum.
    Budget {
        of: Budget,
        most: u64,
    },
    /// A negative amount would give a sum back what it has used.
    NegativeAmount {
        argument: String,
    },
    /// Another tool must have been called first.
    TooEarly {
        after: String,
    },
    /// Another tool has been called, after which this one may not be.
    TooLate {
        after: String,
    },
    /// More often than the sequence allows within its span.
    TooOften {
        most: u64,
        within_seconds: u64,
    },
    /// The argument's value came from a source of that label.
    Flow {
        argument: String,
        label: &'static str,
    },
    /// Somebody must agree first.
    Approval,
}

/// Which budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    Calls,
    Writes,
    PerMinute,
    ToolCalls,
    Sum,
}

impl Reason {
    /// The stable code of the reason.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CharterChanged => "charter_changed",
            Self::GrantUnreadable => "grant_unreadable",
            Self::NotDeclared => "not_declared",
            Self::NotDelegated => "not_delegated",
            Self::SchemaChanged => "tool_changed",
            Self::SchemaUnknown => "tool_schema_unknown",
            Self::Absent { .. } => "argument_absent",
            Self::Mistyped { .. } => "argument_mistyped",
            Self::Unsafe { .. } => "argument_unsafe",
            Self::AccountUnknown => "account_unknown",
            Self::SessionTooLong => "session_too_long",
            Self::NotLiteral { .. } => "not_literal",
            Self::Condition => "condition_not_met",
            Self::ConditionFailed { .. } => "condition_failed",
            Self::Budget { of, .. } => match of {
                Budget::Calls => "budget_calls",
                Budget::Writes => "budget_writes",
                Budget::PerMinute => "budget_per_minute",
                Budget::ToolCalls => "budget_tool_calls",
                Budget::Sum => "budget_sum",
            },
            Self::NegativeAmount { .. } => "amount_negative",
            Self::TooEarly { .. } => "sequence_too_early",
            Self::TooLate { .. } => "sequence_too_late",
            Self::TooOften { .. } => "sequence_too_often",
            Self::Flow { .. } => "flow",
            Self::Approval => "approval_required",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CharterChanged => f.write_str(
                "the charter is not the one this grant was made from: ask for a new grant",
            ),
            Self::GrantUnreadable => f.write_str("the grant cannot be read"),
            Self::NotDeclared => f.write_str("the task does not declare this"),
            Self::NotDelegated => f.write_str("this was not delegated to the grant"),
            Self::SchemaChanged => f.write_str("the tool has changed since its owner looked at it"),
            Self::SchemaUnknown => {
                f.write_str("the charter pins the tool's schema, and what it is now is not known")
            }
            Self::Absent { argument } => write!(f, "`{argument}` is absent"),
            Self::Mistyped { argument, expected } => {
                write!(f, "`{argument}` must be {expected}")
            }
            Self::Unsafe { argument, what } => write!(f, "`{argument}` has {what}"),
            Self::AccountUnknown => {
                f.write_str("neither the resource nor the charter says in which account it is")
            }
            Self::SessionTooLong => {
                f.write_str("the task is longer than a session policy may be: split it")
            }
            Self::NotLiteral { what } => {
                write!(
                    f,
                    "the {what} must be written out, without wildcards or escapes"
                )
            }
            Self::Condition => f.write_str("the charter's condition on the arguments is not met"),
            Self::ConditionFailed { .. } => {
                f.write_str("the charter's condition cannot be evaluated with these arguments")
            }
            Self::Budget { of, most } => match of {
                Budget::Calls => write!(f, "the task has {most} calls, and they are used"),
                Budget::Writes => write!(f, "the task has {most} writes, and they are used"),
                Budget::PerMinute => write!(f, "the task has {most} calls a minute"),
                Budget::ToolCalls => {
                    write!(f, "the tool may be called {most} times, and was")
                }
                Budget::Sum => write!(f, "the amounts would add up to more than {most}"),
            },
            Self::NegativeAmount { argument } => {
                write!(f, "`{argument}` is negative, and its sum is limited")
            }
            Self::TooEarly { after } => write!(f, "`{after}` must be called first"),
            Self::TooLate { after } => write!(f, "not after `{after}` has been called"),
            Self::TooOften {
                most,
                within_seconds,
            } => write!(f, "at most {most} times in {within_seconds} seconds"),
            Self::Flow { argument, label } => write!(
                f,
                "`{argument}` carries a value that came from a source labelled {label}, and the tool does not accept it"
            ),
            Self::Approval => f.write_str("somebody must agree first"),
        }
    }
}
