//! The values of one condition key, cut into atoms: classes of values that no condition of the
//! question tells apart. With few conditions a key, there are few atoms.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;

use super::bits::Bits;
use super::budget::{Budget, Exhausted};
use super::glob::{Glob, Token, matches};
use super::number::{Moment, Number, Range, Read, address_text, own_address};
use super::product::{self, Operand, Outcome};
use super::text::{GlobList, TextState, letters, spelled};

/// What one listed value of a condition asks of one value of the request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Predicate {
    /// This very text, or a pattern of text or ARN.
    Text(Glob),
    /// This text, whatever the case of its letters.
    Folded(Glob),
    Number(Order, Number),
    Date(Order, Moment),
    Address(Range),
    /// These bytes, in canonical base64.
    Bytes(String),
    /// A listed value that can match nothing.
    Never,
    /// A number with more digits than are compared here: its conditions are read as facts.
    Exotic(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// The kinds of values that can be compared with one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Text,
    Number,
    Date,
    Address,
    Bytes,
    Exotic,
}

impl Predicate {
    const fn family(&self) -> Option<Family> {
        match self {
            Self::Text(_) | Self::Folded(_) => Some(Family::Text),
            Self::Number(..) => Some(Family::Number),
            Self::Date(..) => Some(Family::Date),
            Self::Address(_) => Some(Family::Address),
            Self::Bytes(_) => Some(Family::Bytes),
            Self::Never => None,
            Self::Exotic(_) => Some(Family::Exotic),
        }
    }

    /// Does this one value match?
    pub(crate) fn matches(&self, value: &str) -> bool {
        match self {
            Self::Text(_) | Self::Folded(_) => text_matches(self, &letters(value)),
            Self::Number(order, number) => {
                matches!(Number::read(value), Read::Number(value) if order.holds(&value, number))
            }
            Self::Date(order, moment) => {
                Moment::parse(value).is_some_and(|value| order.holds(&value, moment))
            }
            Self::Address(range) => {
                Range::parse(value).is_some_and(|value| range.contains(value.v6, value.low))
            }
            Self::Bytes(_) => Self::bytes(value) == *self,
            Self::Never | Self::Exotic(_) => false,
        }
    }

    /// Canonical base64 of the bytes that the text encodes.
    pub(crate) fn bytes(text: &str) -> Self {
        let engine = &base64::engine::general_purpose::STANDARD;
        engine
            .decode(text)
            .map_or(Self::Never, |bytes| Self::Bytes(engine.encode(bytes)))
    }
}

/// What the vocabulary says that narrows a key's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `true` and `false` are all there is.
    Bool,
    Number,
    Date,
    Address,
    Text,
    Unknown,
}

/// A class of values with one signature.
#[derive(Debug, Clone)]
pub(crate) enum Atom {
    /// One value.
    Value(String),
    /// A value that stands for others which all compare alike.
    Example(String),
    /// All strings of a cell; the cell excludes every value that is an atom of its own.
    Cell(TextState),
    /// A value of another kind, which no comparison matches, negated or not.
    Foreign,
    /// More than one value at a time, where the vocabulary does not say that this cannot be.
    Several,
}

/// The atoms of one key, and what each predicate matches.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    pub(crate) atoms: Vec<Atom>,
    predicates: Vec<(Predicate, Bits)>,
}

