//! What an AWS policy means.
//!
//! This crate knows the policy language, the seven kinds of policy and how AWS combines them. It
//! refuses to know where policies come from, what exists in an account, what the time is: those
//! are arguments.
//!
//! ```
//! use bailiwick_iam::policy::{Effect, Policy};
//!
//! let policy = Policy::parse(
//!     r#"{"Version":"2012-10-17","Statement":[
//!         {"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/*"}]}"#,
//! )?;
//! let statement = &policy.statements[0];
//! assert_eq!(statement.effect, Effect::Allow);
//! assert_eq!(statement.sid.as_deref(), Some("Read"));
//! # Ok::<(), bailiwick_iam::policy::ParsePolicyError>(())
//! ```
#![warn(clippy::disallowed_methods, clippy::wildcard_enum_match_arm)]

pub mod access;
pub mod arn;
pub mod case;
pub mod evaluate;
pub mod explain;
pub mod json;
pub mod layers;
pub mod policy;
pub mod request;
pub mod synthesis;
pub mod vocabulary;
