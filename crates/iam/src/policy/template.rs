//! A pattern cut into its pieces: text, wildcards and variables.
//!
//! This is spelling, not matching: the evaluator and the algebra each match pieces their own way.

use super::Version;

/// One piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Piece {
    /// Characters that stand for themselves. Never empty; two never stand side by side.
    Text(String),
    /// `*`: any number of characters.
    Star,
    /// `?`: exactly one character.
    Question,
    /// `${key}` or `${key, 'default'}`.
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// A pattern in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Template(pub Vec<Piece>);

impl Template {
    /// Cuts a pattern of a policy of this version. `${*}`, `${?}` and `${$}` are the characters
    /// themselves; in a version without variables, `${…}` is literal text, in which `*` and `?`
    /// still are wildcards.
    // IAM-028, IAM-030
    #[must_use]
    pub fn parse(text: &str, version: Version) -> Self {
        Self::cut(text, true, version.has_variables())
    }

    /// Cuts a value in which `*` and `?` stand for themselves, as in `StringEquals`; variables as in
    /// [`Template::parse`].
    #[must_use]
    pub fn parse_literal(text: &str, version: Version) -> Self {
        Self::cut(text, false, version.has_variables())
    }

    /// The text, if the pattern has neither wildcards nor variables.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    pub fn variables(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Variable { key, default } => Some((key.as_str(), default.as_deref())),
            Piece::Text(_) | Piece::Star | Piece::Question => None,
        })
    }

    fn cut(text: &str, wildcards: bool, variables: bool) -> Self {
        let mut pieces = Self::default();
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            let variable = if variables { variable_at(rest) } else { None };
            if let Some((piece, after)) = variable {
                pieces.push(piece);
                rest = after;
                continue;
            }
            let end = match letter {
                '*' | '?' if wildcards => 1,
                _ => plain_letters(rest, letter),
            };
            let (cut, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            pieces.push(match letter {
                '*' if wildcards => Piece::Star,
                '?' if wildcards => Piece::Question,
                _ => Piece::Text(cut.to_owned()),
            });
            rest = after;
        }
        pieces
    }

    fn push(&mut self, piece: Piece) {
        match (self.0.last_mut(), piece) {
            (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
            (_, piece) => self.0.push(piece),
        }
    }
}

/// How many bytes stand before the next letter that may mean something; the first never does.
fn plain_letters(text: &str, first: char) -> usize {
    let skipped = first.len_utf8();
    let after = text.get(skipped..).unwrap_or_default();
    after
        .find(['*', '?', '$'])
        .map_or(text.len(), |found| skipped + found)
}

/// The variable or escape that `text` begins with, and what follows it.
fn variable_at(text: &str) -> Option<(Piece, &str)> {
    let (inside, after) = text.strip_prefix("${")?.split_once('}')?;
    let piece = match inside {
        "*" | "?" | "$" => Piece::Text(inside.to_owned()),
        _ => {
            let (key, default) = match inside.split_once(',') {
                None => (inside, None),
                Some((key, default)) => (key, Some(unquoted(default.trim())?)),
            };
            let key = key.trim();
            if key.is_empty() {
                return None;
            }
            Piece::Variable {
                key: key.to_owned(),
                default,
            }
        }
    };
    Some((piece, after))
}

fn unquoted(text: &str) -> Option<String> {
    text.strip_prefix('\'')?
        .strip_suffix('\'')
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(key: &str, default: Option<&str>) -> Piece {
        Piece::Variable {
            key: key.into(),
            default: default.map(Into::into),
        }
    }

    #[test]
    fn a_pattern_is_cut_into_text_wildcards_and_variables() {
        let template = Template::parse("arn:*:${aws:username}/a?", Version::V2012);
        assert_eq!(
            template.0,
            [
                Piece::Text("arn:".into()),
                Piece::Star,
                Piece::Text(":".into()),
                variable("aws:username", None),
                Piece::Text("/a".into()),
                Piece::Question,
            ]
        );
    }

    #[test]
    fn escapes_are_the_characters_themselves() {
        let template = Template::parse("a${*}b${?}c${$}{", Version::V2012);
        assert_eq!(template.as_text(), Some("a*b?c${"));
    }

    #[test]
    fn a_default_is_unquoted() {
        let template = Template::parse("${aws:PrincipalTag/team, 'none at all'}", Version::V2012);
        assert_eq!(
            template.0,
            [variable("aws:PrincipalTag/team", Some("none at all"))]
        );
    }

    #[test]
    fn the_older_version_has_no_variables_but_keeps_its_wildcards() {
        let template = Template::parse("${aws:username}/${*}", Version::V2008);
        assert_eq!(
            template.0,
            [
                Piece::Text("${aws:username}/${".into()),
                Piece::Star,
                Piece::Text("}".into())
            ]
        );
    }

    #[test]
    fn an_unclosed_variable_is_text() {
        assert_eq!(
            Template::parse("${aws:username", Version::V2012).as_text(),
            Some("${aws:username")
        );
    }

    #[test]
    fn a_literal_keeps_its_stars() {
        assert_eq!(
            Template::parse_literal("a*?", Version::V2012).as_text(),
            Some("a*?")
        );
    }
}
