//! One dimension whose points are strings: action, resource, principal.

use smallvec::SmallVec;

use super::budget::Budget;
use super::glob::{Glob, Token, matches};
use super::product::{self, Outcome};

/// The strings a statement's element matches: a union of globs, or everything else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TextSet {
    /// `NotAction`, `NotResource`, `NotPrincipal`.
    pub(crate) complement: bool,
    /// Literals first, each part sorted.
    pub(crate) globs: Box<[Glob]>,
    literals: usize,
}

/// A cell of the search: strings in every positive and in no negative.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TextState {
    /// An antichain; empty means every string.
    pub(crate) positive: SmallVec<[Glob; 2]>,
    /// Only those that meet the positives.
    pub(crate) negative: SmallVec<[Glob; 4]>,
}

impl TextSet {
    pub(crate) fn new(complement: bool, globs: impl IntoIterator<Item = Glob>) -> Self {
        let mut globs: Vec<Glob> = globs.into_iter().collect();
        globs.sort_unstable_by(|one, two| {
            two.is_literal()
                .cmp(&one.is_literal())
                .then_with(|| one.cmp(two))
        });
        globs.dedup();
        let literals = globs.iter().take_while(|glob| glob.is_literal()).count();
        Self {
            complement,
            globs: globs.into_boxed_slice(),
            literals,
        }
    }

    pub(crate) fn everything() -> Self {
        Self::new(false, [Glob::everything()])
    }

    pub(crate) fn is_everything(&self) -> bool {
        if self.complement {
            self.globs.is_empty()
        } else {
            self.globs.iter().any(Glob::is_everything)
        }
    }

    pub(crate) fn literals(&self) -> &[Glob] {
        self.globs.get(..self.literals).unwrap_or_default()
    }

    pub(crate) fn patterns(&self) -> &[Glob] {
        self.globs.get(self.literals..).unwrap_or_default()
    }

    /// Do the globs, before any complement, match this literal? Variables match nothing.
    fn lists(&self, literal: &Glob) -> bool {
        self.literals().binary_search(literal).is_ok()
            || self.patterns().iter().any(|glob| glob.covers_word(literal))
    }

    /// The same, if variables match anything.
    fn may_list(&self, literal: &Glob) -> bool {
        self.literals().binary_search(literal).is_ok()
            || self.patterns().iter().any(|glob| glob.meets(literal))
    }
}

impl TextState {
    /// The strings of one glob.
    pub(crate) fn of(glob: Glob) -> Self {
        let mut state = Self::default();
        if !glob.is_everything() {
            state.positive.push(glob);
        }
        state
    }

    /// The literal this state is pinned to, if it is.
    pub(crate) fn literal(&self) -> Option<&Glob> {
        self.positive.iter().find(|glob| glob.is_literal())
    }

    /// Could a string of this state be in the set? May say yes too often, never no.
    pub(crate) fn may_enter(&self, set: &TextSet) -> bool {
        if let Some(literal) = self.literal() {
            return if set.complement {
                !set.lists(literal)
            } else {
                set.may_list(literal)
            };
        }
        if set.complement {
            return !set.globs.iter().any(|glob| {
                glob.is_everything() || self.positive.iter().any(|own| glob.covers_word(own))
            });
        }
        set.globs.iter().any(|glob| self.may_meet(glob))
    }

    fn may_meet(&self, glob: &Glob) -> bool {
        self.positive.iter().all(|own| own.meets(glob))
            && !self.negative.iter().any(|not| not.covers_word(glob))
    }

    /// Is every string of this state in the set? Yes is certain; no where the cheap test fails.
    pub(crate) fn surely_inside(&self, set: &TextSet) -> bool {
        if let Some(literal) = self.literal() {
            return if set.complement {
                !set.may_list(literal)
            } else {
                set.lists(literal)
            };
        }
        if set.complement {
            return !set.globs.iter().any(|glob| self.may_meet(glob));
        }
        set.globs.iter().any(|glob| {
            glob.is_everything() || self.positive.iter().any(|own| glob.covers_word(own))
        })
    }

    /// Is there a string in this state and in the glob?
    pub(crate) fn and_glob(&self, glob: &Glob, budget: &mut Budget) -> Option<Self> {
        if !self.may_meet(glob) {
            return None;
        }
        let mut state = self.clone();
        state.insert(glob);
        state.is_inhabited(budget).then_some(state)
    }

    /// What is left outside the globs.
    pub(crate) fn and_none_of(&self, globs: &[Glob], budget: &mut Budget) -> Option<Self> {
        let mut state = self.clone();
        for glob in globs {
            if self.positive.iter().any(|own| glob.covers_word(own)) || glob.is_everything() {
                return None;
            }
            let relevant = self.positive.iter().all(|own| own.meets(glob));
            if relevant && !state.negative.contains(glob) {
                state.negative.push(glob.clone());
            }
        }
        state.is_inhabited(budget).then_some(state)
    }

    /// The cells of this state inside the set.
    pub(crate) fn inside(&self, set: &TextSet, budget: &mut Budget) -> SmallVec<[Self; 2]> {
        if set.complement {
            return self.and_none_of(&set.globs, budget).into_iter().collect();
        }
        if self.surely_inside(set) {
            return SmallVec::from_iter([self.clone()]);
        }
        set.globs
            .iter()
            .filter_map(|glob| self.and_glob(glob, budget))
            .collect()
    }

