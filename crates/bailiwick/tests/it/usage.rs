//! Usage, help and version.

use crate::program::{refuses, run};

#[test]
fn a_verb_of_a_later_release_is_named_and_refused() {
    for verb in ["run", "collect"] {
        refuses(&[verb, "x"], &["not part of this release", verb]);
    }
}

#[test]
fn a_flag_of_a_later_release_is_named_and_refused() {
    for given in [["--trail", "x"].as_slice(), &["--trail=x"]] {
        refuses(
            &[&["scan", "examples/acme"], given].concat(),
            &["not part of this release", "--trail"],
        );
    }
}

#[test]
fn a_verb_nobody_knows_is_bad_usage_of_another_kind() {
    let ran = run(&["scam", "x"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("scan"),
        "the near verb is offered: {}",
        ran.err
    );
    assert!(!ran.err.contains("not part of this release"));
}

#[test]
fn nothing_to_do_is_bad_usage() {
    assert_eq!(run(&[]).code, 2);
    assert_eq!(run(&["scan"]).code, 2);
    assert_eq!(run(&["scan", "x", "--fail-on", "dire"]).code, 2);
    assert_eq!(run(&["scan", "x", "--format", "pdf"]).code, 2);
    assert_eq!(run(&["scan", "x", "--json", "--format", "html"]).code, 2);
}

#[test]
fn the_version_names_the_catalog_and_its_day() {
    let ran = run(&["--version"]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.out.contains(bailiwick_iam_catalog::builtin().date()),
        "{}",
        ran.out
    );
}

#[test]
fn the_help_of_every_verb_has_an_example_and_its_exit_codes() {
    for verb in [
        "scan", "agents", "reach", "explain", "evaluate", "compare", "compact", "ceiling", "split",
        "tighten", "diff", "compile",
    ] {
        let ran = run(&[verb, "--help"]);
        assert_eq!(ran.code, 0, "{verb}");
        assert!(ran.out.contains("Example"), "{verb}");
        assert!(ran.out.contains("Exit codes"), "{verb}");
    }
}

#[test]
fn a_path_that_is_not_there_is_named() {
    refuses(&["scan", "no/such/folder"], &["no/such/folder", "mend:"]);
}

#[test]
fn a_folder_without_an_estate_is_no_clean_scan() {
    refuses(
        &["scan", "docs/design"],
        &["holds nothing of an estate", "mend:"],
    );
}