impl Domain {
    /// Cuts the values of a key. `None`: the predicates are of several families, which atoms
    /// cannot tell apart, or the cells are too many.
    pub(crate) fn new(
        predicates: &BTreeSet<&Predicate>,
        kind: Kind,
        several: bool,
        budget: &mut Budget,
    ) -> Option<Self> {
        let families: BTreeSet<Family> = predicates
            .iter()
            .filter_map(|predicate| predicate.family())
            .collect();
        let mut families = families.into_iter();
        let family = families.next().unwrap_or(Family::Text);
        if families.next().is_some() {
            return None;
        }
        let mut domain = match family {
            Family::Text => Self::text(predicates, kind, budget)?,
            Family::Number => Self::numbers(predicates, kind),
            Family::Date => Self::dates(predicates, kind),
            Family::Address => Self::addresses(predicates, kind),
            Family::Bytes => Self::bytes(predicates),
            Family::Exotic => return None,
        };
        if several {
            domain.push(Atom::Several, |_| false);
        }
        let len = domain.atoms.len();
        if len > budget.atoms_max() as usize {
            budget.give_up(Exhausted::Atoms);
            return None;
        }
        Some(domain)
    }

    pub(crate) fn len(&self) -> usize {
        self.atoms.len()
    }

    /// The atoms that an operator of the key's kind can compare, negated or not.
    pub(crate) fn comparable(&self) -> Bits {
        let mut set = Bits::none(self.len());
        for (at, atom) in self.atoms.iter().enumerate() {
            if !matches!(atom, Atom::Several | Atom::Foreign) {
                set.insert(at);
            }
        }
        set
    }

    /// The atoms that at least one of the predicates matches.
    pub(crate) fn matched(&self, predicates: &[Predicate]) -> Bits {
        let mut set = Bits::none(self.len());
        for predicate in predicates {
            if let Ok(at) = self
                .predicates
                .binary_search_by(|(known, _)| known.cmp(predicate))
                && let Some((_, bits)) = self.predicates.get(at)
            {
                for atom in bits.iter() {
                    set.insert(atom);
                }
            }
        }
        set
    }

    fn empty(predicates: &BTreeSet<&Predicate>) -> Self {
        let predicates = predicates
            .iter()
            .map(|predicate| ((*predicate).clone(), Bits::none(0)))
            .collect();
        Self {
            atoms: Vec::new(),
            predicates,
        }
    }

    fn push(&mut self, atom: Atom, matched: impl Fn(&Predicate) -> bool) {
        let at = self.atoms.len();
        self.atoms.push(atom);
        for (predicate, bits) in &mut self.predicates {
            bits.grow(at + 1);
            if matched(predicate) {
                bits.insert(at);
            }
        }
    }

    fn text(predicates: &BTreeSet<&Predicate>, kind: Kind, budget: &mut Budget) -> Option<Self> {
        let mut domain = Self::empty(predicates);
        let mut literals: BTreeSet<String> = BTreeSet::new();
        let mut patterns: Vec<(Glob, bool)> = Vec::new();
        for predicate in predicates {
            match predicate {
                Predicate::Text(glob) => match glob.as_text() {
                    Some(text) => _ = literals.insert(text),
                    None => patterns.push((glob.clone(), false)),
                },
                Predicate::Folded(glob) => patterns.push((glob.clone(), true)),
                Predicate::Number(..)
                | Predicate::Date(..)
                | Predicate::Address(_)
                | Predicate::Bytes(_)
                | Predicate::Never
                | Predicate::Exotic(_) => {}
            }
        }
        let closed = kind == Kind::Bool;
        if closed {
            literals = ["false", "true"].map(str::to_owned).into();
        }
        // An empty value counts as no value.
        literals.remove("");
        for text in &literals {
            let word = letters(text);
            domain.push(Atom::Value(text.clone()), |predicate| {
                text_matches(predicate, &word)
            });
        }
        if closed {
            return Some(domain);
        }
        let mut cells = Cells {
            patterns: &patterns,
            literals: &literals,
            found: Vec::new(),
        };
        let within_budget = cells.enumerate(&mut Vec::new(), budget);
        let found = cells.found;
        for (signs, atom) in found {
            domain.push(atom, |predicate| sign_of(predicate, &patterns, &signs));
        }
        within_budget.then_some(domain)
    }

