//! What an agent is for.
//!
//! This crate knows the charter: the file in which an owner says who an agent is, what its tasks
//! read, write and call, and for how long. It parses and checks charters, binds a task's parameters
//! and compiles both to IAM policies and to Cedar. It refuses to know what exists in an account,
//! which agent runs now and what the time is: those are arguments.
//!
//! ```
//! use bailiwick_charter::Charter;
//!
//! let charter = Charter::parse("reader.yaml", r#"
//! agent: reader
//! owner: { team: payments, contact: payments@example.com }
//! purpose: Read invoices.
//! environment: prod
//! mode: brokered
//! tasks:
//!   read-one:
//!     for: 5m
//!     parameters: { invoice: "[0-9]{8}" }
//!     read:
//!       - { actions: [s3:GetObject], resources: ["arn:aws:s3:::invoices/${invoice}.pdf"] }
//! "#)?;
//! let (name, task) = charter.tasks.first_key_value().ok_or("a task")?;
//! assert_eq!((name.as_str(), task.lasts.seconds()), ("read-one", 300));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(clippy::disallowed_methods)]

mod bind;
mod charter;
pub mod check;
pub mod compile;
mod fields;
mod folder;
mod identity;
mod name;
mod place;
mod print;
mod read;
mod schema;
mod span;
mod template;
mod yaml;

pub use bind::{BindError, Bindings, is_hidden, readable};
pub use charter::{
    Approver, Argument, Charter, DeclaredRole, Hash, Label, Limits, Mode, Owner, Parameter, Reach,
    Review, Sequence, SumLimit, Task, ToolUse, VALUE_LENGTH_MAX,
};
pub use folder::{Charters, Contradiction, FolderError};
pub use identity::{DeclaredIdentity, SpiffeId, SpiffeIdError};
pub use name::{
    AgentName, ClassName, DataClass, Environment, NameError, ParameterName, SchemaPin, TaskName,
    ToolName,
};
pub use place::{CharterError, Place, Places, Problem};
pub use print::Notes;
pub use schema::json_schema;
pub use span::{Lasts, SpanError};
pub use template::{Part, ResourceTemplate, TEMPLATE_LENGTH_MAX, TemplateError};
