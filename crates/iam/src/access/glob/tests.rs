use proptest::prelude::*;

use super::*;
use crate::access::budget::{Budget, Limits};
use crate::access::text::{GlobList, TextState, letters};
use std::sync::Arc;

/// The slow, obvious matcher.
fn matches_slowly(pattern: &[char], word: &[char]) -> bool {
    match (pattern, word) {
        ([], []) => true,
        (['*', rest @ ..], _) => {
            matches_slowly(rest, word)
                || word
                    .split_first()
                    .is_some_and(|(_, word)| matches_slowly(pattern, word))
        }
        (['?', rest @ ..], [_, word @ ..]) => matches_slowly(rest, word),
        ([letter, rest @ ..], [first, word @ ..]) => letter == first && matches_slowly(rest, word),
        (_, _) => false,
    }
}

fn holds(pattern: &str, word: &str) -> bool {
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    matches_slowly(&chars(pattern), &chars(word))
}

/// By segments, as the six-part reading does.
fn holds_by_segments(pattern: &str, word: &str) -> bool {
    let cut = |text: &str| text.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    let (pattern, word) = (cut(pattern), cut(word));
    pattern.len() == 6
        && word.len() == 6
        && pattern
            .iter()
            .zip(&word)
            .all(|(pattern, word)| holds(pattern, word))
}