    fn numbers(predicates: &BTreeSet<&Predicate>, kind: Kind) -> Self {
        let points: BTreeSet<Number> = predicates
            .iter()
            .filter_map(|predicate| {
                if let Predicate::Number(_, number) = predicate {
                    Some(*number)
                } else {
                    None
                }
            })
            .collect();
        let mut domain = Self::empty(predicates);
        for value in with_gaps(
            &points,
            |first| first.plus(-1),
            Number::between,
            |last| last.plus(1),
        ) {
            domain.push(Atom::Example(value.text()), |predicate| {
                matches!(predicate, Predicate::Number(order, number) if order.holds(&value, number))
            });
        }
        domain.push_foreign(kind == Kind::Number);
        domain
    }

    fn dates(predicates: &BTreeSet<&Predicate>, kind: Kind) -> Self {
        let points: BTreeSet<Moment> = predicates
            .iter()
            .filter_map(|predicate| {
                if let Predicate::Date(_, moment) = predicate {
                    Some(*moment)
                } else {
                    None
                }
            })
            .collect();
        let mut domain = Self::empty(predicates);
        for value in with_gaps(
            &points,
            |first| first.plus_days(-1),
            Moment::between,
            |last| last.plus_days(1),
        ) {
            domain.push(Atom::Example(value.text()), |predicate| {
                matches!(predicate, Predicate::Date(order, moment) if order.holds(&value, moment))
            });
        }
        domain.push_foreign(kind == Kind::Date);
        domain
    }

    fn addresses(predicates: &BTreeSet<&Predicate>, kind: Kind) -> Self {
        let mut domain = Self::empty(predicates);
        for v6 in [false, true] {
            let top = if v6 { u128::MAX } else { u128::from(u32::MAX) };
            // Each range starts a piece and ends one; a piece is known by its first address.
            let mut starts: BTreeSet<u128> = [0].into();
            for predicate in predicates {
                if let Predicate::Address(range) = predicate
                    && range.v6 == v6
                {
                    starts.insert(range.low);
                    starts.extend(range.high.checked_add(1).filter(|next| *next <= top));
                }
            }
            for start in starts {
                let own = own_address(v6, start);
                domain.push(Atom::Example(address_text(v6, own)), |predicate| {
                    matches!(predicate, Predicate::Address(range) if range.contains(v6, start))
                });
            }
        }
        domain.push_foreign(kind == Kind::Address);
        domain
    }

    fn bytes(predicates: &BTreeSet<&Predicate>) -> Self {
        let mut domain = Self::empty(predicates);
        for predicate in predicates {
            if let Predicate::Bytes(text) = predicate {
                domain.push(Atom::Value(text.clone()), |other| other == *predicate);
            }
        }
        domain.push(Atom::Foreign, |_| false);
        domain
    }

    /// A value of another kind, unless the vocabulary rules it out.
    fn push_foreign(&mut self, ruled_out: bool) {
        if !ruled_out {
            self.push(Atom::Foreign, |_| false);
        }
    }
}

/// The points and one representative of each gap around and between them.
fn with_gaps<T: Copy + Ord>(
    points: &BTreeSet<T>,
    before: impl Fn(T) -> T,
    between: impl Fn(T, T) -> T,
    after: impl Fn(T) -> T,
) -> Vec<T> {
    let mut values: Vec<T> = points
        .first()
        .map(|first| before(*first))
        .into_iter()
        .collect();
    let nexts = points.iter().skip(1).map(Some).chain([None]);
    for (point, next) in points.iter().zip(nexts) {
        values.push(*point);
        let gap = next.map_or_else(|| after(*point), |next| between(*point, *next));
        if *point < gap && next.is_none_or(|next| gap < *next) {
            values.push(gap);
        }
    }
    values
}

/// One atom: some value.
impl Default for Domain {
    fn default() -> Self {
        Self {
            atoms: vec![Atom::Example("x".to_owned())],
            predicates: Vec::new(),
        }
    }
}

