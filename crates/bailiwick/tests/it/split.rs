//! `split`, on Acme: planned, applied to the snapshot, scanned again, and undone.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::program::{Folder, Ran, files_below, refuses, run};

const ACME: &str = "examples/acme";
const COPILOT: &str =
    "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/support_copilot-Hk2nB5yW8d";

fn split(role: &str, more: &[&str]) -> Ran {
    run(&[&["split", role, "--estate", ACME], more].concat())
}

/// A charter of a standing agent.
fn charter(agent: &str, runs_as: &str, action: &str) -> String {
    format!(
        "agent: {agent}\nowner: {{ team: t, contact: t@example.com }}\npurpose: Test.\nenvironment: prod\nmode: standing\nruns-as: [\"{runs_as}\"]\ntasks:\n  work:\n    for: 20m\n    write:\n      - {{ actions: [\"{action}\"], resources: [\"*\"] }}\n"
    )
}

/// Rule, status and subject of each finding.
fn findings(estate: &str) -> BTreeSet<(String, String, String)> {
    let ran = run(&["scan", estate, "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let word = |it: &Value| it.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|it| (word(&it["rule"]), word(&it["status"]), word(&it["subject"])))
        .collect()
}

fn json_below(folder: &Path) -> Vec<(String, Value)> {
    let files = files_below(folder).into_iter();
    files
        .filter(|(name, _)| name.ends_with(".json"))
        .map(|(name, bytes)| (name, serde_json::from_slice(&bytes).unwrap()))
        .collect()
}

#[test]
fn acmes_worst_role_is_split_applied_scanned_and_undone() {
    let folder = Folder::new();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (plan, after, back) = (at("plan"), at("after"), at("back"));
    let ran = split("agents-shared", &["--out", &plan]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(run(&["plan", "lint", &plan]).code, 0);

    let apply = ["plan", "apply-to-snapshot", &plan];
    let ran = run(&[&apply[..], &["--estate", ACME, "--out", &after]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let (before, now) = (findings(ACME), findings(&after));
    let new: Vec<_> = now.difference(&before).collect();
    assert!(new.is_empty(), "{new:#?}");
    let of_old = |it: &&(String, String, String)| it.2.ends_with("role/service-role/agents-shared");
    assert!(before.iter().filter(of_old).count() > 5);
    assert_eq!(now.iter().find(of_old), None);
    let touched = [
        "role/agents/prod/refund-assistant",
        "role/agents/prod/support-copilot",
    ];
    let said = now
        .iter()
        .find(|it| touched.iter().any(|role| it.2.contains(role)));
    assert_eq!(said, None);

    let undo = ["--estate", &after, "--undo", "--out", &back];
    let ran = run(&[&apply[..], &undo].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let acme = bailiwick_testkit::repository().join(ACME);
    assert!(json_below(Path::new(&back)) == json_below(&acme));
}

#[test]
fn two_runs_give_the_same_bytes() {
    let folder = Folder::new();
    for language in ["json", "cloudformation", "terraform"] {
        let [one, two] = ["one", "two"].map(|name| folder.path().join(name).join(language));
        for out in [&one, &two] {
            fs::create_dir_all(out).unwrap();
            let args = ["--out", out.to_str().unwrap(), "--as", language];
            assert_eq!(split("agents-shared", &args).code, 0);
        }
        assert!(files_below(&one) == files_below(&two), "{language}");
    }
    let json = || split("agents-shared", &["--json"]).out;
    assert_eq!(json(), json());
}

#[test]
fn a_role_that_is_its_agents_own_leaves_nothing_to_split() {
    let own = "arn:aws:iam::111122223333:role/agents/prod/invoice-reader";
    let ran = split(own, &["--json"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let plan: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(plan["changes"].as_array().unwrap().len(), 0);
    assert!(
        plan["remarks"][0]
            .as_str()
            .unwrap()
            .contains("nothing to split")
    );
    // The near miss: one agent's alone too, and of another name, so the agent can be moved.
    let ran = split("AmazonBedrockExecutionRoleForAgents_OrderDesk", &["--json"]);
    let plan: Value = serde_json::from_str(&ran.out).unwrap();
    assert!(!plan["changes"].as_array().unwrap().is_empty());
}

#[test]
fn a_role_is_named_by_its_arn_or_its_name_and_a_slip_is_answered() {
    let by_name = split("agents-shared", &["--json"]);
    let arn = "arn:aws:iam::111122223333:role/service-role/agents-shared";
    assert_eq!(by_name.out, split(arn, &["--json"]).out);
    let with = |role| ["split", role, "--estate", ACME];
    refuses(
        &with("agents-shred"),
        &["agents-shred", "did you mean `agents-shared`?"],
    );
    let unknown = "arn:aws:iam::111122223333:role/agents-shared";
    refuses(&with(unknown), &[unknown, "did you mean `agents-shared`?"]);
    refuses(&with("zzz"), &["no role `zzz`", "`bailiwick agents PATH`"]);
    refuses(&with("payments-frontend"), &["no agent runs as", "mend:"]);
}

#[test]
fn a_usage_without_coverage_leaves_the_plan_untold() {
    let folder = Folder::new();
    let told =
        fs::read_to_string(bailiwick_testkit::repository().join("examples/acme/usage.ndjson"));
    let told = told.unwrap();
    let (_, lines) = told.split_once('\n').unwrap();
    let usage = folder.file("usage.ndjson", lines);
    let ran = split("agents-shared", &["--usage", &usage]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("UNKNOWN") && !ran.out.contains("REFUTED"),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("states no coverage"), "{}", ran.out);
}

#[test]
fn a_charter_that_asks_for_what_the_role_never_had_is_refuted() {
    let folder = Folder::new();
    folder.file(
        "a.yaml",
        charter("support-copilot", COPILOT, "ec2:StartInstances"),
    );
    let ran = split("agents-shared", &["--charters", folder.name()]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("never allowed this") && ran.out.contains("ec2:StartInstances"));
}

#[test]
fn charters_that_claim_one_agent_contradict_each_other() {
    let folder = Folder::new();
    for agent in ["one", "other"] {
        let text = charter(agent, COPILOT, "dynamodb:PutItem");
        folder.file(&format!("{agent}.yaml"), text);
    }
    let ran = split("agents-shared", &["--charters", folder.name()]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("contradict each other"), "{}", ran.out);
    assert!(
        !ran.out.contains("iam:DeleteRole "),
        "the role stays: {}",
        ran.out
    );
}

#[test]
fn a_role_that_people_use_too_is_left_standing() {
    let ran = split("github-deployer", &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.contains("REFUTED   old role has no other users"),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains("iam:DeleteRole "), "{}", ran.out);
}

#[test]
fn where_the_plan_cannot_be_written_nothing_is() {
    let folder = Folder::new();
    let file = folder.file("file", "mine");
    let under = format!("{file}/plan");
    for out in [file.as_str(), &under] {
        let args = ["split", "agents-shared", "--estate", ACME, "--out", out];
        refuses(&args, &[&file]);
    }
    folder.file("plan/main.tf", "mine");
    let taken = folder.path().join("plan");
    let args = [
        "split",
        "agents-shared",
        "--estate",
        ACME,
        "--out",
        taken.to_str().unwrap(),
    ];
    refuses(&args, &["main.tf", "mend:"]);
    let names: Vec<_> = files_below(folder.path()).into_keys().collect();
    assert_eq!(names, ["file", "plan/main.tf"]);
}
