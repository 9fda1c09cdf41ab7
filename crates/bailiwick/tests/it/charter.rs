//! `charter check` and `charter draft`.

use serde_json::Value;

use crate::program::{Folder, refuses, run};

const GOOD: &str = r#"agent: reader
owner: { team: payments, contact: payments@example.com }
purpose: Read invoices.
environment: prod
data: [internal]
runs-as: ["arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/reader-Qm7vR2sT9x"]
mode: brokered
models: ["arn:aws:bedrock:us-east-1::foundation-model/m"]
invokers: []
review: { every: 90d }
tasks:
  read-one:
    for: 5m
    parameters: { invoice: "[0-9]{8}" }
    read:
      - { actions: [s3:GetObject], resources: ["arn:aws:s3:::invoices/${invoice}.pdf"] }
"#;

fn check(text: &str, more: &[&str]) -> (i32, String) {
    let folder = Folder::new();
    let file = folder.file("reader.yaml", text);
    let args: Vec<_> = ["charter", "check", &file]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let ran = run(&args);
    (ran.code, ran.out)
}

#[test]
fn acme_s_charters_pass() {
    let ran = run(&["charter", "check", "examples/acme/charters"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("5 charters: 0 high"), "{}", ran.out);
}

#[test]
fn acme_s_charters_as_a_table() {
    insta::assert_snapshot!(run(&["charter", "check", "examples/acme/charters"]).out);
}

#[test]
fn a_drafted_charter() {
    let args = [
        "charter",
        "draft",
        "alert_triage",
        "--estate",
        "examples/acme",
    ];
    insta::assert_snapshot!(run(&args).out);
}

#[test]
fn a_good_charter_has_nothing_said_of_it() {
    assert_eq!(
        check(GOOD, &[]),
        (0, "1 charter: 0 high, 0 medium, 0 low, 0 info\n".into())
    );
}

#[test]
fn a_write_under_read_fails_the_run_and_is_pointed_at() {
    let (code, out) = check(
        &GOOD.replace("s3:GetObject", "s3:DeleteObject"),
        &["--json"],
    );
    assert_eq!(code, 1);
    let answer: Value = serde_json::from_str(&out).unwrap();
    let remark = &answer["charters"][0]["remarks"][0];
    assert_eq!(remark["about"], "split");
    assert_eq!(remark["weight"], "high");
    assert_eq!(
        (remark["line"].as_u64(), remark["column"].as_u64()),
        (Some(16), Some(21))
    );
}

#[test]
fn an_action_that_the_catalog_lacks_could_not_be_told() {
    assert_eq!(
        check(&GOOD.replace("s3:GetObject", "s3:Teleport"), &[]).0,
        3
    );
}

/// What is wrong with a charter is said with its name, weight and place.
#[test]
fn each_mistake_is_remarked_where_it_stands() {
    let mail = "    tools:\n      - { tool: mail/fetch, calls: 1, labels: [untrusted-source] }\n      - { tool: mail/send, calls: 1, labels: [outward-effect] }\n";
    let cases = [
        (
            "a write under read",
            GOOD.replace("s3:GetObject", "s3:PutObject"),
            "split",
            "high",
            (16, 21),
        ),
        (
            "who may do what",
            GOOD.replace("s3:GetObject", "s3:PutBucketPolicy"),
            "permissions",
            "high",
            (16, 21),
        ),
        (
            "a parameter with a slash",
            GOOD.replace("[0-9]{8}", "[0-9/]{8}"),
            "unsafe-parameter",
            "medium",
            (14, 19),
        ),
        (
            "nobody at the contact",
            GOOD.replace("payments@example.com", "payments"),
            "owner",
            "high",
            (2, 26),
        ),
        (
            "longer than the ceiling",
            GOOD.replace("for: 5m", "for: 5h"),
            "ttl",
            "high",
            (13, 5),
        ),
        (
            "all three in one task",
            format!("{}{mail}", GOOD.replace("[internal]", "[confidential]")),
            "rule-of-two",
            "medium",
            (13, 5),
        ),
        (
            "what makes a successor",
            GOOD.replace("s3:GetObject", "sts:AssumeRole"),
            "successor",
            "high",
            (16, 21),
        ),
    ];
    for (what, text, about, weight, place) in cases {
        let (_, out) = check(&text, &["--json"]);
        let answer: Value = serde_json::from_str(&out).unwrap();
        let remarks = answer["charters"][0]["remarks"].as_array().unwrap();
        let found = remarks.iter().find(|it| it["about"] == about);
        let found = found.unwrap_or_else(|| panic!("{what}: {out}"));
        let at = (
            found["line"].as_u64().unwrap(),
            found["column"].as_u64().unwrap(),
        );
        assert_eq!(
            (found["weight"].as_str().unwrap(), at),
            (weight, place),
            "{what}: {found}"
        );
        assert!(!found["mend"].as_str().unwrap().is_empty(), "{what}");
    }
}

/// An editor that knows the published schema underlines what the parser refuses.
#[test]
fn the_published_schema_accepts_charters_and_no_others() {
    let judge = |text: &str| {
        let mut script = bailiwick_testkit::peers::python_script("check_charter.py")?;
        let folder = Folder::new();
        let file = folder.file("charter.yaml", text);
        let output = script.arg(file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        Some((output.status.success(), said))
    };
    if judge(GOOD).is_none() {
        return;
    }
    let acme = bailiwick_testkit::repository().join("examples/acme/charters");
    let files = std::fs::read_dir(acme).unwrap();
    let mut texts: Vec<_> = files
        .map(|it| std::fs::read_to_string(it.unwrap().path()).unwrap())
        .collect();
    assert!(texts.len() >= 5);
    texts.push(GOOD.to_owned());
    for text in &texts {
        assert_eq!(judge(text).unwrap(), (true, String::new()), "{text}");
    }
    let bad = [
        ("a slip in a key", GOOD.replace("purpose:", "purpse:")),
        ("an unknown mode", GOOD.replace("brokered", "broker")),
        (
            "no owner",
            GOOD.replace(
                "owner: { team: payments, contact: payments@example.com }\n",
                "",
            ),
        ),
        ("no span", GOOD.replace("for: 5m", "for: 5 minutes")),
        (
            "a name with capitals",
            GOOD.replace("agent: reader", "agent: Reader"),
        ),
        ("no tasks", GOOD.split("tasks:").next().unwrap().to_owned()),
        (
            "an account that is none",
            GOOD.replace("resources:", "account: 12, resources:"),
        ),
        (
            "a label nobody knows",
            format!("{GOOD}    tools: [ {{ tool: a/b, labels: [nice] }} ]\n"),
        ),
    ];
    for (what, text) in bad {
        assert_eq!(check(&text, &[]).0, 2, "the parser refuses {what}");
        let (is_valid, said) = judge(&text).unwrap();
        assert!(!is_valid && !said.is_empty(), "the schema refuses {what}");
    }
}

#[test]
fn the_level_that_fails_is_the_caller_s_to_choose() {
    let long = GOOD.replace("for: 5m", "for: 2h");
    assert_eq!(check(&long, &[]).0, 0);
    assert_eq!(check(&long, &["--fail-on", "low"]).0, 1);
    assert_eq!(check(&long, &["--ttl-ceiling", "1h"]).0, 1);
}

#[test]
fn a_file_that_is_no_charter_is_bad_input_with_its_place_and_mend() {
    let folder = Folder::new();
    let file = folder.file(
        "reader.yaml",
        GOOD.replace("purpose:", "purpse:").replace("5m", "5"),
    );
    refuses(
        &["charter", "check", &file],
        &[
            "reader.yaml:1:1",
            "lacks `purpose`",
            "did you mean `purpose`?",
            "no span of time",
        ],
    );
    let empty = Folder::new();
    refuses(
        &["charter", "check", empty.path().to_str().unwrap()],
        &["there is no charter in"],
    );
    refuses(
        &["charter", "check", "nowhere.yaml"],
        &["there is no `nowhere.yaml`"],
    );
}

#[test]
fn one_agent_has_one_charter() {
    let folder = Folder::new();
    folder.file("a.yaml", GOOD);
    folder.file("b/c.yml", GOOD);
    refuses(
        &["charter", "check", folder.path().to_str().unwrap()],
        &["has a charter in", "keep one of them"],
    );
}

#[test]
fn a_draft_of_each_of_acme_s_agents_is_a_charter() {
    let agents = run(&["agents", "examples/acme", "--json"]);
    let agents: Value = serde_json::from_str(&agents.out).unwrap();
    let mut drafted = 0;
    for agent in agents["agents"].as_array().unwrap() {
        if !agent["acts"].as_bool().unwrap() {
            continue;
        }
        let arn = agent["arn"].as_str().unwrap();
        let ran = run(&["charter", "draft", arn, "--estate", "examples/acme"]);
        assert_eq!(ran.code, 0, "{arn}: {}", ran.err);
        assert!(ran.out.contains("# guess: "), "{arn}");
        let folder = Folder::new();
        let file = folder.file("draft.yaml", &ran.out);
        let checked = run(&["charter", "check", &file]);
        assert_eq!(
            checked.code, 0,
            "{arn}: {}{}\n{}",
            checked.out, checked.err, ran.out
        );
        drafted += 1;
    }
    assert!(drafted >= 10);
}

#[test]
fn a_draft_takes_what_was_observed_and_not_what_is_held() {
    let ran = run(&[
        "charter",
        "draft",
        "support_copilot",
        "--estate",
        "examples/acme",
    ]);
    assert!(ran.out.contains("agent: support-copilot"), "{}", ran.out);
    assert!(ran.out.contains("dynamodb:Query") && !ran.out.contains("dynamodb:DeleteTable"));
    assert!(ran.out.contains("observed over 2026-08-23"), "{}", ran.out);
}

#[test]
fn a_draft_of_nobody_or_of_several_is_refused() {
    refuses(
        &["charter", "draft", "nobody", "--estate", "examples/acme"],
        &["there is no agent `nobody`"],
    );
    refuses(
        &[
            "charter",
            "draft",
            "invoice_reader",
            "--estate",
            "examples/acme",
        ],
        &[
            "2 agents answer to `invoice_reader`",
            "444455556666:runtime/",
        ],
    );
    let folder = Folder::new();
    let usage = folder.file("usage.ndjson", "{\"role\":3}\n");
    refuses(
        &[
            "charter",
            "draft",
            "OrderDesk",
            "--estate",
            "examples/acme",
            "--usage",
            &usage,
        ],
        &["usage.ndjson:1:"],
    );
}
