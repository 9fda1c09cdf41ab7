//! Names, numbers and charters at the edge of what AWS takes, and of what may be said.

use serde_json::{Value, json};

use crate::program::{Folder, Ran, refuses, run};

const ACCOUNT: &str = "111122223333";
const ROLE: &str = "arn:aws:iam::111122223333:role/shared";

/// An account with one role, which these agents share on compute of their owner's, and so many others.
fn estate(agents: &[&str], others: usize) -> Folder {
    let role = |name: &str| {
        json!({
            "Path": "/", "RoleName": name, "RoleId": format!("AROA{}", name.to_uppercase()),
            "Arn": format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": ACCOUNT},
                    "ArnLike": {"aws:SourceArn": format!("arn:aws:ecs:us-east-1:{ACCOUNT}:*")},
                },
            }]},
            "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::papers/*",
            }]}}],
            "AttachedManagedPolicies": [], "InstanceProfileList": [], "Tags": [],
        })
    };
    let mut roles = vec![role("shared")];
    roles.extend((0..others).map(|number| role(&format!("other{number}"))));
    let iam = json!({"RoleDetailList": roles, "UserDetailList": [], "GroupDetailList": [], "Policies": [], "IsTruncated": false});
    let running: Vec<Value> = agents
        .iter()
        .enumerate()
        .map(|(number, agent)| {
            json!({
                "arn": task(number), "type": "AWS::ECS::TaskDefinition", "role": ROLE,
                "tags": {"agent": agent, "environment": "prod", "owner": "papers"},
            })
        })
        .collect();
    let folder = Folder::new();
    let at = format!("estate/accounts/{ACCOUNT}");
    folder.file(&format!("{at}/iam.json"), iam.to_string());
    folder.file(&format!("{at}/resources.json"), json!(running).to_string());
    folder
}

fn task(number: usize) -> String {
    format!("arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/t{number}:1")
}

/// A charter for the agent of that number, which reads this folder of the papers.
fn charter(agent: &str, number: usize, class: &str, reads: &str) -> String {
    format!(
        "agent: {agent}\nowner: {{ team: papers, contact: papers@example.com }}\npurpose: Read papers.\nenvironment: prod\ndata: [internal]\nruns-as: [\"{}\"]\nmode: standing\nclass: {class}\ntasks:\n  read:\n    for: 5m\n    read:\n      - {{ actions: [s3:GetObject], resources: [\"arn:aws:s3:::papers/{reads}*\"] }}\n",
        task(number)
    )
}

fn split(estate: &Folder, more: &[&str]) -> Ran {
    run(&[&["split", "shared", "--estate", estate.name()], more].concat())
}

fn plan(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap()
}

