//! Charters with something changed anywhere: refused with a reason, or as good as any other.

use bailiwick_charter::{
    Charter,
    compile::{Site, compile},
};
use proptest::prelude::*;

const WHOLE: &str = include_str!("../../../../fuzz/seeds/charter/whole.yaml");

/// What a text is cut, doubled or interrupted with.
const PIECES: [&str; 16] = [
    "{", "}", "[", "]", ":", ": ", "- ", "\n", "\n  ", "\"", "'", "#", "&a ", "*a", "${x}",
    "\u{202e}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_text_near_a_charter_is_one_or_is_told_why_not(
        at in 0..WHOLE.len(),
        long in 0_usize..40,
        piece in prop::sample::select(PIECES.to_vec()),
        doubled in any::<bool>(),
    ) {
        let mut start = at;
        while !WHOLE.is_char_boundary(start) { start -= 1; }
        let mut end = (start + long).min(WHOLE.len());
        while !WHOLE.is_char_boundary(end) { end -= 1; }
        let (before, middle, after) = (&WHOLE[..start], &WHOLE[start..end.max(start)], &WHOLE[end.max(start)..]);
        let text = if doubled {
            format!("{before}{middle}{piece}{middle}{after}")
        } else {
            format!("{before}{piece}{after}")
        };
        match Charter::parse("mutated", &text) {
            Err(error) => {
                prop_assert!(!error.problems.is_empty());
                let lines = text.lines().count() + 1;
                prop_assert!(error.problems.iter().all(|problem| (1..=lines).contains(&problem.place.line)));
            }
            Ok(charter) => {
                let printed = charter.to_yaml();
                let read = Charter::parse("printed", &printed);
                prop_assert_eq!(read.as_ref(), Ok(&charter), "{}", printed);
                // Whether it can be compiled depends on it; that it is answered does not.
                let _ = compile(&charter, &Site::default());
            }
        }
    }
}
