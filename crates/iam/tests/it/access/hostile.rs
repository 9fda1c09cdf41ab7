//! Policies written to be hard. Each family is told to stop by a limit of its own, and says which:
//! the answer is unknown, never a guess, whatever the limit.
//!
//! In every family but two there is nothing to be found, so that no lucky request ends the search
//! early; in these two a request that would show the difference lies behind more automaton states
//! than any question may have.

use bailiwick_iam::access::{Contained, Exhausted, Limits, Unknown};

use super::steps::{Question, cells, flags, letters, partition, pigeons, tails};

/// Small, so that small questions are beyond them.
const FEW: Limits = Limits {
    search_nodes: 300,
    product_nodes: 4_000,
    atoms: 100,
};

fn check(question: &Question, limits: Limits, limit: Exhausted) {
    let answer = question.ask(limits);
    assert_eq!(answer, Contained::Unknown(Unknown::Exhausted(limit)));
}

#[test]
fn random_conjunctions_of_three_flags_end_in_unknown() {
    check(&flags(100, 600), FEW, Exhausted::SearchNodes);
}

#[test]
fn pigeons_without_a_hole_each_end_in_unknown() {
    check(&pigeons(7), FEW, Exhausted::SearchNodes);
}

#[test]
fn cells_of_many_keys_end_in_unknown() {
    check(&cells(9), FEW, Exhausted::SearchNodes);
}

#[test]
fn letters_wanted_by_level_after_level_end_in_unknown() {
    check(&letters(13), FEW, Exhausted::ProductNodes);
}

#[test]
fn letters_at_a_distance_end_in_unknown() {
    check(&tails(12), FEW, Exhausted::ProductNodes);
}

#[test]
fn values_without_number_end_in_unknown() {
    check(&partition(300), FEW, Exhausted::Atoms);
}

/// A proof takes as many steps whatever the limit: with one step fewer than it needs it is not
/// half a proof.
#[test]
fn one_step_too_few_is_unknown_and_enough_is_proved() {
    let question = cells(6);
    let with = |search_nodes| {
        question.ask(Limits {
            search_nodes,
            ..Limits::default()
        })
    };
    let (needed, _) = question.steps();
    assert_eq!(with(needed), Contained::Proved);
    let short = Contained::Unknown(Unknown::Exhausted(Exhausted::SearchNodes));
    assert_eq!(with(needed - 1), short);
}

/// With the limits that customers have, each in a process of its own, because the peak is the
/// process's.
#[test]
#[ignore = "long: `cargo xtask differential`"]
fn differential_hostile_questions_are_bounded_in_memory() {
    for family in ["flags", "pigeons", "letters", "tails", "partition"] {
        let alone = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("access::hostile::one_hostile_question_alone")
            .env(FAMILY, family)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&alone.stdout);
        let passed = alone.status.success() && told.contains("1 passed");
        let why = String::from_utf8_lossy(&alone.stderr);
        assert!(passed, "{told}{why}");
        println!("{}", told.lines().find(|it| it.contains("KiB")).unwrap());
    }
}

const FAMILY: &str = "BAILIWICK_HOSTILE_FAMILY";

#[test]
#[ignore = "measures its process: run by the test above"]
fn one_hostile_question_alone() {
    let Ok(family) = std::env::var(FAMILY) else {
        return;
    };
    let (question, limit) = match family.as_str() {
        "flags" => (flags(240, 1_440), Exhausted::SearchNodes),
        "pigeons" => (pigeons(11), Exhausted::SearchNodes),
        "letters" => (letters(24), Exhausted::ProductNodes),
        "tails" => (tails(24), Exhausted::ProductNodes),
        "partition" => (partition(2_500), Exhausted::Atoms),
        other => panic!("no family is called {other}"),
    };
    let began = std::time::Instant::now();
    check(&question, Limits::default(), limit);
    let took = began.elapsed();
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return;
    };
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().trim_end_matches(" kB");
    println!("{family}: unknown by the limit of {limit}, {peak} KiB at the peak, {took:?}");
    assert!(peak.parse::<u32>().unwrap() < PEAK_KIB_MAX, "{peak}");
}

const PEAK_KIB_MAX: u32 = 256 * 1024;