fn words(alphabet: &[char], longest: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..longest {
        last = last
            .iter()
            .flat_map(|word| alphabet.iter().map(move |letter| format!("{word}{letter}")))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

fn budget() -> Budget {
    Budget::new(Limits::default())
}

fn by_segments(pattern: &str) -> Glob {
    Glob::from_tokens(segmented(Glob::parse(pattern).tokens()).unwrap(), true)
}

fn pattern() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[ab*?]{1,5}").unwrap()
}

/// Six segments, the first three fixed so that words stay short.
fn segmented_pattern() -> impl Strategy<Value = String> {
    proptest::string::string_regex(":::[a*]{0,2}:[a*]{0,2}:[a:*]{0,3}").unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// `c` stands for every letter that no pattern mentions.
    #[test]
    fn containment_and_meeting_agree_with_all_short_words(left in pattern(), right in pattern()) {
        let (one, two) = (Glob::parse(&left), Glob::parse(&right));
        let words = words(&['a', 'b', 'c'], 6);
        let counterexample = words.iter().find(|word| holds(&left, word) && !holds(&right, word));
        let contained = TextState::of(one.clone())
            .and_none_of(&Arc::new(GlobList::new([two.clone()])), &mut budget())
            .is_none();
        prop_assert!(!(contained && counterexample.is_some()), "{left} in {right} but {counterexample:?}");
        if !contained {
            let rest = TextState::of(one.clone()).and_none_of(&Arc::new(GlobList::new([two.clone()])), &mut budget());
            let word = rest.and_then(|rest| rest.word(&[], &mut budget())).unwrap();
            prop_assert!(holds(&left, &word) && !holds(&right, &word), "{left} \\ {right} holds {word}");
        }
        let common = words.iter().find(|word| holds(&left, word) && holds(&right, word));
        prop_assert!(common.is_none() || one.meets(&two), "{left} meets {right} in {common:?}");
        // Two patterns of five tokens that meet do so in six letters.
        let short_enough = left.len() + right.len() <= 6;
        prop_assert!(!short_enough || common.is_some() || !one.meets(&two), "{left} does not meet {right}");
    }

    #[test]
    fn what_is_left_of_some_without_others_agrees_with_all_short_words(
        positive in prop::collection::vec(pattern(), 1..4),
        negative in prop::collection::vec(pattern(), 0..4),
    ) {
        let inside = |word: &str| positive.iter().all(|glob| holds(glob, word)) && !negative.iter().any(|glob| holds(glob, word));
        let mut state = Some(TextState::default());
        for glob in &positive {
            state = state.and_then(|state| state.and_glob(&Glob::parse(glob), &mut budget()));
        }
        let negatives = Arc::new(GlobList::new(negative.iter().map(|glob| Glob::parse(glob))));
        let state = state.and_then(|state| state.and_none_of(&negatives, &mut budget()));
        match state {
            None => {
                let missed = words(&['a', 'b', 'c'], 6).into_iter().find(|word| inside(word));
                prop_assert!(missed.is_none(), "{positive:?} \\ {negative:?} holds {missed:?}");
            }
            Some(state) => {
                let word = state.word(&[], &mut budget()).unwrap();
                prop_assert!(inside(&word), "{positive:?} \\ {negative:?} does not hold {word}");
            }
        }
    }

    #[test]
    fn segments_are_compared_as_all_short_words_are(left in segmented_pattern(), right in prop::collection::vec(segmented_pattern(), 1..3)) {
        let one = by_segments(&left);
        let others: Vec<Glob> = right.iter().map(|pattern| by_segments(pattern)).collect();
        let list = Arc::new(GlobList::new(others.iter().cloned()));
        let words: Vec<String> = words(&['a', 'c', ':'], 6).into_iter().map(|word| format!(":::{word}")).collect();
        let left_over = |word: &&String| holds_by_segments(&left, word) && !right.iter().any(|pattern| holds_by_segments(pattern, word));
        let found = words.iter().find(left_over);
        let state = TextState::of(one.clone()).and_none_of(&list, &mut budget());
        prop_assert!(state.is_some() || found.is_none(), "{left} \\ {right:?} holds {found:?}");
        if let Some(state) = state {
            let word = state.word(&["x", "", "x1"], &mut budget()).unwrap();
            prop_assert!(left_over(&&word), "{left} \\ {right:?} does not hold {word}");
        }
        for (pattern, other) in right.iter().zip(&others) {
            let common = words.iter().find(|word| holds_by_segments(&left, word) && holds_by_segments(pattern, word));
            prop_assert!(common.is_none() || one.meets(other), "{left} meets {pattern} in {common:?}");
        }
    }
}

#[test]
fn a_star_does_not_fit_into_a_list_of_words() {
    let all = Glob::everything();
    for few in ["s3:a*", "s3:*", "?*"] {
        assert!(!Glob::parse(few).covers_word(&all), "{few}");
    }
    assert!(Glob::parse("**").covers_word(&all));
}

#[test]
fn a_segment_star_stops_at_the_colon_and_a_flat_one_does_not() {
    let (narrow, wide) = ("arn:aws:s3:us:1:b", "arn:aws:s3:*:*:b");
    assert!(by_segments(wide).covers_word(&by_segments(narrow)));
    let across = Glob::literal("arn:aws:s3:us:more:1:b");
    assert!(!by_segments(wide).covers_word(&across));
    assert!(Glob::parse(wide).covers_word(&across));
}

#[test]
fn a_variable_is_within_a_star_and_within_itself_alone() {
    let home = |name| {
        Glob::from_pieces([
            Piece::Text("home/"),
            Piece::Variable {
                name,
                default: None,
            },
            Piece::Text("/"),
            Piece::Star,
        ])
    };
    let mine = home("aws:username");
    assert!(Glob::parse("home/*").covers_word(&mine));
    assert!(mine.covers_word(&home("AWS:UserName")));
    assert!(!mine.covers_word(&home("aws:userid")));
    assert!(!mine.covers_word(&Glob::parse("home/*/*")));
    assert!(!Glob::parse("home/?/*").covers_word(&mine));
    assert!(mine.meets(&Glob::literal("home/ann/x")));
    assert!(!mine.meets(&Glob::literal("house/ann/x")));
}

#[test]
fn a_variable_takes_its_value_as_text() {
    let glob = Glob::from_pieces([
        Piece::Variable {
            name: "k",
            default: Some("d*"),
        },
        Piece::Text("/"),
        Piece::Star,
    ]);
    let bound = glob
        .bound(&|_, default| default.map(str::to_owned))
        .unwrap();
    assert!(matches(bound.tokens(), &letters("d*/x")));
    assert!(!matches(bound.tokens(), &letters("dd/x")));
    assert_eq!(glob.bound(&|_, _| None), None);
}

#[test]
fn wildcards_in_a_row_have_one_spelling() {
    assert_eq!(Glob::parse("a*?*?b"), Glob::parse("a??*b"));
    assert_eq!(Glob::parse("***"), Glob::everything());
}
