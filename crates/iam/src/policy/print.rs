//! Writing a policy as AWS's documentation writes it: elements in AWS's order, one value without a
//! list around it.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    ActionPattern, Condition, Effect, Policy, PrincipalPattern, ResourcePattern, Selection,
    Statement, Version,
};
use crate::json::Spanned;

impl Policy {
    /// The document with two-space indentation.
    #[must_use]
    pub fn to_json_pretty(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The document without any white space; this is the length AWS counts against its limits.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            version,
            id,
            statements,
        } = self;
        let mut map = serializer.serialize_map(None)?;
        match version {
            Version::Unstated => {}
            Version::V2008 => map.serialize_entry("Version", "2008-10-17")?,
            Version::V2012 => map.serialize_entry("Version", "2012-10-17")?,
        }
        if let Some(id) = id {
            map.serialize_entry("Id", id)?;
        }
        map.serialize_entry("Statement", statements)?;
        map.end()
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            sid,
            effect,
            principals,
            actions,
            resources,
            conditions,
            span: _,
        } = self;
        let mut map = serializer.serialize_map(None)?;
        if let Some(sid) = sid {
            map.serialize_entry("Sid", sid)?;
        }
        map.serialize_entry("Effect", effect)?;
        if let Some(principals) = principals {
            let name = if principals.is_excluding() {
                "NotPrincipal"
            } else {
                "Principal"
            };
            map.serialize_entry(name, &Principals(principals.patterns()))?;
        }
        let name = if actions.is_excluding() {
            "NotAction"
        } else {
            "Action"
        };
        map.serialize_entry(name, &OneOrMore(actions.patterns()))?;
        if let Some(resources) = resources {
            let name = if resources.is_excluding() {
                "NotResource"
            } else {
                "Resource"
            };
            map.serialize_entry(name, &OneOrMore(resources.patterns()))?;
        }
        if !conditions.is_empty() {
            map.serialize_entry("Condition", &Conditions(conditions))?;
        }
        map.end()
    }
}

impl Serialize for Effect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for ActionPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl Serialize for ResourcePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<T> Serialize for Selection<T>
where
    T: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        OneOrMore(self.patterns()).serialize(serializer)
    }
}

struct OneOrMore<'a, T>(&'a [Spanned<T>]);

impl<T: Serialize> Serialize for OneOrMore<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [one] => one.value.serialize(serializer),
            many => serializer.collect_seq(many.iter().map(|spanned| &spanned.value)),
        }
    }
}

struct Principals<'a>(&'a [Spanned<PrincipalPattern>]);

impl Serialize for Principals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let [
            Spanned {
                value: PrincipalPattern::Everyone,
                ..
            },
        ] = self.0
        {
            return serializer.serialize_str("*");
        }
        let mut map = serializer.serialize_map(None)?;
        for kind in ["AWS", "Service", "Federated", "CanonicalUser"] {
            let of_kind: Vec<_> = self
                .0
                .iter()
                .map(|principal| spelled(&principal.value))
                .filter(|(found, _)| *found == kind)
                .map(|(_, text)| Spanned::made(text))
                .collect();
            if !of_kind.is_empty() {
                map.serialize_entry(kind, &OneOrMore(&of_kind))?;
            }
        }
        map.end()
    }
}

fn spelled(principal: &PrincipalPattern) -> (&'static str, &str) {
    match principal {
        PrincipalPattern::Everyone => ("AWS", "*"),
        PrincipalPattern::Account(text) | PrincipalPattern::Aws(text) => ("AWS", text),
        PrincipalPattern::Service(text) => ("Service", text),
        PrincipalPattern::Federated(text) => ("Federated", text),
        PrincipalPattern::CanonicalUser(text) => ("CanonicalUser", text),
    }
}

struct Conditions<'a>(&'a [Condition]);

impl Serialize for Conditions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for block in self.0.chunk_by(|a, b| a.written == b.written) {
            if let Some(first) = block.first() {
                map.serialize_entry(&first.written, &Keys(block))?;
            }
        }
        map.end()
    }
}

struct Keys<'a>(&'a [Condition]);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|condition| (&condition.key.value, OneOrMore(&condition.values))),
        )
    }
}
