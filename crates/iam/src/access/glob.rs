//! Globs as sets of strings, compared without automata.
//!
//! Over an unbounded alphabet a star-only glob is contained in a union of star-only globs exactly
//! if it is contained in one of them, and that is one wildcard match: read the left glob as a
//! word whose `*` is a letter that only a `*` matches (its *canonical word*). What the lemma does
//! not decide (`?` on the right, several positives with negatives) goes to [`super::product`].
//!
//! Nothing here is shared with the evaluator's matcher: each tests the other.

use std::fmt;
use std::sync::Arc;

/// One letter or wildcard of a glob. Letters are code points; what lies above them is ours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Token(u32);

pub(crate) const STAR: Token = Token(0x0100_0000);
pub(crate) const ANY: Token = Token(0x0100_0001);
/// `*` before the fifth colon of an ARN: any text without a colon.
pub(crate) const SEGMENT_STAR: Token = Token(0x0100_0002);
/// `?` before the fifth colon of an ARN.
pub(crate) const SEGMENT_ANY: Token = Token(0x0100_0003);
pub(crate) const COLON: Token = Token(':' as u32);

const LETTERS: u32 = 0x11_0000;
/// The letters of a variable's name, `{` and `}` included: opaque, equal only to themselves.
const VARIABLE: u32 = 0x40_0000;
/// The same before the fifth colon, where a value holds no colon.
const SEGMENT_VARIABLE: u32 = 0x80_0000;

impl Token {
    pub(crate) const fn letter(letter: char) -> Self {
        Self(letter as u32)
    }

    pub(crate) fn as_letter(self) -> Option<char> {
        if self.0 < LETTERS {
            char::from_u32(self.0)
        } else {
            None
        }
    }

    pub(crate) const fn is_letter(self) -> bool {
        self.0 < LETTERS
    }

    pub(crate) const fn is_star(self) -> bool {
        self.0 == STAR.0 || self.0 == SEGMENT_STAR.0
    }

    const fn is_mark(self) -> bool {
        self.0 == ANY.0 || self.0 == SEGMENT_ANY.0
    }

    pub(crate) const fn is_wildcard(self) -> bool {
        self.0 >= STAR.0
    }

    const fn is_variable(self) -> bool {
        self.0 >= VARIABLE && self.0 < STAR.0
    }

    /// The letter of a variable's name, or its brace.
    fn opaque_letter(self) -> Option<char> {
        let base = if self.0 >= SEGMENT_VARIABLE {
            SEGMENT_VARIABLE
        } else {
            VARIABLE
        };
        if self.is_variable() {
            char::from_u32(self.0 - base)
        } else {
            None
        }
    }

    /// The same letter in lower case.
    pub(crate) fn lowered(self) -> Self {
        self.as_letter()
            .map_or(self, |letter| Self::letter(letter.to_ascii_lowercase()))
    }

    /// The same token where no colon may be met.
    const fn within_segment(self) -> Self {
        match self.0 {
            0x0100_0000 => SEGMENT_STAR,
            0x0100_0001 => SEGMENT_ANY,
            other if other >= VARIABLE && other < VARIABLE + LETTERS => {
                Self(other - VARIABLE + SEGMENT_VARIABLE)
            }
            other => Self(other),
        }
    }

    /// Does this token, not a star, stand for the letter? Wildcards of the word are letters here.
    pub(crate) const fn accepts(self, letter: Self) -> bool {
        if self.0 == ANY.0 {
            letter.is_letter() || letter.is_mark()
        } else if self.0 == SEGMENT_ANY.0 {
            (letter.is_letter() && letter.0 != COLON.0) || letter.0 == SEGMENT_ANY.0
        } else {
            self.0 == letter.0 && !self.is_wildcard()
        }
    }

    /// May this star run over the letter?
    pub(crate) const fn swallows(self, letter: Self) -> bool {
        if self.0 == STAR.0 {
            return true;
        }
        let may_hold_a_colon = letter.0 == COLON.0
            || letter.0 == STAR.0
            || letter.0 == ANY.0
            || (letter.0 >= VARIABLE && letter.0 < VARIABLE + LETTERS);
        !may_hold_a_colon
    }

    /// Can two tokens, neither a star, stand for one letter?
    const fn shares_a_letter(self, other: Self) -> bool {
        if self.is_mark() && other.is_mark() {
            return true;
        }
        if self.is_mark() {
            self.accepts(other)
        } else {
            other.accepts(self)
        }
    }
}

