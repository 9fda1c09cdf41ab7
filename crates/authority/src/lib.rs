//! Who may do what now.
//!
//! This crate knows the decision: a task of a charter, compiled once; its parameters bound in a
//! grant; one call with typed arguments; what the grant has done before. It answers allow, deny or
//! step up, always with the reason, and signs and verifies the token that stands for a grant. It
//! refuses to know the clock, the network, the disk, chance and where grants are kept: the time is
//! an argument, and what a grant remembers are bytes that somebody else keeps.
//!
//! ```
//! use bailiwick_authority::{Authority, Call, Settings, Standing};
//! use bailiwick_charter::Charter;
//!
//! let charter = Charter::parse("reader.yaml", r#"
//! agent: reader
//! owner: { team: payments, contact: payments@example.com }
//! purpose: Post invoices.
//! environment: prod
//! mode: brokered
//! tasks:
//!   post:
//!     for: 5m
//!     tools: [ { tool: ledger/post, when: "args.amount <= 1000", calls: 1 } ]
//! "#)?;
//! let authority = Authority::of([charter], Settings::default())?;
//! let task = authority.task("reader", "post").ok_or("a task")?;
//! let bound = task.bind([])?;
//!
//! let mut standing = Standing {
//!     agent: "reader".into(),
//!     task: "post".into(),
//!     charter: task.charter().to_owned(),
//!     body: bound.to_bytes(),
//!     history: Vec::new(),
//! };
//! let call = Call::tool("ledger/post", br#"{"amount": 900}"#)?;
//! let judgement = authority.judge(&standing, &call, 0);
//! standing.history = judgement.history().ok_or("allowed")?.to_bytes();
//! assert_eq!(authority.judge(&standing, &call, 1).code(), "budget_tool_calls");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(clippy::disallowed_methods)]
#![warn(clippy::wildcard_enum_match_arm)]

pub mod argument;
mod authority;
mod aws;
mod bound;
mod call;
mod condition;
pub mod decimal;
mod delegate;
mod fault;
mod flow;
mod history;
pub mod json;
mod judge;
pub mod policies;
mod reason;
pub mod replay;
mod session;
mod spend;
mod task;
pub mod token;

pub use cedar_policy;

pub use argument::{SchemaFault, ToolSchema, Tools};
pub use authority::{Authority, Settings, Standing};
pub use bailiwick_iam::arn::AccountId;
pub use bound::{Bound, BoundError};
pub use call::{Call, CallError, Target};
pub use delegate::{DELEGATIONS_MAX, Delegated, Delegation, DelegationFault};
pub use fault::{Fault, Faults};
pub use history::{HISTORY_LENGTH_MAX, History, HistoryError};
pub use judge::{Answer, Judgement, Learned, Obligation};
pub use reason::Reason;
pub use session::NoSession;
pub use task::Task;
