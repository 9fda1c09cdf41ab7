//! What exists.
//!
//! This crate knows a snapshot of an AWS estate: its organisation, accounts, principals, policies,
//! agents, tools and resources, each with the place it was read from. It refuses to know whether any
//! of it is wrong, and it opens no file, calls no service and asks no clock.
//!
//! ```
//! use bailiwick_estate::{Estate, File};
//!
//! let iam = br#"{"RoleDetailList": [{
//!     "Path": "/", "RoleName": "reader", "RoleId": "AROAEXAMPLEREADER",
//!     "Arn": "arn:aws:iam::111122223333:role/reader",
//!     "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
//!         {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
//!     "RolePolicyList": [], "AttachedManagedPolicies": [], "InstanceProfileList": []}],
//!     "UserDetailList": [], "GroupDetailList": [], "Policies": []}"#;
//! let estate = Estate::load(vec![File::of_bytes("iam.json", "", iam)])?;
//! # Ok::<(), bailiwick_estate::LoadError>(())
//! ```
#![warn(clippy::disallowed_methods)]

mod estate;
mod layers;

pub mod agent;
pub mod arena;
pub mod document;
pub mod load;
pub mod organization;
pub mod principal;
pub mod resource;
pub mod source;
pub mod usage;

pub use agent::{Agent, AgentKind, AgentRole, Tool, ToolKind};
pub use arena::{Arena, Id};
pub use document::{Content, PolicyDocument};
pub use estate::{Estate, Named};
pub use load::{File, LoadError};
pub use organization::{Level, Levels, Organization};
pub use principal::{Account, Group, PrincipalId, Role, Tags, User};
pub use resource::{Resource, ResourcePolicy};
pub use source::{Incomplete, MORE_PRINCIPALS, Place, Source};