/// A piece of a pattern as the policy writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    Star,
    Any,
    /// `${name}` or `${name, 'default'}`.
    Variable {
        name: &'a str,
        default: Option<&'a str>,
    },
}

/// A set of strings: text, `*`, `?` and variables.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Glob(Arc<Body>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Body {
    tokens: Box<[Token]>,
    /// With every variable read as `*`; only where there are variables.
    loose: Option<Box<[Token]>>,
    shape: Shape,
    /// Six segments, the first five free of colons.
    segmented: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Shape {
    Literal,
    Stars,
    Marks,
}

impl Glob {
    /// Every string.
    pub(crate) fn everything() -> Self {
        Self::from_tokens(vec![STAR], false)
    }

    /// Exactly this text.
    pub(crate) fn literal(text: &str) -> Self {
        Self::from_tokens(text.chars().map(Token::letter).collect(), false)
    }

    /// Text in which `*` and `?` are wildcards.
    pub(crate) fn parse(text: &str) -> Self {
        Self::from_tokens(text.chars().map(wildcard_or_letter).collect(), false)
    }

    pub(crate) fn from_pieces<'a>(pieces: impl IntoIterator<Item = Piece<'a>>) -> Self {
        Self::from_tokens(tokens_of(pieces), false)
    }

    /// `segmented` says that the first five colons are segment ends and that the caller has
    /// marked the wildcards before them.
    pub(super) fn from_tokens(tokens: Vec<Token>, segmented: bool) -> Self {
        let tokens = normalised(tokens);
        let loose = tokens
            .iter()
            .any(|token| token.is_variable())
            .then(|| normalised(loosened(&tokens)).into_boxed_slice());
        let shape = if tokens.iter().any(|token| token.is_mark()) {
            Shape::Marks
        } else if loose.is_some() || tokens.iter().any(|token| token.is_star()) {
            Shape::Stars
        } else {
            Shape::Literal
        };
        Self(Arc::new(Body {
            tokens: tokens.into_boxed_slice(),
            loose,
            shape,
            segmented,
        }))
    }

    /// The pattern as the opaque word and pattern that containment reads.
    pub(crate) fn tokens(&self) -> &[Token] {
        &self.0.tokens
    }

    /// The pattern with its variables read as `*`: everything it could match.
    pub(crate) fn loose(&self) -> &[Token] {
        self.0.loose.as_deref().unwrap_or(&self.0.tokens)
    }

    pub(crate) fn is_literal(&self) -> bool {
        self.0.shape == Shape::Literal
    }

    pub(crate) fn has_marks(&self) -> bool {
        self.0.shape == Shape::Marks
    }

    pub(crate) fn has_variables(&self) -> bool {
        self.0.loose.is_some()
    }

    pub(crate) fn is_everything(&self) -> bool {
        matches!(self.tokens(), [STAR])
    }

    pub(crate) fn is_segmented(&self) -> bool {
        self.0.segmented
    }

    /// The names of the variables, with their defaults.
    pub(crate) fn variables(&self) -> Vec<(String, Option<String>)> {
        let mut names = Vec::new();
        let mut name = String::new();
        for token in self.tokens().iter().filter(|token| token.is_variable()) {
            match token.opaque_letter() {
                Some('{') => name.clear(),
                Some('}') => names.push(match name.split_once(',') {
                    None => (name.clone(), None),
                    Some((key, default)) => (key.to_owned(), Some(default.to_owned())),
                }),
                Some(letter) => name.push(letter),
                None => {}
            }
        }
        names
    }

    /// The pattern with a value for each variable; `None` if one has none.
    pub(crate) fn bound(
        &self,
        value: &dyn Fn(&str, Option<&str>) -> Option<String>,
    ) -> Option<Self> {
        let bound = self.partly_bound(value);
        (!bound.has_variables()).then_some(bound)
    }

    /// The pattern with a value for those variables that have one.
    pub(crate) fn partly_bound(
        &self,
        value: &dyn Fn(&str, Option<&str>) -> Option<String>,
    ) -> Self {
        if !self.has_variables() {
            return self.clone();
        }
        let mut values = self.variables().into_iter();
        let mut known = None;
        let mut tokens = Vec::new();
        for token in self.tokens() {
            if !token.is_variable() {
                tokens.push(*token);
                continue;
            }
            if token.opaque_letter() == Some('{') {
                known = values
                    .next()
                    .and_then(|(name, default)| value(&name, default.as_deref()));
                tokens.extend(
                    known
                        .iter()
                        .flat_map(|text| text.chars())
                        .map(Token::letter),
                );
            }
            if known.is_none() {
                tokens.push(*token);
            }
        }
        Self::from_tokens(tokens, self.is_segmented())
    }

    /// The text, if this is a literal.
    pub(crate) fn as_text(&self) -> Option<String> {
        self.is_literal().then(|| {
            self.tokens()
                .iter()
                .filter_map(|token| token.as_letter())
                .collect()
        })
    }

    /// A sound "contains": yes is certain; no is certain unless this glob holds a `?`, or either
    /// holds a variable.
    pub(crate) fn covers_word(&self, other: &Self) -> bool {
        matches(self.tokens(), other.tokens())
    }

    /// Is there a string that both match? Variables stand for anything.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let (left, right) = (self.loose(), other.loose());
        if self.is_literal() {
            return matches(right, left);
        }
        if other.is_literal() {
            return matches(left, right);
        }
        if self.is_everything() || other.is_everything() {
            return true;
        }
        match (self.is_segmented(), other.is_segmented()) {
            (true, true) => segments_meet(left, right),
            (false, false) => parts_meet(left, right),
            (true, false) | (false, true) => grids_meet(left, right),
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in self.tokens() {
            write!(out, "{token:?}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{self}`")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.as_letter(), self.opaque_letter()) {
            (Some(letter), _) => write!(out, "{letter}"),
            (None, Some('{')) => out.write_str("${"),
            (None, Some(letter)) => write!(out, "{letter}"),
            (None, None) => out.write_str(if self.is_star() { "*" } else { "?" }),
        }
    }
}

