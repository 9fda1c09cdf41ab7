//! What AWS offers to allow: every service, action, resource type and condition key, as dated data.
//!
//! The catalog knows names and shapes: the access level of an action, the resource types it works
//! on and their ARN formats, the condition keys it carries, and how many values a key may hold. It
//! refuses to know what a policy means (`bailiwick-iam` does) and what an account contains
//! (`bailiwick-estate` does).
//!
//! The data is one text file, made by `cargo xtask codegen`, committed beside this code and read in
//! place: nothing is copied or decompressed, and a lookup is a binary search. AWS adds actions every
//! week, so a name that is missing here is [`Unknown`], never "no": whoever asks must decide.
//!
//! ```
//! use bailiwick_iam_catalog::{AccessLevel, Unknown, builtin};
//!
//! let get = builtin().action("S3:getobject")?;
//! assert_eq!((get.name(), get.level()), ("GetObject", AccessLevel::Read));
//!
//! let reads = builtin().expand("s3:Get*")?;
//! assert!(reads.iter().all(|action| action.name().starts_with("Get")));
//!
//! assert!(builtin().condition_key("aws:TagKeys")?.multi_valued());
//! assert!(matches!(builtin().action("s3:Teleport"), Err(Unknown::Action { .. })));
//! # Ok::<(), Unknown>(())
//! ```

mod action;
mod decode;
mod domain;
mod glob;
mod key;
mod service;
mod vocabulary;

pub use action::{AccessLevel, Action, ResourceUse};
pub use decode::DecodeError;
pub use key::{ConditionKey, ValueType};
pub use service::{ArnFormat, ResourceType, Service};

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::LazyLock;

use thiserror::Error;

const BUILTIN_TEXT: &str = include_str!("../data/catalog.txt");
const BUILTIN_SHA256: &str = include_str!("../data/catalog.txt.sha256");

static BUILTIN: LazyLock<Catalog<'static>> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "a test and `cargo xtask tidy` decode the whole of the committed text"
    )]
    decode::outline(BUILTIN_TEXT).expect("the built-in catalog decodes")
});

/// The catalog that this version of the crate carries; decoded at its first use.
pub fn builtin() -> &'static Catalog<'static> {
    &BUILTIN
}

/// The text of [`builtin`], as committed.
pub fn builtin_text() -> &'static str {
    BUILTIN_TEXT
}

/// The SHA-256 of [`builtin_text`], in hexadecimal.
pub fn builtin_sha256() -> &'static str {
    BUILTIN_SHA256.trim_ascii()
}

/// Everything AWS lets a policy name, as of one day.
#[derive(Debug)]
pub struct Catalog<'t> {
    version: &'t str,
    date: &'t str,
    source: &'t str,
    services: Vec<service::Entry<'t>>,
    global_keys: Vec<ConditionKey<'t>>,
    key_templates: Vec<key::Template<'t>>,
}

impl<'t> Catalog<'t> {
    /// Reads a catalog from its text; the result borrows from it.
    ///
    /// # Errors
    /// Names the line and what is wrong with it. A catalog that decodes is sound: every reference
    /// has its target and every list is sorted, so that lookups need no further checks.
    pub fn decode(text: &'t str) -> Result<Self, DecodeError> {
        let catalog = decode::outline(text)?;
        for service in &catalog.services {
            service.try_content()?;
        }
        Ok(catalog)
    }

