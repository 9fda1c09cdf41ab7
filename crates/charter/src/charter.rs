//! The charter and all that stands in it.

use std::collections::BTreeMap;
use std::fmt;

use bailiwick_iam::arn::{AccountId, Arn};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::identity::DeclaredIdentity;
use crate::name::{
    AgentName, ClassName, DataClass, Environment, ParameterName, SchemaPin, TaskName, ToolName,
};
use crate::place::{CharterError, Places};
use crate::span::Lasts;
use crate::template::ResourceTemplate;

/// What one agent is for, as its owner says it.
///
/// Serialised it is the canonical form: fields in this order, nothing that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Charter {
    pub agent: AgentName,
    pub owner: Owner,
    pub purpose: String,
    pub environment: Environment,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataClass>,
    /// What the platform calls the agent. A `*` at the end stands for an id that AWS has not given
    /// yet: the agent is about to be made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs_as: Vec<Arn>,
    /// The role that a proof of identity must show, where it is not found in an estate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<DeclaredRole>,
    /// Other identities that prove the agent, where it runs outside of AWS or beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identity: Vec<DeclaredIdentity>,
    pub mode: Mode,
    /// The models and inference profiles the agent thinks with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Arn>,
    /// Who may start the agent. `None` where the charter says nothing about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invokers: Option<Vec<Arn>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<ClassName>,
    pub tasks: BTreeMap<TaskName, Task>,
    #[serde(skip)]
    pub places: Places,
}

/// Who answers for an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owner {
    pub team: String,
    /// Where a person is reached: an address, a URL, a channel.
    pub contact: String,
}

/// A role by name, and by the id that no other role will ever have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeclaredRole {
    pub arn: Arn,
    /// `AROA…`. A role made again under the same name has another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Who holds the rights of the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The platform's role holds none of them; each grant mints its own credentials.
    Brokered,
    /// The platform's role holds all of them, always: the platform assumes it and asks nobody.
    Standing,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Brokered => "brokered",
            Self::Standing => "standing",
        })
    }
}

/// How often somebody looks at the charter again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Review {
    pub every: Lasts,
}

/// One named job: how long it takes, what it reads, writes and calls, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Task {
    /// `for:` in the file.
    #[serde(rename = "for")]
    pub lasts: Lasts,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<ParameterName, Parameter>,
    /// Whether the ledger may hold their values, and not their hash alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub record_parameters: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<Reach>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<Reach>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolUse>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sequence: Vec<Sequence>,
    pub limits: Limits,
}

/// The values a parameter may have: those that a regular expression matches from end to end, in
/// time linear in their length.
#[derive(Clone)]
pub struct Parameter {
    written: String,
    whole: regex::Regex,
}

/// The longest value a parameter takes: with its neighbours it must fit into a session policy.
pub const VALUE_LENGTH_MAX: usize = 256;

impl Parameter {
    /// # Errors
    ///
    /// When the expression is none, or would need more than a charter is worth to compile.
    pub fn new(written: &str) -> Result<Self, regex::Error> {
        // Parsed alone first: `a)|(b` is an expression only between our own parentheses.
        regex::RegexBuilder::new(written)
            .size_limit(COMPILED_SIZE_MAX)
            .build()?;
        let whole = regex::RegexBuilder::new(&format!(r"\A(?:{written})\z"))
            .size_limit(COMPILED_SIZE_MAX)
            .build()?;
        Ok(Self {
            written: written.to_owned(),
            whole,
        })
    }

    /// The expression as the charter writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether all of `value` is matched.
    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        value.len() <= VALUE_LENGTH_MAX && self.whole.is_match(value)
    }
}

/// The memory a compiled expression may take, in bytes: `[a-z]{3,32}` takes a few thousand, `\w{3,32}`
/// with all of Unicode's letters a million.
const COMPILED_SIZE_MAX: usize = 2 * 1024 * 1024;

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameter({})", self.written)
    }
}

impl PartialEq for Parameter {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Parameter {}

impl Serialize for Parameter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

/// Actions on resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reach {
    /// `service:Name`; with `*` or `?` it is a pattern.
    pub actions: Vec<String>,
    pub resources: Vec<ResourceTemplate>,
    /// The account of resources whose ARN names none, such as a bucket of another account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
}