fn wildcard_or_letter(letter: char) -> Token {
    match letter {
        '*' => STAR,
        '?' => ANY,
        other => Token::letter(other),
    }
}

pub(super) fn tokens_of<'a>(pieces: impl IntoIterator<Item = Piece<'a>>) -> Vec<Token> {
    let mut tokens = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => tokens.extend(text.chars().map(Token::letter)),
            Piece::Star => tokens.push(STAR),
            Piece::Any => tokens.push(ANY),
            Piece::Variable { name, default } => {
                let opaque = |letter: char| Token(VARIABLE + letter as u32);
                tokens.push(opaque('{'));
                tokens.extend(
                    name.chars()
                        .map(|letter| opaque(letter.to_ascii_lowercase())),
                );
                if let Some(default) = default {
                    tokens.push(opaque(','));
                    tokens.extend(default.chars().filter(|letter| *letter != '{').map(opaque));
                }
                tokens.push(opaque('}'));
            }
        }
    }
    tokens
}

/// Marks everything before the fifth colon as free of colons. `None` if there are fewer than five.
pub(super) fn segmented(tokens: &[Token]) -> Option<Vec<Token>> {
    let mut colons = 0;
    let marked: Vec<Token> = tokens
        .iter()
        .map(|token| {
            if *token == COLON {
                colons += 1;
            }
            if colons < 5 {
                token.within_segment()
            } else {
                *token
            }
        })
        .collect();
    (colons >= 5).then_some(marked)
}

/// Writes each run of wildcards as its `?`s and then at most one star.
fn normalised(tokens: Vec<Token>) -> Vec<Token> {
    let crowded = tokens
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.is_star() && b.is_wildcard()));
    if !crowded {
        return tokens;
    }
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut star = None;
    for token in tokens {
        if token.is_star() {
            star = Some(token);
            continue;
        }
        if !token.is_wildcard() {
            out.extend(star.take());
        }
        out.push(token);
    }
    out.extend(star);
    out
}

fn loosened(tokens: &[Token]) -> Vec<Token> {
    let mut out = Vec::with_capacity(tokens.len());
    for token in tokens {
        if !token.is_variable() {
            out.push(*token);
        } else if token.opaque_letter() == Some('{') {
            out.push(if token.0 >= SEGMENT_VARIABLE {
                SEGMENT_STAR
            } else {
                STAR
            });
        }
    }
    out
}

