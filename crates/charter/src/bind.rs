//! Binding: a task's parameters get their values, once, when it is granted.
//!
//! A value comes from outside and ends up in policies. It is text there and nothing else: what an
//! ARN or a policy would read as more than text is escaped where AWS has an escape and refused where
//! it has none.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::charter::{Reach, Task};
use crate::name::{ParameterName, shown};
use crate::template::{Part, ResourceTemplate};

/// The value of every parameter of one task, each accepted by its expression.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Bindings(BTreeMap<ParameterName, String>);

/// Why values do not bind a task. Messages repeat no value: it may be a secret or a trick.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    #[error("the task has no parameter `{name}`")]
    Unknown { name: String },
    #[error("the parameter `{name}` is given twice")]
    Twice { name: String },
    #[error("the parameter `{name}` has no value")]
    Missing { name: ParameterName },
    #[error("the value of `{name}` does not match `{pattern}` from end to end")]
    Mismatch {
        name: ParameterName,
        pattern: String,
    },
    #[error("the value of `{name}` holds {what}, which has a meaning of its own in an ARN")]
    Unsafe {
        name: ParameterName,
        what: &'static str,
    },
}

impl Bindings {
    pub fn iter(&self) -> impl Iterator<Item = (&ParameterName, &str)> {
        self.0.iter().map(|(name, value)| (name, value.as_str()))
    }

    #[must_use]
    pub fn value(&self, name: &ParameterName) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl Task {
    /// The task's parameters with these values, if every one has one and each may stand where the
    /// task puts it.
    ///
    /// ```
    /// # let text = "
    /// # agent: a1
    /// # owner: { team: t, contact: t@example.com }
    /// # purpose: p
    /// # environment: prod
    /// # mode: brokered
    /// # tasks: { t1: { for: 1m, parameters: { tenant: '.*' },
    /// #   read: [ { actions: ['s3:GetObject'], resources: ['arn:aws:s3:::b/${tenant}/x'] } ] } }
    /// # ";
    /// # let charter = bailiwick_charter::Charter::parse("c", text)?;
    /// # let (_, task) = charter.tasks.first_key_value().ok_or("a task")?;
    /// let bound = task.bind([("tenant", "a*")])?;
    /// assert_eq!(task.read[0].resources[0].bind(&bound)?, "arn:aws:s3:::b/a${*}/x");
    /// assert!(task.bind([("tenant", "a/../b")]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first value that is missing, too many, not accepted or unsafe.
    pub fn bind<'v>(
        &self,
        values: impl IntoIterator<Item = (&'v str, &'v str)>,
    ) -> Result<Bindings, BindError> {
        let mut bound = BTreeMap::new();
        for (name, value) in values {
            let declared = self
                .parameters
                .iter()
                .find(|(known, _)| known.as_str() == name);
            let Some((name, parameter)) = declared else {
                return Err(BindError::Unknown { name: shown(name) });
            };
            if !parameter.accepts(value) {
                return Err(BindError::Mismatch {
                    name: name.clone(),
                    pattern: parameter.as_str().to_owned(),
                });
            }
            if value.chars().any(is_hidden) {
                let what = "a character that cannot be seen";
                return Err(unsafe_value(name, what));
            }
            if bound.insert(name.clone(), value.to_owned()).is_some() {
                return Err(BindError::Twice {
                    name: name.to_string(),
                });
            }
        }
        if let Some(name) = self
            .parameters
            .keys()
            .find(|name| !bound.contains_key(*name))
        {
            return Err(BindError::Missing { name: name.clone() });
        }
        let bound = Bindings(bound);
        // What a resource would refuse is refused now, and not when the credential is minted.
        for resource in self.reaches().flat_map(|reach| &reach.resources) {
            resource.bind(&bound)?;
        }
        Ok(bound)
    }

    /// What the task reads, then what it writes.
    pub fn reaches(&self) -> impl Iterator<Item = &Reach> {
        self.read.iter().chain(&self.write)
    }
}

impl ResourceTemplate {
    /// The resource as a policy says it, with every parameter as literal text.
    ///
    /// # Errors
    ///
    /// When a parameter has no value, or one that AWS cannot be told to read as text.
    pub fn bind(&self, bindings: &Bindings) -> Result<String, BindError> {
        let mut text = String::new();
        for part in self.parts() {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Parameter(name) => {
                    let value = bindings
                        .value(name)
                        .ok_or_else(|| BindError::Missing { name: name.clone() })?;
                    push_literal(&mut text, name, value)?;
                }
            }
        }
        Ok(text)
    }
}