    /// The cells of this state outside the set.
    pub(crate) fn outside(&self, set: &TextSet, budget: &mut Budget) -> SmallVec<[Self; 2]> {
        if !set.complement {
            return self.and_none_of(&set.globs, budget).into_iter().collect();
        }
        set.globs
            .iter()
            .filter_map(|glob| self.and_glob(glob, budget))
            .collect()
    }

    fn insert(&mut self, glob: &Glob) {
        if glob.is_everything() || self.positive.iter().any(|own| glob.covers_word(own)) {
            return;
        }
        self.positive.retain(|own| !own.covers_word(glob));
        self.positive.push(glob.clone());
        self.positive.sort_unstable();
        let positive = &self.positive;
        self.negative
            .retain(|not| positive.iter().all(|own| own.meets(not)));
    }

    /// Is there a string? Exact up to variables, which may say yes too often.
    pub(crate) fn is_inhabited(&self, budget: &mut Budget) -> bool {
        self.quick_answer().unwrap_or_else(|| {
            // A budget that ends leaves "maybe", and the question ends in unknown.
            !matches!(self.product(budget), Outcome::Empty)
        })
    }

    /// The cases that the lemma decides.
    fn quick_answer(&self) -> Option<bool> {
        if let Some(text) = self.literal() {
            let inside = self.positive.iter().all(|own| own.meets(text));
            let outside = !self.negative.iter().any(|not| not.covers_word(text));
            return Some(inside && outside);
        }
        let covered = self
            .negative
            .iter()
            .any(|not| not.is_everything() || self.positive.iter().any(|own| not.covers_word(own)));
        if covered {
            return Some(false);
        }
        let plain = |glob: &Glob| !glob.has_marks();
        match self.positive.as_slice() {
            [] | [_] => self.negative.iter().all(plain).then_some(true),
            [first, second] if self.negative.is_empty() && plain(first) && plain(second) => {
                Some(first.meets(second))
            }
            several if self.negative.is_empty() && several.iter().all(plain) && alike(several) => {
                // Ends that agree pairwise agree together: each is a prefix of the longest.
                Some(
                    several
                        .iter()
                        .enumerate()
                        .all(|(at, one)| several.iter().skip(at + 1).all(|two| one.meets(two))),
                )
            }
            _ => None,
        }
    }

    fn product(&self, budget: &mut Budget) -> Outcome {
        // With one positive its variables are opaque letters, which a negative may run over but
        // not equal by chance. With several, two names may have one value: read them as `*`.
        let opaque = self.positive.len() <= 1;
        let everything = Glob::everything();
        let positive: Vec<&[Token]> = match self.positive.as_slice() {
            [] => vec![everything.tokens()],
            [one] => vec![one.tokens()],
            several => several.iter().map(Glob::loose).collect(),
        };
        let negative: Vec<&[Token]> = self
            .negative
            .iter()
            .filter(|not| opaque || !not.has_variables())
            .map(Glob::tokens)
            .collect();
        product::word(&positive, &negative, budget)
    }

    /// A readable string of this state, once its variables have values.
    pub(crate) fn word(&self, readable: &[&str], budget: &mut Budget) -> Option<String> {
        if let Some(text) = self.literal() {
            let fits = self.positive.iter().all(|own| own.meets(text))
                && !self.negative.iter().any(|not| not.covers_word(text));
            return fits.then(|| text.as_text()).flatten();
        }
        let admits = |word: &[Token]| {
            self.positive.iter().all(|own| matches(own.loose(), word))
                && !self.negative.iter().any(|not| matches(not.loose(), word))
        };
        let everything = Glob::everything();
        let shape = self.positive.first().unwrap_or(&everything);
        for filler in readable {
            let word = filled(shape, filler);
            if admits(&word) {
                return Some(spelled(&word));
            }
        }
        match self.product(budget) {
            Outcome::Word(word) if word.iter().all(|token| token.is_letter()) => {
                Some(spelled(&word))
            }
            Outcome::Word(_) | Outcome::Empty | Outcome::GaveUp => None,
        }
    }
}

/// All of them by segments, or none.
fn alike(globs: &[Glob]) -> bool {
    globs
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.is_segmented() == b.is_segmented()))
}

/// The glob with each star read as the filler and each `?` as its first letter, or `x`.
pub(crate) fn filled(glob: &Glob, filler: &str) -> Vec<Token> {
    let mark = filler.chars().find(|letter| *letter != ':').unwrap_or('x');
    let mut word = Vec::new();
    for token in glob.loose() {
        if token.is_star() {
            word.extend(filler.chars().map(Token::letter));
        } else if token.is_wildcard() {
            word.push(Token::letter(mark));
        } else {
            word.push(*token);
        }
    }
    word
}

pub(crate) fn spelled(word: &[Token]) -> String {
    word.iter().filter_map(|token| token.as_letter()).collect()
}

/// The tokens of a literal text.
pub(crate) fn letters(text: &str) -> Vec<Token> {
    text.chars().map(Token::letter).collect()
}

#[cfg(test)]
mod tests;