/// Does the pattern match the word, whose wildcards are letters of their own?
///
/// Going back to the last star alone is enough: a segment star that meets a colon is at the end of
/// its segment, and segments are aligned by their colons.
pub(crate) fn matches(pattern: &[Token], word: &[Token]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut last_star: Option<(usize, Token, usize)> = None;
    while let Some(letter) = word.get(read) {
        match pattern.get(at) {
            Some(token) if token.is_star() => {
                last_star = Some((at, *token, read));
                at += 1;
                continue;
            }
            Some(token) if token.accepts(*letter) => {
                at += 1;
                read += 1;
                continue;
            }
            Some(_) | None => {}
        }
        let Some((star_at, star, swallowed)) = last_star else {
            return false;
        };
        if !word
            .get(swallowed)
            .is_some_and(|letter| star.swallows(*letter))
        {
            return false;
        }
        last_star = Some((star_at, star, swallowed + 1));
        at = star_at + 1;
        read = swallowed + 1;
    }
    pattern.iter().skip(at).all(|token| token.is_star())
}

/// Two patterns of six segments meet if each pair of segments does.
fn segments_meet(left: &[Token], right: &[Token]) -> bool {
    let (mut left, mut right) = (left, right);
    for _ in 0..5 {
        let (Some((a, rest_left)), Some((b, rest_right))) =
            (split_at_colon(left), split_at_colon(right))
        else {
            return false;
        };
        if !parts_meet(a, b) {
            return false;
        }
        (left, right) = (rest_left, rest_right);
    }
    parts_meet(left, right)
}

pub(super) fn split_at_colon(tokens: &[Token]) -> Option<(&[Token], &[Token])> {
    let at = tokens.iter().position(|token| *token == COLON)?;
    let (before, after) = tokens.split_at_checked(at)?;
    Some((before, after.get(1..)?))
}

/// Two patterns that each hold a star meet if their literal ends do not clash.
fn parts_meet(left: &[Token], right: &[Token]) -> bool {
    let stars = |tokens: &[Token]| tokens.iter().any(|token| token.is_star());
    let marks = |tokens: &[Token]| tokens.iter().any(|token| token.is_mark());
    if ends_clash(left.iter(), right.iter()) || ends_clash(left.iter().rev(), right.iter().rev()) {
        return false;
    }
    if marks(left) || marks(right) {
        return grids_meet(left, right);
    }
    match (stars(left), stars(right)) {
        (true, true) => true,
        (true, false) => matches(left, right),
        (false, true) => matches(right, left),
        (false, false) => left == right,
    }
}

fn ends_clash<'a>(
    left: impl Iterator<Item = &'a Token>,
    right: impl Iterator<Item = &'a Token>,
) -> bool {
    left.zip(right)
        .take_while(|(a, b)| !a.is_star() && !b.is_star())
        .any(|(a, b)| !a.shares_a_letter(*b))
}

/// The general case: which pairs of positions can be reached together.
fn grids_meet(left: &[Token], right: &[Token]) -> bool {
    let width = right.len() + 1;
    let mut row = vec![false; width];
    if let Some(first) = row.first_mut() {
        *first = true;
    }
    skip_stars(&mut row, right);
    for token in left {
        let mut next = if token.is_star() {
            row.clone()
        } else {
            vec![false; width]
        };
        for (at, other) in right.iter().enumerate() {
            let here = row.get(at).copied().unwrap_or(false);
            let below = next.get(at).copied().unwrap_or(false);
            let (step, stay) = match (token.is_star(), other.is_star()) {
                (true, true) => (here || below, here),
                (true, false) => (below && token.swallows(*other), false),
                (false, true) => (false, here && other.swallows(*token)),
                (false, false) => (here && token.shares_a_letter(*other), false),
            };
            if stay && let Some(cell) = next.get_mut(at) {
                *cell = true;
            }
            if step && let Some(cell) = next.get_mut(at + 1) {
                *cell = true;
            }
        }
        skip_stars(&mut next, right);
        row = next;
    }
    row.last().copied().unwrap_or(false)
}

/// A star matches nothing too: what is reached before it is reached after it.
fn skip_stars(row: &mut [bool], right: &[Token]) {
    for (at, token) in right.iter().enumerate() {
        if token.is_star()
            && row.get(at).copied().unwrap_or(false)
            && let Some(cell) = row.get_mut(at + 1)
        {
            *cell = true;
        }
    }
}

#[cfg(test)]
mod tests;
