//! The fallback: a product of glob automata, explored breadth first so that the first word found
//! is a shortest one. Needed for `?` on the right of a containment, for letters compared without
//! case, and for several incomparable positives with negatives.

use std::rc::Rc;

use rustc_hash::FxHashSet;

use super::budget::{Budget, Exhausted};
use super::glob::{COLON, Token};

/// The answer of the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A shortest word that every positive and no negative matches.
    Word(Vec<Token>),
    /// There is none.
    Empty,
    /// The budget ended first.
    GaveUp,
}

/// A pattern and whether its letters are compared without case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operand<'a> {
    pub(crate) tokens: &'a [Token],
    pub(crate) fold: bool,
}

/// A shortest word in every positive and no negative.
pub(crate) fn word(positive: &[&[Token]], negative: &[&[Token]], budget: &mut Budget) -> Outcome {
    folded_word(&exact(positive), &exact(negative), budget)
}

fn exact<'a>(patterns: &[&'a [Token]]) -> Vec<Operand<'a>> {
    patterns
        .iter()
        .map(|tokens| Operand {
            tokens,
            fold: false,
        })
        .collect()
}

/// As [`word`], for operands that may ignore case.
pub(crate) fn folded_word(
    positive: &[Operand<'_>],
    negative: &[Operand<'_>],
    budget: &mut Budget,
) -> Outcome {
    let machines: Vec<Machine<'_>> = positive
        .iter()
        .map(|operand| Machine {
            operand: *operand,
            positive: true,
        })
        .chain(negative.iter().map(|operand| Machine {
            operand: *operand,
            positive: false,
        }))
        .collect();
    explore(&machines, budget)
}

#[derive(Debug)]
struct Machine<'a> {
    operand: Operand<'a>,
    positive: bool,
}

/// The positions each machine may be in, sorted, one machine after another, each with their number
/// before them.
type Node = Rc<[u32]>;

/// The most that the states of one product hold together, looked at or waiting, in words of four
/// bytes: 128 MB. A state of many patterns counts for more than one of few.
const WORDS_MAX: usize = 1 << 25;

/// What a state takes beside its positions, in words.
const WORDS_A_STATE: usize = 32;

fn explore(machines: &[Machine<'_>], budget: &mut Budget) -> Outcome {
    let fresh = fresh_letter(machines);
    let has_segments = machines.iter().any(|machine| {
        machine
            .operand
            .tokens
            .iter()
            .any(|token| token.is_wildcard() && !token.swallows_colon())
    });
    let start = node(machines.iter().map(|machine| machine.closed(vec![0])));
    let mut reached: Vec<(Option<(usize, Token)>, Node)> = Vec::new();
    let mut seen: FxHashSet<Node> = FxHashSet::default();
    if is_dead(machines, &start) {
        return Outcome::Empty;
    }
    let mut words = start.len() + WORDS_A_STATE;
    seen.insert(Rc::clone(&start));
    reached.push((None, start));
    let mut next = 0;
    while let Some((_, at)) = reached.get(next) {
        if !budget.product_step() {
            return Outcome::GaveUp;
        }
        if accepts(machines, at) {
            return Outcome::Word(trace(&reached, next));
        }
        let at = Rc::clone(at);
        for letter in expected(machines, &at, fresh, has_segments) {
            let pairs = machines.iter().zip(parts(&at));
            let after = node(pairs.map(|(machine, positions)| machine.step(positions, letter)));
            if is_dead(machines, &after) || seen.contains(&after) {
                continue;
            }
            // The budget counts what is looked at; a state may lead to as many as there are letters.
            words += after.len() + WORDS_A_STATE;
            if words > WORDS_MAX {
                budget.give_up(Exhausted::ProductNodes);
                return Outcome::GaveUp;
            }
            seen.insert(Rc::clone(&after));
            reached.push((Some((next, letter)), after));
        }
        next += 1;
    }
    Outcome::Empty
}

fn node(positions: impl Iterator<Item = Vec<u32>>) -> Node {
    let mut all = Vec::new();
    for positions in positions {
        all.push(u32::try_from(positions.len()).unwrap_or(u32::MAX));
        all.extend(positions);
    }
    all.into()
}

/// The positions of each machine.
fn parts(node: &[u32]) -> impl Iterator<Item = &[u32]> {
    let mut rest = node;
    std::iter::from_fn(move || {
        let (count, after) = rest.split_first()?;
        let (positions, after) = after.split_at_checked(*count as usize)?;
        rest = after;
        Some(positions)
    })
}

impl Machine<'_> {
    /// The positions and those reached by letting stars match nothing.
    fn closed(&self, mut positions: Vec<u32>) -> Vec<u32> {
        let mut at = 0;
        while let Some(position) = positions.get(at).copied() {
            if self.token(position).is_some_and(Token::is_star) {
                positions.push(position + 1);
            }
            at += 1;
        }
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    fn step(&self, positions: &[u32], letter: Token) -> Vec<u32> {
        let mut after = Vec::with_capacity(positions.len() + 1);
        for position in positions {
            match self.token(*position) {
                Some(token) if token.is_star() => {
                    if token.swallows(letter) {
                        after.push(*position);
                    }
                }
                Some(token) if self.reads(token, letter) => after.push(position + 1),
                Some(_) | None => {}
            }
        }
        self.closed(after)
    }

    fn reads(&self, token: Token, letter: Token) -> bool {
        if token.accepts(letter) {
            return true;
        }
        let folds = |a: char, b: char| a.to_lowercase().eq(b.to_lowercase());
        self.operand.fold
            && token
                .as_letter()
                .zip(letter.as_letter())
                .is_some_and(|(a, b)| folds(a, b))
    }

    fn token(&self, position: u32) -> Option<Token> {
        self.operand.tokens.get(position as usize).copied()
    }

    fn ends(&self, positions: &[u32]) -> bool {
        positions
            .last()
            .is_some_and(|last| *last as usize == self.operand.tokens.len())
    }

    /// At a star that ends the pattern and runs over anything: it accepts whatever follows.
    fn accepts_all(&self, positions: &[u32]) -> bool {
        positions.iter().any(|position| {
            *position as usize + 1 == self.operand.tokens.len()
                && self
                    .token(*position)
                    .is_some_and(|token| token.is_star() && token.swallows_colon())
        })
    }
}

impl Token {
    const fn swallows_colon(self) -> bool {
        self.accepts(COLON) || (self.is_star() && self.swallows(COLON))
    }
}

/// No continuation can be accepted: a positive is stuck, or a negative accepts everything.
fn is_dead(machines: &[Machine<'_>], node: &[u32]) -> bool {
    machines
        .iter()
        .zip(parts(node))
        .any(|(machine, positions)| {
            if machine.positive {
                positions.is_empty()
            } else {
                machine.accepts_all(positions)
            }
        })
}

fn accepts(machines: &[Machine<'_>], node: &[u32]) -> bool {
    machines
        .iter()
        .zip(parts(node))
        .all(|(machine, positions)| machine.ends(positions) == machine.positive)
}

/// The letters that make a difference here: those some machine waits for, and one that none does.
fn expected(
    machines: &[Machine<'_>],
    node: &[u32],
    fresh: Token,
    has_segments: bool,
) -> Vec<Token> {
    let mut letters = Vec::new();
    for (machine, positions) in machines.iter().zip(parts(node)) {
        for token in positions
            .iter()
            .filter_map(|position| machine.token(*position))
        {
            if token.is_wildcard() {
                continue;
            }
            letters.push(token);
            if let (true, Some(letter)) = (machine.operand.fold, token.as_letter()) {
                letters.extend(letter.to_lowercase().map(Token::letter));
                letters.extend(letter.to_uppercase().map(Token::letter));
            }
        }
    }
    if has_segments {
        letters.push(COLON);
    }
    letters.sort_unstable();
    letters.dedup();
    letters.insert(0, fresh);
    letters
}

/// A letter that no pattern mentions, readable if one is left.
fn fresh_letter(machines: &[Machine<'_>]) -> Token {
    let mentioned = |candidate: char| {
        machines
            .iter()
            .flat_map(|machine| machine.operand.tokens)
            .any(|token| {
                token
                    .as_letter()
                    .is_some_and(|letter| letter.to_lowercase().eq(candidate.to_lowercase()))
            })
    };
    let readable = "xyzabcdefghijklmnopqrstuvw0123456789-_".chars();
    let others = ('\u{100}'..='\u{ffff}').filter(|letter| letter.to_lowercase().eq([*letter]));
    let fresh = readable
        .chain(others)
        .find(|candidate| !mentioned(*candidate));
    Token::letter(fresh.unwrap_or('\u{10ffff}'))
}

fn trace(reached: &[(Option<(usize, Token)>, Node)], found: usize) -> Vec<Token> {
    let mut word = Vec::new();
    let mut at = found;
    while let Some((Some((before, letter)), _)) = reached.get(at) {
        word.push(*letter);
        at = *before;
    }
    word.reverse();
    word
}
