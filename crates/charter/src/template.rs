//! What a task may touch: an ARN with wildcards and the task's parameters in it.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::name::{ParameterName, shown};

/// A resource as a charter writes it: `arn:aws:s3:::invoices/${supplier}/*`.
///
/// `*` and `?` are wildcards as in a policy; `${name}` is a parameter of the task, and nothing else:
/// AWS's own variables have no place in a charter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceTemplate {
    parts: Vec<Part>,
}

/// A piece of a resource template.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Text, in which `*` and `?` are wildcards.
    Text(String),
    /// `${name}`.
    Parameter(ParameterName),
}

/// Why a text is no resource of a charter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("`{0}` is neither an ARN nor `*`")]
    NotArn(String),
    #[error("`${{{0}}}` is no parameter: a charter knows its own parameters only")]
    NotParameter(String),
    #[error("a `$` that begins no `${{parameter}}`")]
    Dollar,
    #[error(
        "a parameter in the first five parts of an ARN would choose another service or account"
    )]
    ParameterOutsideResource,
    #[error("a character that cannot be in an ARN")]
    Character,
    #[error("longer than {TEMPLATE_LENGTH_MAX} characters")]
    Long,
}

/// The longest resource: what AWS takes as an ARN.
pub const TEMPLATE_LENGTH_MAX: usize = 2_048;

impl ResourceTemplate {
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Every parameter this resource waits for.
    pub fn parameters(&self) -> impl Iterator<Item = &ParameterName> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Parameter(name) => Some(name),
        })
    }

    /// The resource with every parameter as wide as anything: what a role must be able to reach.
    #[must_use]
    pub fn widened(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                // Two stars in a row are one.
                Part::Text(literal) if text.ends_with('*') => {
                    text.push_str(literal.trim_start_matches('*'));
                }
                Part::Text(literal) => text.push_str(literal),
                Part::Parameter(_) if text.ends_with('*') => {}
                Part::Parameter(_) => text.push('*'),
            }
        }
        text
    }

    /// One of the first five parts of the ARN, as written; `None` for `*`.
    fn arn_part(&self, index: usize) -> Option<&str> {
        match self.parts.first()? {
            Part::Text(text) if text.starts_with("arn:") => text.split(':').nth(index),
            Part::Text(_) | Part::Parameter(_) => None,
        }
    }

    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.arn_part(2)
    }

    /// The account as written: twelve digits, a word, a pattern, or empty.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.arn_part(4)
    }
}

impl FromStr for ResourceTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        if text.len() > TEMPLATE_LENGTH_MAX {
            return Err(TemplateError::Long);
        }
        // Printable ASCII is what AWS puts into ARNs, S3 keys aside; what a reader cannot see, or
        // could mistake, has no place in a line that grants.
        let readable = text
            .chars()
            .all(|letter| letter.is_ascii_graphic() || letter == ' ' || letter.is_alphanumeric());
        if !readable {
            return Err(TemplateError::Character);
        }
        let parts = split(text)?;
        let template = Self { parts };
        if text == "*" {
            return Ok(template);
        }
        let head = match template.parts.first() {
            Some(Part::Text(head)) => head.as_str(),
            Some(Part::Parameter(_)) | None => "",
        };
        let mut sections = head.splitn(6, ':');
        let arn = sections.next() == Some("arn") && text.splitn(6, ':').count() == 6;
        if !arn {
            return Err(TemplateError::NotArn(shown(text)));
        }
        if sections.count() < 5 {
            return Err(TemplateError::ParameterOutsideResource);
        }
        Ok(template)
    }
}

fn split(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        let inside = after.strip_prefix('{').ok_or(TemplateError::Dollar)?;
        let (name, behind) = inside.split_once('}').ok_or(TemplateError::Dollar)?;
        let name = name
            .parse()
            .map_err(|_| TemplateError::NotParameter(shown(name)))?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Parameter(name));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

impl fmt::Display for ResourceTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Parameter(name) => write!(f, "${{{name}}}")?,
            }
        }
        Ok(())
    }
}

impl Serialize for ResourceTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_a_hole_and_widens_to_a_star() {
        let template: ResourceTemplate = "arn:aws:s3:::b/${a}/x/${b}${c}*".parse().unwrap();
        assert_eq!(template.parameters().count(), 3);
        assert_eq!(template.widened(), "arn:aws:s3:::b/*/x/*");
        assert_eq!(template.to_string(), "arn:aws:s3:::b/${a}/x/${b}${c}*");
        assert_eq!(template.service(), Some("s3"));
    }

    #[test]
    fn a_parameter_chooses_no_service_region_or_account() {
        for text in [
            "arn:aws:${s}:us-east-1:111122223333:table/x",
            "arn:aws:dynamodb:us-east-1:${account}:table/x",
            "${anything}",
        ] {
            assert!(text.parse::<ResourceTemplate>().is_err(), "{text}");
        }
    }

    #[test]
    fn aws_variables_and_stray_dollars_are_refused() {
        let refused = |text: &str| text.parse::<ResourceTemplate>().unwrap_err();
        assert_eq!(
            refused("arn:aws:s3:::b/${aws:username}"),
            TemplateError::NotParameter("aws:username".into())
        );
        assert_eq!(refused("arn:aws:s3:::b/$x"), TemplateError::Dollar);
        assert_eq!(refused("arn:aws:s3:::b/${x"), TemplateError::Dollar);
        assert_eq!(
            refused("arn:aws:s3:::b/\u{202e}x"),
            TemplateError::Character
        );
        assert!("s3:::b".parse::<ResourceTemplate>().is_err());
        assert!("*".parse::<ResourceTemplate>().is_ok());
    }
}
