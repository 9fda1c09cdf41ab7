//! What is to be made, as text that people review and machines deploy.
//!
//! A [`Stack`] is all that is made in one account, or in the organisation. The printers of templates
//! know nothing else: whatever makes roles and ceilings can be printed, and a printer is tested with
//! a stack of three lines. [`charter`] and [`plan`] turn charters and plans into stacks.
//!
//! ```
//! use bailiwick_iam::policy::Policy;
//! use bailiwick_review::print::{Home, Item, Language, ManagedPolicy, Stack, files};
//!
//! let document = Policy::parse(
//!     r#"{"Version":"2012-10-17","Statement":[
//!         {"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/*"}]}"#,
//! )?;
//! let stack = Stack {
//!     home: Home::Account("111122223333".parse()?),
//!     title: "What may read the ledger.".to_owned(),
//!     items: vec![Item::Policy(ManagedPolicy {
//!         path: "/agents/prod/".to_owned(),
//!         name: "reader".to_owned(),
//!         description: String::new(),
//!         document,
//!         exists: false,
//!     })],
//! };
//! let files = files(&[stack], Language::Cloudformation);
//! assert!(files.contains_key("cloudformation/111122223333.yaml"));
//! assert!(files.contains_key("policies/111122223333/reader.json"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod charter;
mod cloudformation;
mod command;
mod documents;
mod hcl;
mod markdown;
mod name;
pub mod plan;
mod terraform;
mod tree;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bailiwick_iam::{
    arn::{AccountId, Arn},
    policy::Policy,
};

use crate::plan::CeilingKind;

/// In which language stacks are written, beside the documents themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Cloudformation,
    Terraform,
    /// The documents alone, one a file.
    Json,
}

/// Everything that is made in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    pub home: Home,
    /// One sentence: what it is for.
    pub title: String,
    /// In the order of making: an item refers to none after it.
    pub items: Vec<Item>,
}

/// Where a stack is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Home {
    Account(AccountId),
    /// The management account, or the one that policies are delegated to.
    Organization,
}

/// Something that AWS is asked to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Policy(ManagedPolicy),
    Role(Role),
    RolePolicy(RolePolicy),
    Ceiling(Ceiling),
    ResourcePolicy(ResourcePolicy),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedPolicy {
    /// Begins and ends with a slash.
    pub path: String,
    pub name: String,
    pub description: String,
    pub document: Policy,
    /// It is there already, and is taken over as it shall be.
    pub exists: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Begins and ends with a slash.
    pub path: String,
    pub name: String,
    pub description: String,
    pub max_session_seconds: u32,
    pub tags: BTreeMap<String, String>,
    pub trust: Policy,
    /// The trust names its workload by a pattern for now. The template asks for the exact ARN, so
    /// that the second deployment narrows it.
    pub is_provisional: bool,
    pub boundary: Option<String>,
    /// Names and documents.
    pub inline: Vec<(String, Policy)>,
    /// Managed policies, by ARN.
    pub attached: Vec<String>,
    /// It is there already, and is taken over as it shall be.
    pub exists: bool,
}

/// An inline policy of a role that the stack does not make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolePolicy {
    /// The name of the role.
    pub role: String,
    pub name: String,
    pub document: Policy,
}

/// An SCP or RCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    pub kind: CeilingKind,
    pub name: String,
    pub description: String,
    pub document: Policy,
    /// Root, units and accounts, by id.
    pub targets: Vec<String>,
}

/// The whole policy of a resource that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePolicy {
    /// The resource that carries it.
    pub resource: Arn,
    pub document: Policy,
}

/// The stacks in a language, and their documents one a file: path and text, by path.
#[must_use]
pub fn files(stacks: &[Stack], language: Language) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for stack in stacks {
        documents::write(stack, &mut files);
        match language {
            Language::Cloudformation => cloudformation::write(stack, &mut files),
            Language::Terraform => terraform::write(stack, &mut files),
            Language::Json => {}
        }
    }
    files
}

impl Home {
    /// The name of its files.
    fn stem(self) -> String {
        match self {
            Self::Account(account) => account.to_string(),
            Self::Organization => "organization".to_owned(),
        }
    }
}

impl ManagedPolicy {
    fn arn(&self, home: Home) -> Option<String> {
        match home {
            Home::Account(account) => Some(format!(
                "arn:aws:iam::{account}:policy{}{}",
                self.path, self.name
            )),
            Home::Organization => None,
        }
    }
}

impl Role {
    fn arn(&self, home: Home) -> Option<String> {
        match home {
            Home::Account(account) => Some(format!(
                "arn:aws:iam::{account}:role{}{}",
                self.path, self.name
            )),
            Home::Organization => None,
        }
    }

    /// The pattern that stands in for the workload's ARN, if one does.
    fn pattern(&self) -> Option<&str> {
        let mut conditions = self
            .trust
            .statements
            .iter()
            .flat_map(|it| &it.conditions)
            .filter(|it| it.key.value.eq_ignore_ascii_case("aws:SourceArn"));
        let value = conditions.next()?.values.first()?;
        self.is_provisional.then_some(value.value.as_str())
    }
}
