//! What the engine must be told about condition keys and services.
//!
//! Whether a key carries one value or several decides what an operator means, and a policy cannot
//! say it: only AWS's service reference can. The catalog implements this trait; tests write their
//! own.

use std::fmt;

/// The facts about condition keys that change what a policy means.
pub trait Vocabulary: fmt::Debug {
    /// What is known of a key such as `aws:SourceIp` or `aws:ResourceTag/team`, in any case of
    /// letters. `None`: the key is unknown, which is not the same as single-valued.
    fn key(&self, key: &str) -> Option<KeyFacts>;

    /// Whether resource control policies apply to a service, named by its prefix in lower case.
    /// `None`: not known; the list grows, so it is dated data. The five services that AWS began with
    /// are known to the evaluator.
    // IAM-004
    fn rcp_applies(&self, service: &str) -> Option<bool> {
        let _ = service;
        None
    }

    /// The action's name in AWS's own letters, such as `s3:GetObject`, if it is known. Policies are
    /// matched whatever the case of letters; people read this.
    fn spelled(&self, action: &str) -> Option<String> {
        let _ = action;
        None
    }
}

/// What kind of values a key has, and whether it has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyFacts {
    pub kind: KeyKind,
    /// `ArrayOf…` in AWS's service reference: the key is a set of values.
    pub multivalued: bool,
}

/// The type of a condition key, in the words of AWS's service authorization reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    String,
    Arn,
    Numeric,
    Date,
    Bool,
    Binary,
    IpAddress,
    /// The reference names a type of its own; treated as text.
    Other,
}

/// A vocabulary that knows no key.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoVocabulary;

impl Vocabulary for NoVocabulary {
    fn key(&self, _key: &str) -> Option<KeyFacts> {
        None
    }
}
