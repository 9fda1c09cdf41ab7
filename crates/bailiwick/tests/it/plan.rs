//! `plan`: looked at, and tried on a snapshot.

use std::fs;

use serde_json::Value;

use crate::program::{Folder, files_below, refuses, run};

const ACME: &str = "examples/acme";

/// The text of a plan, as `split --json` prints it.
fn plan(role: &str) -> String {
    run(&["split", role, "--estate", ACME, "--json"]).out
}

fn apply<'a>(plan: &'a str, estate: &'a str, out: &'a str) -> [&'a str; 7] {
    [
        "plan",
        "apply-to-snapshot",
        plan,
        "--estate",
        estate,
        "--out",
        out,
    ]
}

#[test]
fn lint_says_what_a_plans_proofs_say() {
    let folder = Folder::new();
    let proved = folder.file("proved.json", plan("agents-shared"));
    let ran = run(&["plan", "lint", &proved]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    let refuted = folder.file("refuted.json", plan("bedrock-faq"));
    let ran = run(&["plan", "lint", &refuted, "--json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["verdict"], "refuted");
    assert!(ran.out.contains("is refuted"), "{}", ran.out);
}

#[test]
fn what_is_no_plan_of_this_release_is_refused_with_its_place() {
    let folder = Folder::new();
    let other = folder.file("other.json", "{\"Version\": 1}");
    let ran = run(&["plan", "lint", &other]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("other.json:1:10: unknown field"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains(" at line "), "{}", ran.err);
    let folder = Folder::new();
    let cut = plan("agents-shared");
    let cut = folder.file("cut.json", cut.get(..200).unwrap());
    refuses(&["plan", "lint", &cut], &["cut.json:", "mend:"]);
    let later = plan("agents-shared").replacen("\"version\": 1", "\"version\": 9", 1);
    let later = folder.file("later.json", later);
    refuses(&["plan", "lint", &later], &["version 9", "reads version 1"]);
    refuses(
        &["plan", "lint", "nowhere/plan.json"],
        &["nowhere/plan.json"],
    );
}

#[test]
fn a_plan_of_another_snapshot_is_refused_and_nothing_is_written() {
    let folder = Folder::new();
    let file = folder.file("plan.json", plan("agents-shared"));
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (after, again) = (at("after"), at("again"));
    assert_eq!(run(&apply(&file, ACME, &after)).code, 0);
    refuses(&apply(&file, &after, &again), &["was made from", "mend:"]);
    assert!(fs::metadata(&again).is_err());
    let before = files_below(folder.path());
    folder.file("after/estate/mine.txt", "mine");
    refuses(&apply(&file, ACME, &after), &["mine.txt", "mend:"]);
    fs::remove_file(folder.path().join("after/estate/mine.txt")).unwrap();
    assert!(files_below(folder.path()) == before);
}
