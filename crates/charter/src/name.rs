//! The names of a charter: each checked once, when it is read.
//!
//! Names end up in role names, ARN paths, session tags and Cedar ids. What could mean something
//! there (`*`, `/`, quotes, control and direction characters, letters that look alike) is refused
//! here, so that nothing behind this file escapes or compares in two ways.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// Why a text is no such name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: {rule}")]
pub struct NameError {
    /// The text, cut at forty characters and without control characters.
    pub text: String,
    pub what: &'static str,
    pub rule: &'static str,
}

impl NameError {
    fn new(text: &str, what: &'static str, rule: &'static str) -> Self {
        Self {
            text: shown(text),
            what,
            rule,
        }
    }
}

/// A text as it may stand in a message: short, and without what could change a terminal.
pub(crate) fn shown(text: &str) -> String {
    let letters = text.chars().take(40);
    letters
        .map(|letter| {
            if letter.is_ascii_graphic() || letter == ' ' || letter.is_alphanumeric() {
                letter
            } else {
                '\u{fffd}'
            }
        })
        .collect()
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $holds:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let holds: fn(&str) -> bool = $holds;
                if holds(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(NameError::new(text, $what, $rule))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

name! {
    /// An agent. Its role carries the name; `-task` behind it must fit into AWS's 64 characters.
    AgentName, "agent name",
    "a lower-case letter, then lower-case letters, digits and single hyphens, 2 to 59 characters",
    |text| kebab(text, 2, 59)
}
name! {
    /// One named job of a charter. It is a session tag and half of a Cedar id.
    TaskName, "task name",
    "a lower-case letter, then lower-case letters, digits and single hyphens, 2 to 64 characters",
    |text| kebab(text, 2, 64)
}
name! {
    /// Where an agent works: `prod`, `staging`. It is the path of the agent's roles.
    Environment, "environment",
    "a lower-case letter, then lower-case letters, digits and single hyphens, 2 to 32 characters",
    |text| kebab(text, 2, 32)
}
name! {
    /// A class of agents that may share an identity where their charters are proved equal.
    ClassName, "class",
    "a lower-case letter, then lower-case letters, digits and single hyphens, 2 to 64 characters",
    |text| kebab(text, 2, 64)
}
name! {
    /// A kind of data, in the owner's own words: `internal`, `confidential`, `pii`.
    DataClass, "data class",
    "a lower-case letter, then lower-case letters, digits and single hyphens, 2 to 64 characters",
    |text| kebab(text, 2, 64)
}
name! {
    /// What a task is called with, and what `${…}` names.
    ParameterName, "parameter name",
    "a lower-case letter, then lower-case letters, digits and `_`, 1 to 64 characters",
    |text| (1..=64).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}
name! {
    /// The SHA-256 of a tool's input schema, as the authority computes it.
    SchemaPin, "schema pin", "`sha256:` and 64 lower-case hexadecimal digits",
    |text| text.strip_prefix("sha256:").is_some_and(|digits| {
        digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Lower-case words joined by single hyphens.
fn kebab(text: &str, least: usize, most: usize) -> bool {
    let sized = (least..=most).contains(&text.len());
    sized
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// A tool: the server that offers it and its name there, `server/tool`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToolName {
    text: Box<str>,
    slash: usize,
}

impl ToolName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn server(&self) -> &str {
        self.text.get(..self.slash).unwrap_or_default()
    }

    /// The tool's own name, as its server says it.
    #[must_use]
    pub fn tool(&self) -> &str {
        self.text.get(self.slash + 1..).unwrap_or_default()
    }
}

impl FromStr for ToolName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refused = || {
            NameError::new(
                text,
                "tool",
                "`server/tool`, each of letters, digits, `_`, `-` and `.`, at most 128 characters",
            )
        };
        let (server, tool) = text.split_once('/').ok_or_else(refused)?;
        let named = |part: &str| {
            (1..=128).contains(&part.len())
                && part.starts_with(|first: char| first.is_ascii_alphanumeric())
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        };
        if named(server) && named(tool) {
            Ok(Self {
                text: text.into(),
                slash: server.len(),
            })
        } else {
            Err(refused())
        }
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Serialize for ToolName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_mean_something_elsewhere_is_refused() {
        for text in [
            "a*",
            "a/b",
            "a:b",
            "a\"b",
            "a\nb",
            "a b",
            "Admin",
            " admin",
            "admin ",
            "a\u{202e}b",
            "ad\u{200b}min",
            "аdmin",
            "-a",
            "a-",
            "a--b",
            "1a",
            "",
            "a",
        ] {
            assert!(text.parse::<AgentName>().is_err(), "{text:?}");
        }
        assert!("invoice-reader".parse::<AgentName>().is_ok());
    }

    #[test]
    fn a_task_role_s_name_always_fits_into_what_aws_allows() {
        let longest = "a".repeat(59);
        assert!(longest.parse::<AgentName>().is_ok());
        assert!(format!("{longest}-task").len() <= 64);
        assert!("a".repeat(60).parse::<AgentName>().is_err());
    }

    #[test]
    fn a_tool_has_a_server_and_one_slash() {
        let tool: ToolName = "ledger/post_entry".parse().unwrap();
        assert_eq!((tool.server(), tool.tool()), ("ledger", "post_entry"));
        for text in [
            "ledger", "ledger/", "/post", "a/b/c", "a/../b", "a/%2e", "a/b*",
        ] {
            assert!(text.parse::<ToolName>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_shows_no_control_characters() {
        let error = "a\u{1b}[31m\u{202e}".parse::<AgentName>().unwrap_err();
        assert!(!error.to_string().contains(['\u{1b}', '\u{202e}']));
    }
}
