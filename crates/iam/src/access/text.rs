//! One dimension whose points are strings: action, resource, principal.

use std::sync::Arc;

use smallvec::SmallVec;

use super::budget::Budget;
use super::glob::{Glob, Token, matches};
use super::product::{self, Outcome};

/// The strings a statement's element matches: a union of globs, or everything else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TextSet {
    /// `NotAction`, `NotResource`, `NotPrincipal`.
    pub(crate) complement: bool,
    pub(crate) list: Arc<GlobList>,
}

/// A union of globs.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GlobList {
    /// Literals first, each part sorted.
    all: Box<[Glob]>,
    literals: usize,
    has_marks: bool,
    has_variables: bool,
}

/// A cell of the search: strings in every positive and in no negative.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TextState {
    /// An antichain; empty means every string.
    pub(crate) positive: SmallVec<[Glob; 2]>,
    /// Whole lists, shared with the statements they come from.
    pub(crate) negative: SmallVec<[Arc<GlobList>; 4]>,
}

impl GlobList {
    pub(crate) fn new(globs: impl IntoIterator<Item = Glob>) -> Self {
        let mut all: Vec<Glob> = globs.into_iter().collect();
        all.sort_unstable_by(|one, two| {
            two.is_literal()
                .cmp(&one.is_literal())
                .then_with(|| one.cmp(two))
        });
        all.dedup();
        Self {
            literals: all.iter().take_while(|glob| glob.is_literal()).count(),
            has_marks: all.iter().any(Glob::has_marks),
            has_variables: all.iter().any(Glob::has_variables),
            all: all.into_boxed_slice(),
        }
    }

    pub(crate) fn all(&self) -> &[Glob] {
        &self.all
    }

    pub(crate) fn literals(&self) -> &[Glob] {
        self.all.get(..self.literals).unwrap_or_default()
    }

    pub(crate) fn patterns(&self) -> &[Glob] {
        self.all.get(self.literals..).unwrap_or_default()
    }

    /// Does one of the globs hold the whole of this one? Yes is certain.
    fn covers_word(&self, other: &Glob) -> bool {
        (other.is_literal() && self.literals().binary_search(other).is_ok())
            || self.patterns().iter().any(|glob| glob.covers_word(other))
    }

    /// Does one of the globs meet this one? Variables stand for anything.
    fn meets(&self, other: &Glob) -> bool {
        if other.is_literal() {
            return self.literals().binary_search(other).is_ok()
                || self.patterns().iter().any(|glob| glob.meets(other));
        }
        self.all.iter().any(|glob| glob.meets(other))
    }
}

impl TextSet {
    pub(crate) fn new(complement: bool, globs: impl IntoIterator<Item = Glob>) -> Self {
        Self {
            complement,
            list: Arc::new(GlobList::new(globs)),
        }
    }

    pub(crate) fn everything() -> Self {
        Self::new(false, [Glob::everything()])
    }

