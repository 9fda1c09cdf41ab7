//! Who an agent is.
//!
//! This crate knows proofs of identity: how each is read strictly, who is asked about it, what it
//! yields ([`Proved`]), and which charter that stands for ([`bind()`]). It refuses to know what the agent may do
//! then (the authority's), and it keeps nothing: what must be seen for the first time is handed to
//! whoever opens the grant, who pays it in the same transaction ([`Once`]). It also knows who looks
//! after the authority ([`People`]), and not what they may do.
//!
//! A proof that two charters could claim proves neither:
//!
//! ```
//! use bailiwick_charter::Charter;
//! use bailiwick_identity::{Binding, Method, Proved, ProvedRole, Subject, Unbound, bind};
//! use bailiwick_ledger::Hash;
//!
//! let charter = |agent: &str| Charter::parse("c.yaml", &format!(r#"
//! agent: {agent}
//! owner: {{ team: payments, contact: payments@example.com }}
//! purpose: Post invoices.
//! environment: prod
//! mode: brokered
//! role: {{ arn: "arn:aws:iam::111122223333:role/agents/poster", id: AROAEXAMPLEPOSTER }}
//! tasks: {{ post: {{ for: 5m, tools: [ {{ tool: ledger/post }} ] }} }}
//! "#));
//! let proved = Proved {
//!     method: Method::AwsSignature,
//!     subject: Subject::Role(ProvedRole {
//!         partition: "aws".into(),
//!         account: "111122223333".into(),
//!         path: None,
//!         name: "poster".into(),
//!         unique_id: Some("AROAEXAMPLEPOSTER".into()),
//!         by_name: false,
//!     }),
//!     instance: None,
//!     binding: Binding::Request,
//!     expires_ms: 0,
//!     id: Hash::ZERO,
//!     once: None,
//! };
//! let (one, other) = (charter("poster")?, charter("reader")?);
//! assert_eq!(bind([&one], &proved, "poster")?.agent, one.agent);
//! assert!(matches!(bind([&one, &other], &proved, "poster"), Err(Unbound::Shared { charters: 2 })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod aws;
mod bind;
pub mod fetch;
pub mod issuer;
pub mod jwks;
mod jwt;
pub mod kubernetes;
mod people;
mod proof;
mod proofs;
mod published;
pub mod settings;
pub mod spiffe;
pub mod tls;
pub mod x509;

pub use bind::{Unbound, bind};
pub use jwt::JwtFault;
pub use people::{Group, People, Person, Rule};
pub use proof::{Binding, Method, Once, Proved, ProvedRole, Subject, Unproved, Verdict};
pub use proofs::{Proofs, SIGNATURE_SCHEME, Shown, TOKEN_SCHEME};
pub use published::{ASK_EVERY_MS, FRESH_MS, STALE_MS_MAX, Source};
