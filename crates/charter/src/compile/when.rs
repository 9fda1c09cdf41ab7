//! Conditions on arguments: as text they must stay inside their place.

/// Why a text is no condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    #[error("it is empty")]
    Empty,
    #[error("a bracket has no other half")]
    Unbalanced,
    #[error("a text in quotes does not end")]
    OpenText,
    #[error("it has a comment in it")]
    Comment,
    #[error("it has a `{0}` in it, which no expression has")]
    Character(char),
    #[error("it asks for neither `args` nor `parameters`")]
    NoArgument,
    #[error("a name that is neither under `args` nor under `parameters`")]
    OtherName,
    #[error("a number with a point: amounts are whole numbers, or decimal(\"0.50\")")]
    Float,
}

/// One word of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Name(&'t str),
    Number(&'t str),
    Text(&'t str),
    Mark(char),
}

/// Words that Cedar gives a meaning, and functions that are called by name alone.
const WORDS: [&str; 16] = [
    "true",
    "false",
    "if",
    "then",
    "else",
    "in",
    "has",
    "like",
    "is",
    "decimal",
    "ip",
    "datetime",
    "duration",
    "principal",
    "action",
    "resource",
];

/// Whether a text is one Cedar expression over `args` and `parameters`, as far as its words tell:
/// brackets in pairs, no statement, no comment, no name from elsewhere.
///
/// The authority has the last word when it compiles the expression against the tool's schema; this
/// is what keeps a text from reaching past its place in a policy.
///
/// # Errors
///
/// The first thing that no condition has.
pub fn check_when(text: &str) -> Result<(), WhenError> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Err(WhenError::Empty);
    }
    let mut open = Vec::new();
    let mut asks = false;
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        match *token {
            Token::Mark(mark @ ('(' | '[' | '{')) => open.push(mark),
            Token::Mark(mark @ (')' | ']' | '}')) => {
                let pair = matches!(
                    (open.pop(), mark),
                    (Some('('), ')') | (Some('['), ']') | (Some('{'), '}')
                );
                if !pair {
                    return Err(WhenError::Unbalanced);
                }
            }
            Token::Mark(mark @ (';' | '@')) => return Err(WhenError::Character(mark)),
            Token::Name("args" | "parameters") if !is_member(before) => asks = true,
            Token::Name(name) => {
                // A key of a record, and not the type before an entity's `::`.
                let is_key = matches!(tokens.get(at + 1), Some(Token::Mark(':')))
                    && !matches!(tokens.get(at + 2), Some(Token::Mark(':')));
                let asked_for = matches!(before, Some(Token::Name("has")));
                if !(is_member(before) || is_key || asked_for || WORDS.contains(&name)) {
                    return Err(WhenError::OtherName);
                }
                if matches!(name, "principal" | "action" | "resource") && !is_member(before) {
                    return Err(WhenError::OtherName);
                }
            }
            Token::Number(number) => {
                let pointed = matches!(tokens.get(at + 1), Some(Token::Mark('.')));
                let follows = matches!(tokens.get(at + 2), Some(Token::Number(_)));
                if !number.is_empty() && pointed && follows {
                    return Err(WhenError::Float);
                }
            }
            Token::Text(_) | Token::Mark(_) => {}
        }
    }
    if !open.is_empty() {
        return Err(WhenError::Unbalanced);
    }
    if asks {
        Ok(())
    } else {
        Err(WhenError::NoArgument)
    }
}

fn is_member(before: Option<&Token<'_>>) -> bool {
    matches!(before, Some(Token::Mark('.')))
}

