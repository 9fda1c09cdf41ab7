//! `split`, on Acme: planned, applied to the snapshot, scanned again, and undone.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use crate::program::{Folder, Ran, files_below, refuses, run};

const ACME: &str = "examples/acme";
const COPILOT: &str =
    "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/support_copilot-Hk2nB5yW8d";

const ASSISTANT: &str =
    "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/refund_assistant-Tc6jX1fP3m";

fn split(role: &str, more: &[&str]) -> Ran {
    run(&[&["split", role, "--estate", ACME], more].concat())
}

/// A charter of a standing agent.
fn charter(agent: &str, runs_as: &str, action: &str) -> String {
    format!(
        "agent: {agent}\nowner: {{ team: t, contact: t@example.com }}\npurpose: Test.\nenvironment: prod\nmode: standing\nruns-as: [\"{runs_as}\"]\ntasks:\n  work:\n    for: 20m\n    write:\n      - {{ actions: [\"{action}\"], resources: [\"*\"] }}\n"
    )
}

/// A finding, so far as two scans can be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    rule: String,
    status: String,
    subject: String,
    agents: Vec<String>,
    fingerprint: String,
}

fn findings(estate: &str) -> BTreeSet<Found> {
    let ran = run(&["scan", estate, "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let word = |it: &Value| it.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|it| Found {
            rule: word(&it["rule"]),
            status: word(&it["status"]),
            subject: word(&it["subject"]),
            agents: it["agents"].as_array().unwrap().iter().map(word).collect(),
            fingerprint: word(&it["fingerprint"]),
        })
        .collect()
}

/// Acme in a folder, its JSON files changed.
fn acme_with(folder: &Folder, edit: impl Fn(&str, &mut Value)) -> String {
    let acme = bailiwick_testkit::repository().join(ACME);
    for (name, bytes) in files_below(&acme) {
        if !name.ends_with(".json") {
            folder.file(&format!("acme/{name}"), bytes);
            continue;
        }
        let mut value = serde_json::from_slice(&bytes).unwrap();
        edit(&name, &mut value);
        folder.file(&format!("acme/{name}"), value.to_string());
    }
    folder.path().join("acme").to_str().unwrap().to_owned()
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
    // Of what the plan touches, nothing is said of the roles, and of the agents nothing about
    // sharing, permissions and trust.
    let roles = [
        "role/service-role/agents-shared",
        "role/agents/prod/refund-assistant",
        "role/agents/prod/support-copilot",
    ];
    let agents = [COPILOT, ASSISTANT];
    let of_roles = |it: &&Found| roles.iter().any(|role| it.subject.contains(role));
    let of_agents = |it: &&Found| {
        let family = ["ID-01", "PERM-", "TRUST-"];
        family.iter().any(|start| it.rule.starts_with(start))
            && (agents.contains(&it.subject.as_str())
                || it
                    .agents
                    .iter()
                    .any(|agent| agents.contains(&agent.as_str())))
    };
    assert!(before.iter().filter(of_roles).count() > 5);
    assert!(before.iter().filter(of_agents).count() > 5);
    assert_eq!(now.iter().find(of_roles), None);
    assert_eq!(now.iter().find(of_agents), None);

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

#[test]
fn who_names_the_old_role_is_listed_patched_and_put_back() {
    const OLD: &str = "arn:aws:iam::111122223333:role/service-role/agents-shared";
    const NEW: &str = "arn:aws:iam::111122223333:role/agents/prod/support-copilot-task";
    const FAQ: &str = "arn:aws:s3:::acme-prod-faq-articles";
    const LAKE: &str = "arn:aws:s3:::acme-prod-lake";
    const TOOL: &str = "arn:aws:iam::111122223333:role/tools/customer-lookup";
    let allow = |action: &str, resource: Option<&str>| {
        let mut statement = json!({"Effect": "Allow", "Principal": {"AWS": OLD}, "Action": action});
        if let Some(resource) = resource {
            statement["Resource"] = json!(resource);
        }
        statement
    };
    let policy = |statements: &[Value]| json!({"Version": "2012-10-17", "Statement": statements});
    let folder = Folder::new();
    let estate = acme_with(&folder, |name, value| {
        if name.ends_with("111122223333/iam.json") {
            let mut roles = value["RoleDetailList"].as_array_mut().unwrap().iter_mut();
            let tool = roles.find(|it| it["Arn"] == TOOL).unwrap();
            let trust = tool["AssumeRolePolicyDocument"]["Statement"].as_array_mut();
            trust.unwrap().push(allow("sts:AssumeRole", None));
        }
        if name.ends_with("111122223333/resources.json") {
            for resource in value.as_array_mut().unwrap() {
                let arn = resource["arn"].as_str().unwrap().to_owned();
                let all = format!("{arn}/*");
                if arn == FAQ {
                    let unless = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*",
                        "Resource": [arn, all], "Condition": {"ArnNotEquals": {"aws:PrincipalArn": OLD}}});
                    resource["policy"] = policy(&[allow("s3:GetObject", Some(&all)), unless]);
                }
                if arn == LAKE {
                    let session = "arn:aws:sts::111122223333:assumed-role/agents-shared/x";
                    let mut statement = allow("s3:GetObject", Some(&all));
                    statement["Principal"]["AWS"] = json!(session);
                    resource["policy"] = policy(&[statement]);
                }
            }
        }
    });
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (plan, after, back) = (at("plan"), at("after"), at("back"));
    let out = ["--out", &plan, "--as", "terraform"];
    let ran = run(&[&["split", "agents-shared", "--estate", &estate][..], &out].concat());
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    for told in [
        format!(
            "{TOOL}: look at its trust policy, which names {OLD} (what a charter compiles to assumes no other role"
        ),
        format!("{FAQ}: look at its policy, which names {OLD} (the plan names {NEW} in its place)"),
        format!("{LAKE}: look at its policy, which names sessions of {OLD}"),
        format!("{OLD}: before it is deleted, look for its name"),
    ] {
        assert!(ran.out.contains(&told), "{told}: {}", ran.out);
    }
    // Nothing of a resource that another stack owns stands in the templates.
    let module = fs::read_to_string(format!("{plan}/terraform/111122223333/main.tf")).unwrap();
    assert!(!module.contains("aws_s3_bucket_policy"));

    let apply = ["plan", "apply-to-snapshot", &plan];
    let ran = run(&[&apply[..], &["--estate", &estate, "--out", &after]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let file = |root: &str, name: &str| -> Value {
        let path = format!("{root}/estate/accounts/111122223333/{name}");
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    };
    let iam = file(&after, "iam.json").to_string();
    assert!(!iam.contains(&format!("\"{OLD}\"")));
    let resources = file(&after, "resources.json");
    let faq = resources
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["arn"] == FAQ);
    let statements = &faq.unwrap()["policy"]["Statement"];
    assert_eq!(statements[0]["Principal"]["AWS"], json!([NEW]));
    assert_eq!(
        statements[1]["Condition"]["ArnNotEquals"]["aws:PrincipalArn"],
        json!([NEW])
    );
    let undo = ["--estate", &after, "--undo", "--out", &back];
    let ran = run(&[&apply[..], &undo].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(json_below(Path::new(&back)) == json_below(Path::new(&estate)));
}