/// One way in which a task may call a tool. A tool that stands twice may be called in either way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ToolUse {
    pub tool: ToolName,
    /// A Cedar expression over `args`; without it, any arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// How often in one grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u32>,
    /// Who must agree before each call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approve: Option<Approver>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// What may flow into its arguments though it has an outward effect: values from sources of
    /// these labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accepts: Vec<Label>,
    /// Whether the ledger may hold the arguments themselves, and not their hash alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub record_arguments: bool,
    /// The schema the tool had when its owner looked: another one is a denial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaPin>,
}

/// Who may approve a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Approver {
    /// `human`: anybody who is an approver.
    Human,
    /// `team/payments`: an approver of that team.
    Team(String),
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Human => f.write_str("human"),
            Self::Team(team) => write!(f, "team/{team}"),
        }
    }
}

impl Serialize for Approver {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What a call to a tool brings in, sees, or sends out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// Its answer may carry somebody else's instructions: a web page, a ticket, a mail.
    UntrustedSource,
    /// Its answer holds what not everybody may see.
    PrivateData,
    /// It changes or sends something outside the task: a payment, a mail, a post.
    OutwardEffect,
}

impl Label {
    pub const ALL: [Self; 3] = [
        Self::UntrustedSource,
        Self::PrivateData,
        Self::OutwardEffect,
    ];

    /// Those that values carry along.
    pub const SOURCES: [Self; 2] = [Self::UntrustedSource, Self::PrivateData];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UntrustedSource => "untrusted-source",
            Self::PrivateData => "private-data",
            Self::OutwardEffect => "outward-effect",
        }
    }
}

/// What must, or must not, have been called earlier in the same grant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case", untagged)]
pub enum Sequence {
    /// `tool` only once `after` has been called. `{ tool: A, before: B }` says the same of B.
    After { tool: ToolName, after: ToolName },
    /// `tool` no more once `never_after` has been called.
    #[serde(rename_all = "kebab-case")]
    NeverAfter {
        tool: ToolName,
        never_after: ToolName,
    },
    /// `tool` at most so many times within any such span.
    #[serde(rename_all = "kebab-case")]
    AtMost {
        tool: ToolName,
        at_most: u32,
        within: Lasts,
    },
}

impl Sequence {
    /// The tool that the condition holds back.
    #[must_use]
    pub fn tool(&self) -> &ToolName {
        match self {
            Self::After { tool, .. }
            | Self::NeverAfter { tool, .. }
            | Self::AtMost { tool, .. } => tool,
        }
    }
}

/// How much of everything one grant has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sums: Vec<SumLimit>,
}

/// The most that one argument of a tool may add up to over a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SumLimit {
    pub tool: ToolName,
    pub argument: Argument,
    pub at_most: u64,
}

/// One argument of a tool: `args.amount`, `args.order.total`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Argument(Vec<String>);

impl Argument {
    /// `None` unless the text is `args.` and names joined by dots.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let named = |part: &&str| {
            !part.is_empty()
                && part.len() <= 64
                && !part.starts_with(|first: char| first.is_ascii_digit())
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let path: Vec<&str> = text.strip_prefix("args.")?.split('.').collect();
        let whole = path.len() <= 8 && path.iter().all(named);
        whole.then(|| Self(path.into_iter().map(str::to_owned).collect()))
    }

    /// The names after `args`, outermost first.
    #[must_use]
    pub fn path(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "args.{}", self.0.join("."))
    }
}

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Charter {
    /// A charter read from the text of one file, named `file` in errors.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text, each with its line, column and mend.
    pub fn parse(file: &str, text: &str) -> Result<Self, CharterError> {
        crate::read::charter(file, text)
    }

    /// What the charter says, in one spelling: comments, layout and the order of keys are gone. It
    /// is JSON, and parses as the same charter.
    #[must_use]
    pub fn canonical(&self) -> String {
        // Strings, numbers and maps with string keys always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// SHA-256 of the canonical form. A grant is pinned to it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash(Sha256::digest(self.canonical()).into())
    }

    /// The account in which the agent lives, where the charter says so.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        let role = self.role.as_ref().map(|role| &role.arn);
        role.into_iter()
            .chain(&self.runs_as)
            .find_map(Arn::account_id)
    }
}

/// The hash of a charter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; 32]);

impl Hash {
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash that was stored.
    #[must_use]
    pub fn of_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