/// The names of the roles that a plan makes.
fn made(plan: &Value) -> Vec<String> {
    let acts = plan["changes"].as_array().unwrap().iter();
    acts.filter(|it| it["act"]["do"] == "create_role")
        .map(|it| {
            it["act"]["role"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect()
}

/// How a plan's proof of this claim stands.
fn verdicts(plan: &Value, claim: &str) -> Vec<String> {
    let proofs = plan["proofs"].as_array().unwrap().iter();
    proofs
        .filter(|it| it["claim"] == claim)
        .map(|it| it["verdict"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_name_is_as_long_as_its_task_role_allows_and_no_longer() {
    let text = |agent: &str| charter(agent, 0, "readers", "").replace("standing", "brokered");
    let folder = Folder::new();
    let long = "a".repeat(59);
    let ran = run(&["compile", &folder.file("long.yaml", text(&long))]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let compiled = &answer["charters"][0];
    let task = compiled["tasks"][ACCOUNT]["name"].as_str().unwrap();
    assert_eq!((task, task.len()), (format!("{long}-task").as_str(), 64));
    assert_eq!(compiled["runtime"]["name"], long.as_str());
    let longer = folder.file("longer.yaml", text(&"a".repeat(60)));
    refuses(
        &["compile", &longer],
        &["longer.yaml:1:8", "is no agent name", "2 to 59 characters"],
    );
}

/// AWS takes paths of 512 characters and session names of 64.
#[test]
fn a_role_far_down_a_path_is_split_and_a_session_of_the_longest_name_decided() {
    let folder = estate(&["reader"], 0);
    let file = format!("estate/accounts/{ACCOUNT}/iam.json");
    let text = std::fs::read_to_string(folder.path().join(&file)).unwrap();
    let path = format!("/{}/", "p".repeat(510));
    let arn = format!("arn:aws:iam::{ACCOUNT}:role{path}shared");
    let mut iam: Value = serde_json::from_str(&text).unwrap();
    iam["RoleDetailList"][0]["Path"] = json!(path);
    iam["RoleDetailList"][0]["Arn"] = json!(arn);
    folder.file(&file, iam.to_string());
    let resources = format!("estate/accounts/{ACCOUNT}/resources.json");
    let text = std::fs::read_to_string(folder.path().join(&resources)).unwrap();
    folder.file(&resources, text.replace(ROLE, &arn));
    folder.file("charters/reader.yaml", charter("reader", 0, "readers", ""));
    let out = folder.path().join("plan");
    let ran = split(&folder, &["--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let explained = |name: &str| {
        run(&[
            "explain",
            folder.name(),
            "--principal",
            &format!("arn:aws:sts::{ACCOUNT}:assumed-role/shared/{name}"),
            "--action",
            "s3:GetObject",
            "--resource",
            "arn:aws:s3:::papers/1",
            "--json",
        ])
    };
    let (short, long) = (explained("s"), explained(&"s".repeat(64)));
    let decision = |ran: &Ran| {
        let answer: Value = serde_json::from_str(&ran.out).unwrap();
        answer["decision"].clone()
    };
    assert_eq!(decision(&short), "allow", "{}{}", short.out, short.err);
    assert_eq!(decision(&long), "allow");
}

#[test]
fn agents_whose_names_begin_alike_and_are_too_long_get_names_of_their_own() {
    let stem = "the-agent-that-reads-all-the-papers-of-all-the-suppliers-of-all-the-houses";
    let (one, other) = (format!("{stem}-east"), format!("{stem}-west"));
    let ran = split(&estate(&[&one, &other], 0), &["--json"]);
    // Nobody declared what they are for.
    assert_eq!(ran.code, 3, "{}", ran.err);
    let plan = plan(&ran);
    let names = made(&plan);
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(
        names
            .iter()
            .all(|it| it.len() <= 64 && it.starts_with("the-agent-that")),
        "{names:?}"
    );
    assert_ne!(names[0], names[1]);
    assert_eq!(verdicts(&plan, "within limits"), ["proved"]);
}

#[test]
fn an_account_that_is_full_of_roles_gets_no_plan_that_says_it_fits() {
    let ran = split(&estate(&["one", "two"], 999), &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("REFUTED   within limits"), "{}", ran.out);
    assert!(
        ran.out.contains("has 1000 roles and gets 2 more"),
        "{}",
        ran.out
    );
}

#[test]
fn agents_of_one_class_keep_one_role_where_their_charters_are_proved_equal() {
    let (estate, out) = (estate(&["one", "two"], 0), Folder::new());
    estate.file("charters/one.yaml", charter("one", 0, "readers", ""));
    estate.file("charters/two.yaml", charter("two", 1, "readers", ""));
    let (plan_at, after) = (out.path().join("plan"), out.path().join("after"));
    let (plan_at, after) = (plan_at.to_str().unwrap(), after.to_str().unwrap());
    let ran = split(&estate, &["--out", plan_at]);
    let text = std::fs::read_to_string(format!("{plan_at}/plan.json")).unwrap();
    let plan: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(made(&plan), ["readers"], "{}", ran.out);
    assert_eq!(verdicts(&plan, "charters are equal"), ["proved"]);
    assert_eq!(verdicts(&plan, "new ⊆ charter"), ["proved"]);
    let apply = [
        "plan",
        "apply-to-snapshot",
        plan_at,
        "--estate",
        estate.name(),
        "--out",
        after,
    ];
    let ran = run(&apply);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(shared(after), Vec::<String>::new());
    // Before the plan they share too, and may.
    assert_eq!(shared(estate.name()), Vec::<String>::new());
}

#[test]
fn a_class_is_no_excuse_where_charters_differ() {
    let estate = estate(&["one", "two"], 0);
    estate.file("charters/one.yaml", charter("one", 0, "readers", "a/"));
    estate.file("charters/two.yaml", charter("two", 1, "readers", "b/"));
    let ran = split(&estate, &["--json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let plan = plan(&ran);
    assert_eq!(made(&plan), ["one", "two"]);
    assert_eq!(verdicts(&plan, "charters are equal"), ["refuted"]);
    assert_eq!(shared(estate.name()), [ROLE]);
    let owners = ["mode: standing", "data: [internal]"];
    for (owner, changed) in owners.into_iter().zip(["mode: brokered", "data: [public]"]) {
        let two = charter("two", 1, "readers", "a/").replace(owner, changed);
        estate.file("charters/two.yaml", two);
        let ran = split(&estate, &["--json"]);
        assert_eq!(
            verdicts(&self::plan(&ran), "charters are equal"),
            ["refuted"],
            "{changed}"
        );
        assert_eq!(shared(estate.name()), [ROLE], "{changed}");
    }
}

/// The subjects of ID-01.
fn shared(estate: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(&run(&["scan", estate, "--json"]).out).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter(|it| it["rule"] == "ID-01")
        .map(|it| it["subject"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_usage_that_states_no_coverage_calls_nothing_unused() {
    let estate = estate(&["one"], 0);
    let line = json!({
        "account": ACCOUNT, "role": ROLE, "session": "s", "agent": null, "how_sure": "unknown",
        "action": "s3:GetObject", "resource": "arn:aws:s3:::papers/1", "count": 1,
        "first": "2026-09-01T00:00:00Z", "last": "2026-09-01T00:00:00Z", "errors": {}, "events": [],
    });
    let usage = estate.file("seen.ndjson", format!("{line}\n"));
    let ran = run(&[
        "tighten",
        "one",
        "--estate",
        estate.name(),
        "--usage",
        &usage,
    ]);
    assert_eq!(ran.code, 3, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("states no coverage"), "{}", ran.out);
    let scan = |usage: &str| {
        let ran = run(&["scan", estate.name(), "--usage", usage, "--json"]);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let of_rule = findings.filter(|it| it["rule"] == "PERM-08");
        of_rule
            .map(|it| it["status"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    // All that the role holds was used.
    assert_eq!(scan(&usage), Vec::<String>::new());
    assert_eq!(
        scan(&estate.file("none.ndjson", "{\"coverage\":null}\n")),
        ["unknown"]
    );
    let covers = json!({"coverage": {
        "from": "2026-08-23T00:00:00Z", "to": "2026-11-21T00:00:00Z", "accounts": [ACCOUNT],
        "regions": ["us-east-1"], "selectors": ["management", "AWS::S3::Object"],
    }});
    assert_eq!(
        scan(&estate.file("idle.ndjson", format!("{covers}\n"))),
        ["fail"]
    );
    refuses(
        &["scan", estate.name(), "--usage", "nowhere.ndjson"],
        &["nowhere.ndjson"],
    );
}

#[test]
fn what_is_documented_and_not_built_is_refused_by_name() {
    for flag in ["--trail", "--estate", "--as"] {
        refuses(
            &["scan", "examples/acme", flag, "x"],
            &[flag, "not part of this release"],
        );
    }
    for verb in ["trail", "apply", "certify"] {
        refuses(&[verb], &[verb, "not part of this release"]);
    }
    let compile = ["compile", "examples/acme/charters", "--usage", "x"];
    refuses(&compile, &["--usage", "not part of this release"]);
}