fn text_matches(predicate: &Predicate, word: &[Token]) -> bool {
    match predicate {
        Predicate::Text(glob) => matches(glob.tokens(), word),
        Predicate::Folded(glob) => spelled(word)
            .to_lowercase()
            .eq(&spelled(glob.tokens()).to_lowercase()),
        Predicate::Number(..)
        | Predicate::Date(..)
        | Predicate::Address(_)
        | Predicate::Bytes(_)
        | Predicate::Never
        | Predicate::Exotic(_) => false,
    }
}

fn sign_of(predicate: &Predicate, patterns: &[(Glob, bool)], signs: &[bool]) -> bool {
    let wanted = match predicate {
        Predicate::Text(glob) => (glob, false),
        Predicate::Folded(glob) => (glob, true),
        Predicate::Number(..)
        | Predicate::Date(..)
        | Predicate::Address(_)
        | Predicate::Bytes(_)
        | Predicate::Never
        | Predicate::Exotic(_) => {
            return false;
        }
    };
    patterns
        .iter()
        .zip(signs)
        .any(|((glob, fold), sign)| *sign && (glob, *fold) == wanted)
}

/// All combinations of patterns that some string, not a listed one, matches exactly.
struct Cells<'a> {
    patterns: &'a [(Glob, bool)],
    literals: &'a BTreeSet<String>,
    found: Vec<(Vec<bool>, Atom)>,
}

impl Cells<'_> {
    /// False when the budget ended.
    fn enumerate(&mut self, signs: &mut Vec<bool>, budget: &mut Budget) -> bool {
        if budget.exhausted.is_some() {
            return false;
        }
        let Some(atom) = self.cell(signs, budget) else {
            return true;
        };
        if signs.len() == self.patterns.len() {
            self.found.push((signs.clone(), atom));
            if self.found.len() + self.literals.len() > budget.atoms_max() as usize {
                budget.give_up(Exhausted::Atoms);
            }
            return budget.exhausted.is_none();
        }
        for sign in [false, true] {
            signs.push(sign);
            let within_budget = self.enumerate(signs, budget);
            signs.pop();
            if !within_budget {
                return false;
            }
        }
        true
    }

    /// The strings with these signs, if there are any.
    fn cell(&self, signs: &[bool], budget: &mut Budget) -> Option<Atom> {
        let chosen = || self.patterns.iter().zip(signs);
        if chosen().any(|((_, fold), _)| *fold) {
            return self.folded_cell(signs, budget);
        }
        let mut state = TextState::default();
        for ((glob, _), sign) in chosen() {
            if *sign {
                state = state.and_glob(glob, budget)?;
            }
        }
        let excluded = chosen()
            .filter(|(_, sign)| !**sign)
            .map(|((glob, _), _)| glob.clone())
            .chain(self.literals.iter().map(|text| Glob::literal(text)))
            .chain([Glob::literal("")]);
        let excluded = Arc::new(GlobList::new(excluded));
        state.and_none_of(&excluded, budget).map(Atom::Cell)
    }

    fn folded_cell(&self, signs: &[bool], budget: &mut Budget) -> Option<Atom> {
        let literals: Vec<Glob> = self
            .literals
            .iter()
            .map(|text| Glob::literal(text))
            .chain([Glob::literal("")])
            .collect();
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        for ((glob, fold), sign) in self.patterns.iter().zip(signs) {
            let side = if *sign { &mut positive } else { &mut negative };
            side.push(Operand {
                tokens: glob.tokens(),
                fold: *fold,
            });
        }
        negative.extend(literals.iter().map(|glob| Operand {
            tokens: glob.tokens(),
            fold: false,
        }));
        match product::folded_word(&positive, &negative, budget) {
            Outcome::Word(word) => Some(Atom::Example(spelled(&word))),
            Outcome::Empty => None,
            // The exhausted budget is what the caller sees.
            Outcome::GaveUp => None,
        }
    }
}