    /// The version of the public package the data came from.
    pub fn version(&self) -> &'t str {
        self.version
    }

    /// The day the package was last brought up to date with AWS, `YYYY-MM-DD`.
    pub fn date(&self) -> &'t str {
        self.date
    }

    /// The public package the data came from.
    pub fn source(&self) -> &'t str {
        self.source
    }

    /// All services, by prefix.
    pub fn services(&self) -> impl ExactSizeIterator<Item = Service<'_>> {
        self.services.iter().map(service::Entry::service)
    }

    /// The service whose actions begin with `prefix`, in any case.
    ///
    /// # Errors
    /// [`Unknown::Service`].
    pub fn service(&self, prefix: &str) -> Result<Service<'_>, Unknown> {
        find(&self.services, prefix, |entry| entry.header.prefix)
            .map(service::Entry::service)
            .ok_or_else(|| Unknown::Service(prefix.to_owned()))
    }

    /// The action named `service:Name`, in any case, wildcards not read as such.
    ///
    /// # Errors
    /// Says whether the text is no action's name at all, or whether the service or only the action
    /// is missing here.
    pub fn action(&self, name: &str) -> Result<Action<'_>, Unknown> {
        let (prefix, name) = split(name)?;
        self.service(prefix)?.action(name)
    }

    /// The known actions that `pattern` matches, sorted by service and name.
    ///
    /// `*` stands for any run of characters and `?` for one, in the service and in the name; a
    /// lone `*` is every action.
    ///
    /// # Errors
    /// A pattern that matches nothing is [`Unknown`], like a name that is not here: AWS may know
    /// more than this catalog does.
    pub fn expand(&self, pattern: &str) -> Result<Vec<Action<'_>>, Unknown> {
        if pattern == "*" {
            return Ok(self
                .services()
                .flat_map(|service| service.actions())
                .collect());
        }
        let (prefix, name) = split(pattern)?;
        if !glob::is_glob(prefix) {
            return self.service(prefix)?.expand(name);
        }
        let mut services = self
            .services()
            .filter(|service| glob::matches(prefix, service.prefix()))
            .peekable();
        if services.peek().is_none() {
            return Err(Unknown::Service(prefix.to_owned()));
        }
        let actions: Vec<_> = services
            .flat_map(|service| service.matching(name))
            .collect();
        if actions.is_empty() {
            return Err(Unknown::action(prefix, name));
        }
        Ok(actions)
    }

    /// The condition key of that name, in any case: global or of any service. `aws:PrincipalTag/team`
    /// finds `aws:PrincipalTag/${TagKey}`.
    ///
    /// Services disagree about a few keys that they share; this is the answer of the service that
    /// the key is named after. [`Service::condition_key`] is the answer of one service.
    ///
    /// # Errors
    /// [`Unknown::ConditionKey`]; keys of identity providers are named by whoever runs them, and most
    /// are not here.
    pub fn condition_key(&self, name: &str) -> Result<ConditionKey<'_>, Unknown> {
        find(&self.global_keys, name, |key| key.name())
            .copied()
            .or_else(|| key::match_template(&self.key_templates, name))
            .ok_or_else(|| Unknown::ConditionKey(name.to_owned()))
    }

    /// All condition keys, global ones and those of every service, by name.
    pub fn condition_keys(&self) -> &[ConditionKey<'t>] {
        &self.global_keys
    }
}

/// A name that this catalog does not hold. It may still exist: AWS adds names every week.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unknown {
    #[error("`{0}` is no action's name: it must be `service:Name`")]
    NotAnAction(String),
    #[error("the catalog has no service `{0}`")]
    Service(String),
    #[error("the catalog has no action `{name}` in service `{service}`")]
    Action { service: String, name: String },
    #[error("the catalog has no condition key `{0}`")]
    ConditionKey(String),
}

impl Unknown {
    fn action(service: &str, name: &str) -> Self {
        Self::Action {
            service: service.to_owned(),
            name: name.to_owned(),
        }
    }
}

fn split(action: &str) -> Result<(&str, &str), Unknown> {
    action
        .split_once(':')
        .ok_or_else(|| Unknown::NotAnAction(action.to_owned()))
}

/// AWS reads names of services, actions and condition keys in any case; so the tables are sorted.
fn compare(left: &str, right: &str) -> Ordering {
    let lower = u8::to_ascii_lowercase;
    left.bytes()
        .map(|byte| lower(&byte))
        .cmp(right.bytes().map(|byte| lower(&byte)))
}

fn find<'e, E>(sorted: &'e [E], name: &str, name_of: impl Fn(&E) -> &str) -> Option<&'e E> {
    let place = sorted.binary_search_by(|entry| compare(name_of(entry), name));
    place.ok().and_then(|place| sorted.get(place))
}

/// Ranges are checked when the catalog is decoded; an empty slice stands for the impossible rest.
fn part<'a, T>(table: &'a [T], range: &Range<usize>) -> &'a [T] {
    table.get(range.clone()).unwrap_or_default()
}
