//! `ceiling`, on Acme.

use std::{collections::BTreeMap, fs, path::Path};

use bailiwick_testkit::peers;
use serde_json::Value;

use crate::program::{Folder, Ran, refuses, run};

const ACME: &str = "examples/acme";

fn ceiling(args: &[&str]) -> Ran {
    let mut all = vec!["ceiling", "--estate", ACME];
    all.extend(args);
    run(&all)
}

/// Writes the plan into a folder and reads its files.
fn written(args: &[&str]) -> (Folder, BTreeMap<String, String>) {
    let folder = Folder::new();
    let out = folder.path().join("plan");
    let mut all = args.to_vec();
    all.extend(["--out", out.to_str().unwrap()]);
    assert_eq!(ceiling(&all).code, 0);
    let mut files = BTreeMap::new();
    read(&out, &out, &mut files);
    (folder, files)
}

fn read(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, files);
        } else {
            let below = path.strip_prefix(root).unwrap().to_str().unwrap();
            files.insert(below.to_owned(), fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn acmes_ceilings_break_no_agent_and_are_held_still() {
    let ran = ceiling(&[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("breaks 0 of 5 agents"), "{}", ran.err);
    assert!(!ran.err.contains("passed over"), "{}", ran.err);
    let (_folder, files) = written(&["--as", "terraform"]);
    insta::assert_snapshot!(
        "acme-ceiling-production",
        files["policies/organization/bailiwick-agents-production.json"]
    );
    insta::assert_snapshot!("acme-ceiling-readme", files["README.md"]);
    let (_folder, files) = written(&["--as", "cloudformation", "--unit", "staging"]);
    insta::assert_snapshot!(
        "acme-ceiling-staging-cloudformation",
        files["cloudformation/organization.yaml"]
    );
}

#[test]
fn a_broken_charter_fails_the_run_with_the_request_that_shows_it() {
    let folder = Folder::new();
    folder.file(
        "starter.yaml",
        "agent: starter\nowner: { team: t, contact: t@example.com }\npurpose: Start others.\nenvironment: prod\nmode: standing\nruns-as: [ \"arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/starter-AbCdEf1234\" ]\ntasks:\n  start:\n    for: 5m\n    read:\n      - { actions: [bedrock:InvokeInlineAgent], resources: [\"*\"] }\n",
    );
    let args = ["--charters", folder.name()];
    let ran = ceiling(&args);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("NoInlineAgents"), "{}", ran.out);
    assert!(ran.err.contains("breaks 1 of 1 agent"), "{}", ran.err);
    let without = ceiling(&[&args[..], &["--without", "NoInlineAgents"]].concat());
    assert_eq!(without.code, 0, "{}", without.err);
}

#[test]
fn json_is_the_plan() {
    let ran = ceiling(&["--json", "--only", "NoInlineAgents"]);
    let plan: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(plan["kind"], "ceiling");
    let claims: Vec<_> = plan["proofs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|proof| (&proof["claim"], &proof["verdict"]))
        .collect();
    assert!(
        claims.iter().all(|(_, verdict)| *verdict == "proved"),
        "{claims:?}"
    );
    assert!(
        claims
            .iter()
            .any(|(claim, _)| *claim == "scp denies no declared request")
    );
}

#[test]
fn a_plan_that_was_written_lints_and_applies_to_its_snapshot() {
    let (folder, files) = written(&["--only", "NoInlineAgents"]);
    assert!(files.contains_key("policies/organization/bailiwick-agents-staging.json"));
    let plan = folder.path().join("plan");
    let plan = plan.to_str().unwrap();
    let linted = run(&["plan", "lint", plan]);
    assert_eq!(linted.code, 0, "{}{}", linted.out, linted.err);
    let after = folder.path().join("after");
    let after = after.to_str().unwrap();
    let applied = run(&[
        "plan",
        "apply-to-snapshot",
        plan,
        "--estate",
        ACME,
        "--out",
        after,
    ]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    let decided = run(&[
        "explain",
        after,
        "--json",
        "--principal",
        "arn:aws:iam::111122223333:role/agents/prod/analysis-sandbox",
        "--action",
        "bedrock:InvokeInlineAgent",
        "--resource",
        "*",
    ]);
    assert!(
        decided.out.contains("bailiwick-agents-production"),
        "{}",
        decided.out
    );
}

#[test]
fn what_does_not_exist_is_refused() {
    let estate = ["ceiling", "--estate", ACME];
    let with = |more: &[&'static str]| [&estate[..], more].concat();
    refuses(&with(&["--only", "NoSuch"]), &["NoSuch", "--list"]);
    refuses(&with(&["--unit", "Moon"]), &["Moon", "mend:"]);
    let alone = "examples/acme/estate/accounts/111122223333/iam.json";
    refuses(
        &["ceiling", "--estate", alone],
        &["no organisation", "organization.json"],
    );
}

/// An RCP for an organisation of that name would shut everybody out, and an SCP that exempts such a
/// principal would exempt nobody.
#[test]
fn who_is_named_wrongly_is_refused_before_anything_is_drawn() {
    let estate = ["ceiling", "--estate", ACME];
    let with = |more: &[&'static str]| [&estate[..], more].concat();
    refuses(
        &with(&["--organization", "acme"]),
        &["`acme` is no id of an organisation", "o-"],
    );
    refuses(
        &["compile", "examples/acme/charters", "--organization", "o-x"],
        &["`o-x` is no id of an organisation"],
    );
    for nobody in [
        "admins",
        "*",
        "arn:aws:iam::12:role/admins/*",
        "arn:aws:iam::*:role/",
        "arn:aws:s3:::admins",
    ] {
        refuses(&with(&["--admin", nobody]), &["--admin", "role/admins/*"]);
        refuses(&with(&["--pipeline", nobody]), &["--pipeline", nobody]);
    }
    let ran = ceiling(&[
        "--admin",
        "arn:aws:iam::*:role/admins/*",
        "--only",
        "BoundariesStay",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn every_statement_is_listed_with_its_page() {
    let ran = run(&["ceiling", "--list"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("NoInlineAgents"));
    assert_eq!(
        ran.out.lines().count(),
        3 * ran.out.matches("https://docs.aws.amazon.com/").count()
    );
}

/// What others say of templates: cfn-lint, moto's CloudFormation, a parser of HCL.
fn judged(folder: &Path) -> Option<Value> {
    let output = peers::python_script("templates.py")?
        .arg(folder)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(serde_json::from_str(&told).unwrap())
}

#[test]
fn others_read_deploy_and_parse_our_templates() {
    for language in ["cloudformation", "terraform"] {
        let (folder, _) = written(&["--as", language, "--organization", "o-acme123456"]);
        let Some(ceilings) = judged(&folder.path().join("plan")) else {
            return;
        };
        let roles = folder.path().join("roles");
        let out = roles.to_str().unwrap();
        let charters = "examples/acme/charters";
        let ran = run(&["compile", charters, "--as", language, "--out", out]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let roles = judged(&roles).unwrap();
        let split = folder.path().join("split");
        let out = split.to_str().unwrap();
        let ran = run(&[
            "split",
            "agents-shared",
            "--estate",
            ACME,
            "--as",
            language,
            "--out",
            out,
        ]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let split = judged(&split).unwrap();
        if language == "terraform" {
            for plan in ["plan", "roles", "split"] {
                let Some(mut formatter) = peers::node("format.mjs") else {
                    return;
                };
                let ran = formatter.arg(folder.path().join(plan)).output().unwrap();
                let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
                assert_eq!(told["wrong"].as_array().unwrap().len(), 0, "{told}");
                assert!(told["formatted"].as_u64() > Some(1), "{told}");
            }
        }
        for told in [&ceilings, &roles, &split] {
            assert_eq!(told["wrong"].as_array().unwrap().len(), 0, "{told}");
        }
        let looked_at = if language == "terraform" {
            "parsed"
        } else {
            "linted"
        };
        assert!(ceilings[looked_at].as_u64() > Some(0), "{ceilings}");
        assert!(ceilings["documents"].as_u64() > Some(2), "{ceilings}");
        if language == "cloudformation" {
            assert_eq!(roles["deployed"], 1, "{roles}");
            assert!(roles["documents"].as_u64() > Some(20), "{roles}");
            assert_eq!(split["deployed"], 1, "{split}");
            assert_eq!(ceilings["attached"], 4, "{ceilings}");
        }
    }
}
