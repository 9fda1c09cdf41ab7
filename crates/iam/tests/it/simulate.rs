//! Comparison with `@cloud-copilot/iam-simulate`, run out of process. `docs/spec/iam-simulate.md`
//! lists what the two disagree on.

mod disagreement;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Stdio,
};

use bailiwick_iam::{
    case::Case,
    evaluate::{Outcome, evaluate},
};
use bailiwick_testkit::{peers, repository};
use serde_json::{Map, Value};

use crate::{made, vocabulary::Known};

use disagreement::KINDS;

fn ours(case: &Value) -> &'static str {
    let case = Case::parse(&case.to_string()).unwrap();
    match evaluate(&case.layers, &case.request, &Known).outcome {
        Outcome::Allow => "allow",
        Outcome::ImplicitDeny => "implicit_deny",
        Outcome::ExplicitDeny => "explicit_deny",
        Outcome::Unknown => "unknown",
    }
}

/// What iam-simulate answers, or why it refuses the question; `None` where it is not installed.
fn theirs(name: &str, cases: &[Value]) -> Option<Vec<Result<String, String>>> {
    let mut simulate = peers::node("simulate.mjs")?;
    let input = format!("{}/{name}.ndjson", env!("CARGO_TARGET_TMPDIR"));
    let lines: String = cases.iter().map(|case| format!("{case}\n")).collect();
    fs::write(&input, lines).unwrap();
    let output = simulate
        .stdin(fs::File::open(&input).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    let answers: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), cases.len());
    let read = |(case, answer): (&Value, &Value)| {
        assert_eq!(answer["name"], case["name"]);
        match answer["decision"].as_str() {
            Some(decision) => Ok(decision.to_owned()),
            None => Err(answer["error"].to_string()),
        }
    };
    Some(cases.iter().zip(&answers).map(read).collect())
}

/// Compares all answers; returns the kinds of disagreement that were met.
#[expect(
    clippy::print_stdout,
    reason = "a comparison says how much it compared"
)]
fn compare(name: &str, cases: &[Value]) -> Option<BTreeSet<&'static str>> {
    let answers = theirs(name, cases)?;
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    let mut disagreed = Vec::new();
    for (case, answer) in cases.iter().zip(answers) {
        match answer {
            Err(why) => *refused.entry(why).or_default() += 1,
            Ok(theirs) if theirs == ours(case) => {}
            Ok(theirs) => disagreed.push((case, theirs)),
        }
    }
    let refusals: usize = refused.values().sum();
    assert!(
        refusals * 50 <= cases.len(),
        "{refusals} refused: {refused:?}"
    );
    assert!(
        disagreed.len() * 20 <= cases.len(),
        "{} disagree",
        disagreed.len()
    );

    let mut met = BTreeSet::new();
    let mut spelled_out = Vec::new();
    for (case, theirs) in &disagreed {
        let mut spelled = (*case).clone();
        for kind in KINDS {
            let before = spelled.clone();
            (kind.spell_out)(&mut spelled);
            if spelled != before {
                met.insert(kind.id);
            }
        }
        assert_ne!(
            spelled,
            **case,
            "not listed: we {}, they {theirs}",
            ours(case)
        );
        assert_eq!(
            ours(&spelled),
            ours(case),
            "what is spelled out means the same: {case}"
        );
        spelled_out.push(spelled);
    }
    if spelled_out.is_empty() {
        return Some(met);
    }
    let again = theirs(&format!("{name}-again"), &spelled_out)?;
    for (case, answer) in spelled_out.iter().zip(again) {
        assert_eq!(answer.as_deref(), Ok(ours(case)), "still: {case}");
    }
    println!(
        "{name}: {} questions, {refusals} refused, {} disagreements, all listed",
        cases.len(),
        disagreed.len()
    );
    Some(met)
}

/// Questions over AWS's own managed policies.
fn real(seeds: std::ops::Range<u64>) -> Option<Vec<Value>> {
    let text = fs::read_to_string(peers::managed_policies()?).unwrap();
    let all: Map<String, Value> = serde_json::from_str(&text).unwrap();
    let near = all.iter().filter(|(_, policy)| {
        let text = policy["document"].to_string();
        [
            "\"*\"",
            "s3:",
            "sqs:",
            "dynamodb:",
            "lambda:",
            "kms:",
            "secretsmanager:",
            "iam:Pass",
        ]
        .iter()
        .any(|word| text.contains(word))
    });
    let near: Vec<(&String, &Value)> = near.collect();
    Some(seeds.map(|seed| made::case_with(seed, &near)).collect())
}

#[test]
fn iam_simulate_agrees_on_a_sample_of_made_and_real_policies() {
    let made: Vec<Value> = (0..1_300).map(made::case).collect();
    let Some(_) = compare("made", &made) else {
        return;
    };
    let Some(real) = real(0..200) else { return };
    compare("real", &real);
}

#[test]
#[ignore = "takes minutes; `cargo xtask differential` runs it"]
fn differential_with_iam_simulate_at_full_length() {
    let made: Vec<Value> = (10_000..26_500).map(made::case).collect();
    let Some(mut met) = compare("made-all", &made) else {
        return;
    };
    let Some(real) = real(10_000..13_600) else {
        return;
    };
    met.extend(compare("real-all", &real).unwrap_or_default());
    let listed: BTreeSet<&str> = KINDS.iter().map(|kind| kind.id).collect();
    assert_eq!(
        met, listed,
        "a kind that no longer occurs should leave the list"
    );
}

#[test]
fn every_kind_of_disagreement_is_explained_with_a_page_of_aws() {
    let page = fs::read_to_string(repository().join("docs/spec/iam-simulate.md")).unwrap();
    let listed: Vec<&str> = KINDS.iter().map(|kind| kind.id).collect();
    let explained: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    assert_eq!(explained, listed);
    for section in page.split("### ").skip(1) {
        assert!(
            section.contains("https://docs.aws.amazon.com/"),
            "{section}"
        );
    }
}
