//! What a grant gets of AWS, and how it is taken away.
//!
//! This crate knows the two halves of a credential's life. [`Sessions`] makes a session of the task
//! role for a grant, once its intent is on record, and keeps it in memory for whoever asks again.
//! [`Revoker`] reads what the broker posted of grants that ended, and has IAM deny their sessions
//! until they have expired. It refuses to know what a task may do (the authority writes the session
//! policy), how AWS is spoken to (the `aws` crate's) and what HTTP is (the gateway's).
//!
//! Secrets are in memory alone: they are neither stored, logged nor printed, and are wiped when the
//! last holder drops them.

mod canary;
mod keys;
mod lead;
mod plan;
mod revoker;
mod sessions;
mod signals;
mod standing;

pub use canary::{Canaries, Canary, Layer, Like, Verified};
pub use keys::{Keys, NoKey};
pub use revoker::{Replaced, Revoker};
pub use sessions::{NoCredentials, Sessions, Wanted};
pub use signals::{End, Receiver, ReceiverError, Sign, Signals};
pub use standing::Standing;