    pub(crate) fn is_everything(&self) -> bool {
        if self.complement {
            self.list.all.is_empty()
        } else {
            self.list.patterns().iter().any(Glob::is_everything)
        }
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

    /// Does the list hold every string of this state? Yes is certain; no is too, but for `?`,
    /// variables, and where several positives or the negatives narrow the state.
    fn is_covered_by(&self, list: &GlobList) -> bool {
        if self.positive.is_empty() {
            return list.patterns().iter().any(Glob::is_everything);
        }
        self.positive.iter().any(|own| list.covers_word(own))
    }

    /// Could a string of this state be in the set? May say yes too often, never no.
    pub(crate) fn may_enter(&self, set: &TextSet) -> bool {
        if set.complement {
            return !self.is_covered_by(&set.list);
        }
        if let (Some(literal), [_]) = (self.literal(), self.positive.as_slice()) {
            return set.list.meets(literal);
        }
        set.list.all.iter().any(|glob| self.may_meet(glob))
    }

    fn may_meet(&self, glob: &Glob) -> bool {
        self.positive.iter().all(|own| own.meets(glob))
            && !self.negative.iter().any(|not| not.covers_word(glob))
    }

    /// Is every string of this state in the set? Yes is certain; no where the cheap test fails.
    pub(crate) fn surely_inside(&self, set: &TextSet) -> bool {
        if !set.complement {
            return self.is_covered_by(&set.list);
        }
        if let (Some(literal), [_]) = (self.literal(), self.positive.as_slice()) {
            return !set.list.meets(literal);
        }
        !set.list.all.iter().any(|glob| self.may_meet(glob))
    }

    /// How many cells lie outside the set, at most; nought is certain.
    pub(crate) fn exits(&self, set: &TextSet) -> usize {
        if !set.complement {
            return usize::from(!self.is_covered_by(&set.list));
        }
        set.list
            .all
            .iter()
            .filter(|glob| self.may_meet(glob))
            .count()
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

    /// What is left outside the list.
    pub(crate) fn and_none_of(&self, list: &Arc<GlobList>, budget: &mut Budget) -> Option<Self> {
        if self.is_covered_by(list) {
            return None;
        }
        let mut state = self.clone();
        let known = |own: &Arc<GlobList>| Arc::ptr_eq(own, list);
        if !list.all.is_empty() && !state.negative.iter().any(known) {
            state.negative.push(list.clone());
        }
        state.is_inhabited(budget).then_some(state)
    }

    /// The cells of this state inside the set.
    pub(crate) fn inside(&self, set: &TextSet, budget: &mut Budget) -> SmallVec<[Self; 2]> {
        if set.complement {
            return self.and_none_of(&set.list, budget).into_iter().collect();
        }
        if self.surely_inside(set) {
            return SmallVec::from_iter([self.clone()]);
        }
        set.list
            .all
            .iter()
            .filter_map(|glob| self.and_glob(glob, budget))
            .collect()
    }

    /// The cells of this state outside the set.
    pub(crate) fn outside(&self, set: &TextSet, budget: &mut Budget) -> SmallVec<[Self; 2]> {
        if !set.complement {
            return self.and_none_of(&set.list, budget).into_iter().collect();
        }
        set.list
            .all
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
        if self.negative.iter().any(|not| self.is_covered_by(not)) {
            return Some(false);
        }
        let plain = |glob: &Glob| !glob.has_marks();
        match self.positive.as_slice() {
            [] => self.negatives_are_plain().then_some(true),
            [_] => (self.negatives_are_plain() || self.near().all(plain)).then_some(true),
            several if several.iter().all(plain) && alike(several) => {
                // Ends that agree pairwise agree together: each is a prefix of the longest.
                let numbered = several.iter().enumerate();
                let mut pairs = numbered
                    .flat_map(|(at, one)| several.iter().skip(at + 1).map(move |two| (one, two)));
                let meet = pairs.all(|(one, two)| one.meets(two));
                if meet && self.near().next().is_some() {
                    None
                } else {
                    Some(meet)
                }
            }
            _ => None,
        }
    }

    fn negatives_are_plain(&self) -> bool {
        self.negative.iter().all(|not| !not.has_marks)
    }

    /// The negatives that matter: those that meet every positive.
    fn near(&self) -> impl Iterator<Item = &Glob> {
        let all = self.negative.iter().flat_map(|not| not.all());
        all.filter(|not| self.positive.iter().all(|own| own.meets(not)))
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
        let mut negative: Vec<&[Token]> = self
            .near()
            .filter(|not| opaque || !not.has_variables())
            .map(Glob::tokens)
            .collect();
        negative.sort_unstable();
        negative.dedup();
        product::word(&positive, &negative, budget)
    }

    /// A readable string of this state, once its variables have values.
    pub(crate) fn word(&self, readable: &[&str], budget: &mut Budget) -> Option<String> {
        if let Some(text) = self.literal() {
            let fits = self.positive.iter().all(|own| own.meets(text))
                && !self.negative.iter().any(|not| not.covers_word(text));
            return fits.then(|| text.as_text()).flatten();
        }
        let everything = Glob::everything();
        let shape = self.positive.first().unwrap_or(&everything);
        for filler in readable {
            let word = filled(shape, filler);
            if self.admits(&word) {
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

    pub(crate) fn has_variables(&self) -> bool {
        self.positive.iter().any(Glob::has_variables)
            || self.negative.iter().any(|not| not.has_variables)
    }

    /// Is there a string once these variables have their values? No is certain.
    pub(crate) fn is_inhabited_with(
        &self,
        value: &dyn Fn(&str, Option<&str>) -> Option<String>,
        budget: &mut Budget,
    ) -> bool {
        let mut bound = Self::default();
        for glob in &self.positive {
            let glob = glob.partly_bound(value);
            if !bound.may_meet(&glob) {
                return false;
            }
            bound.insert(&glob);
        }
        for list in &self.negative {
            let known = list.has_variables.then(|| {
                let globs = list.all.iter().map(|glob| glob.partly_bound(value));
                Arc::new(GlobList::new(globs))
            });
            bound.negative.push(known.unwrap_or_else(|| list.clone()));
        }
        bound.is_inhabited(budget)
    }

    pub(crate) fn admits(&self, word: &[Token]) -> bool {
        let near = self.negative.iter().flat_map(|not| not.all());
        self.positive.iter().all(|own| matches(own.loose(), word))
            && !near.into_iter().any(|not| matches(not.loose(), word))
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
