//! The only crate that speaks to agents.
//!
//! This crate knows HTTP: how a request is read strictly, who asks, what each route takes and gives
//! (one table, [`ROUTES`]), and how an answer or a problem is told. It refuses to know what a charter
//! allows (the authority's), in which order things become durable (the broker's) and where files
//! lie (the daemon's).
//!
//! ```
//! use bailiwick_gateway::{Admits, ROUTES, Verb, openapi};
//!
//! // Who proves nothing changes nothing: whatever is open to everybody is asked with GET.
//! let open = ROUTES.iter().filter(|route| route.admits == Admits::Anyone);
//! assert!(open.clone().count() > 0);
//! assert!(open.clone().all(|route| route.verb == Verb::Get));
//! // The published description is written from the same table.
//! assert!(openapi::document()["paths"]["/access/v1/evaluation"]["post"].is_object());
//! ```

mod authzen;
mod believed;
mod caller;
mod credentials;
mod delegation;
mod door;
mod front;
mod gateway;
mod grants;
mod kill;
mod ledger;
pub mod metrics;
pub mod openapi;
pub mod operator;
mod problem;
mod proof;
mod route;
mod rules;
mod serve;
mod shape;
mod shapes;
mod token;
mod traces;
mod verify;

pub use caller::OPERATOR_TOKEN;
pub use door::{Door, HostError};
pub use front::router;
pub use gateway::{Aws, Gateway, Keys, Settings, World};
pub use problem::{Kind, Problem};
pub use route::{Admits, Gives, Operation, Parameter, ROUTES, Route, Takes, Verb};
pub use rules::{ChangeReport, Rules};
pub use serve::{Draining, Listening, serve};
pub use shape::{Field, Holds, Shape};
pub use traces::TRACES;