/// The condition as Cedar reads it in the authority's policies: `args` and `parameters` stand in the
/// context of the request.
pub(crate) fn in_context(text: &str) -> Result<String, WhenError> {
    check_when(text)?;
    let mut cedar = String::new();
    let mut rest = text;
    let mut member = false;
    while let Some((before, token, after)) = next(rest)? {
        cedar.push_str(before);
        match token {
            Token::Name(name @ ("args" | "parameters")) if !member => {
                cedar.push_str("context.");
                cedar.push_str(name);
            }
            Token::Name(word) | Token::Number(word) | Token::Text(word) => cedar.push_str(word),
            Token::Mark(mark) => cedar.push(mark),
        }
        member = token == Token::Mark('.');
        rest = after;
    }
    Ok(cedar)
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, WhenError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some((_, token, after)) = next(rest)? {
        tokens.push(token);
        rest = after;
    }
    Ok(tokens)
}

/// The white space before the next token, the token, and what follows.
type Step<'t> = Option<(&'t str, Token<'t>, &'t str)>;

fn next(text: &str) -> Result<Step<'_>, WhenError> {
    let rest = text.trim_start_matches([' ', '\t', '\n']);
    let space = text.get(..text.len() - rest.len()).unwrap_or_default();
    let Some(first) = rest.chars().next() else {
        return Ok(None);
    };
    if rest.starts_with("//") || rest.starts_with("/*") {
        return Err(WhenError::Comment);
    }
    let end = match first {
        '"' => text_end(rest).ok_or(WhenError::OpenText)?,
        'a'..='z' | 'A'..='Z' | '_' => word_end(rest, |letter| {
            letter.is_ascii_alphanumeric() || letter == '_'
        }),
        '0'..='9' => word_end(rest, |letter| letter.is_ascii_digit()),
        '(' | ')' | '[' | ']' | '{' | '}' | ';' | '@' | '.' | ',' | ':' | '=' | '!' | '<' | '>'
        | '&' | '|' | '+' | '-' | '*' => 1,
        other => return Err(WhenError::Character(other)),
    };
    let (word, after) = rest.split_at_checked(end).ok_or(WhenError::OpenText)?;
    let token = match first {
        '"' => Token::Text(word),
        'a'..='z' | 'A'..='Z' | '_' => Token::Name(word),
        '0'..='9' => Token::Number(word),
        mark => Token::Mark(mark),
    };
    Ok(Some((space, token, after)))
}

fn word_end(text: &str, belongs: fn(char) -> bool) -> usize {
    text.find(|letter| !belongs(letter)).unwrap_or(text.len())
}

/// Behind the closing quote. A backslash takes the next character with it.
fn text_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    let inside = text.char_indices().skip(1);
    for (at, letter) in inside {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_an_expression_over_args_and_parameters() {
        for text in [
            "args.amount <= 1000",
            "args.to.domain == \"example.com\"",
            "args has note && args.note like \"*x*\"",
            "[\"a\", \"b\"].contains(args.kind)",
            "args.supplier == parameters.supplier",
            "args.amount.lessThan(decimal(\"10.50\"))",
            "if args has x then args.x > 1 else false",
        ] {
            assert_eq!(check_when(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_condition_cannot_leave_its_place() {
        for (text, error) in [
            (
                "true } ; permit(principal, action, resource) when { args.x",
                WhenError::Unbalanced,
            ),
            ("args.x == 1 // }", WhenError::Comment),
            ("args.x == \"", WhenError::OpenText),
            ("args.x == \"\\\"", WhenError::OpenText),
            ("(args.x == 1", WhenError::Unbalanced),
            ("(args.x == 1]", WhenError::Unbalanced),
            ("args.x == 1; true", WhenError::Character(';')),
            ("principal == args.x", WhenError::OtherName),
            ("context.other && args.x", WhenError::OtherName),
            ("Agent::\"x\" == args.x", WhenError::OtherName),
            ("true", WhenError::NoArgument),
            ("args.x < 0.5", WhenError::Float),
            ("args.x == 'y'", WhenError::Character('\'')),
            ("", WhenError::Empty),
        ] {
            assert_eq!(check_when(text), Err(error), "{text}");
        }
    }

    #[test]
    fn args_stand_in_the_context() {
        assert_eq!(
            in_context("args.args == \"args\" && parameters.x == 1").unwrap(),
            "context.args.args == \"args\" && context.parameters.x == 1"
        );
    }
}