/// Appends a value so that no policy reads it as more than its letters.
fn push_literal(text: &mut String, name: &ParameterName, value: &str) -> Result<(), BindError> {
    // Nothing between two parts would join them, and let a trailing `*` begin a level higher.
    if value.is_empty() {
        return Err(unsafe_value(name, "nothing"));
    }
    if value.bytes().all(|byte| byte == b'.') {
        return Err(unsafe_value(name, "dots alone"));
    }
    for letter in value.chars() {
        match letter {
            '*' => text.push_str("${*}"),
            '?' => text.push_str("${?}"),
            '$' => text.push_str("${$}"),
            '/' => return Err(unsafe_value(name, "a slash")),
            ':' => return Err(unsafe_value(name, "a colon")),
            '\\' => return Err(unsafe_value(name, "a backslash")),
            '%' => return Err(unsafe_value(name, "a percent sign")),
            other if is_hidden(other) => {
                return Err(unsafe_value(name, "a character that cannot be seen"));
            }
            other => text.push(other),
        }
    }
    Ok(())
}

fn unsafe_value(name: &ParameterName, what: &'static str) -> BindError {
    BindError::Unsafe {
        name: name.clone(),
        what,
    }
}

/// A text from elsewhere as a charter may hold it: on one line, and without what cannot be seen.
#[must_use]
pub fn readable(text: &str) -> String {
    let seen = |letter| if is_hidden(letter) { ' ' } else { letter };
    let text: String = text.chars().map(seen).collect();
    text.trim().to_owned()
}

/// Control characters, and those that reorder or hide text: direction marks, joiners, zero-width
/// spaces, tags.
#[must_use]
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
                | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Charter;

    fn task(pattern: &str) -> Task {
        let text = format!(
            "agent: reader\nowner: {{ team: t, contact: t@example.com }}\npurpose: p\nenvironment: prod\nmode: brokered\ntasks:\n  read-one:\n    for: 1m\n    parameters: {{ tenant: '{pattern}', note: '.*' }}\n    read: [ {{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::b/${{tenant}}/*'] }} ]\n"
        );
        let charter = Charter::parse("c", &text).unwrap();
        charter.tasks.into_values().next().unwrap()
    }

    fn bound(pattern: &str, value: &str) -> Result<String, BindError> {
        let task = task(pattern);
        let bindings = task.bind([("tenant", value), ("note", "any: /text?")])?;
        task.read[0].resources[0].bind(&bindings)
    }

    #[test]
    fn a_value_is_literal_text_whatever_its_expression_admits() {
        assert_eq!(bound(".*", "acme").unwrap(), "arn:aws:s3:::b/acme/*");
        assert_eq!(bound(".*", "*").unwrap(), "arn:aws:s3:::b/${*}/*");
        assert_eq!(bound(".*", "a?b").unwrap(), "arn:aws:s3:::b/a${?}b/*");
        assert_eq!(
            bound(".*", "${aws:username}").unwrap_err().to_string(),
            "the value of `tenant` holds a colon, which has a meaning of its own in an ARN"
        );
        assert_eq!(bound(".*", "${x}").unwrap(), "arn:aws:s3:::b/${$}{x}/*");
    }

    #[test]
    fn what_has_no_escape_is_refused() {
        for value in [
            "",
            ".",
            "..",
            "a/b",
            "a/../b",
            "/",
            "a:b",
            "%2e%2e",
            "a\\b",
            "a\nb",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{feff}",
            "\u{0}",
        ] {
            assert!(bound("(?s).*", value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_parameter_that_reaches_no_resource_may_hold_a_slash_but_nothing_hidden() {
        let task = task("[a-z]+");
        assert!(
            task.bind([("tenant", "a"), ("note", "https://x/y")])
                .is_ok()
        );
        assert!(task.bind([("tenant", "a"), ("note", "a\u{202e}")]).is_err());
    }

    #[test]
    fn each_parameter_has_one_value_and_no_other_has_any() {
        let task = task("[a-z]+");
        let error = |values: &[(&'static str, &'static str)]| {
            task.bind(values.iter().copied()).unwrap_err()
        };
        assert!(matches!(
            error(&[("tenant", "a")]),
            BindError::Missing { .. }
        ));
        assert!(matches!(
            error(&[("tenant", "A"), ("note", "")]),
            BindError::Mismatch { .. }
        ));
        assert!(matches!(
            error(&[("other", "a")]),
            BindError::Unknown { .. }
        ));
        assert!(matches!(
            error(&[("tenant", "a"), ("tenant", "b"), ("note", "")]),
            BindError::Twice { .. }
        ));
        let long: &'static str = "a".repeat(257).leak();
        assert!(matches!(
            error(&[("tenant", long)]),
            BindError::Mismatch { .. }
        ));
    }
}
