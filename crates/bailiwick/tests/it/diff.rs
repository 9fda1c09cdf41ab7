//! `diff`: each way in which the three books differ, beside its near miss.

use std::fs;

use serde_json::{Value, json};

use crate::program::{Folder, Ran, refuses, run};

const ACME: &str = "examples/acme";
const CHARTERS: &str = "examples/acme/charters";

fn diff(charters: &str, more: &[&str]) -> (Ran, Value) {
    let ran = run(&[&["diff", ACME, charters, "--json"], more].concat());
    let answer = serde_json::from_str(&ran.out).unwrap();
    (ran, answer)
}

fn books<'a>(answer: &'a Value, agent: &str) -> &'a Value {
    let mut agents = answer["agents"].as_array().unwrap().iter();
    agents.find(|it| it["agent"] == agent).unwrap()
}

/// The actions in a list of lines.
fn actions(lines: &Value) -> Vec<&str> {
    let lines = lines.as_array().unwrap().iter();
    lines
        .flat_map(|line| line["actions"].as_array().unwrap())
        .map(|action| action.as_str().unwrap())
        .collect()
}

fn unused(books: &Value) -> Vec<&str> {
    let roles = books["unused"].as_array().unwrap().iter();
    roles
        .flat_map(|it| it["actions"].as_array().unwrap())
        .map(|action| action.as_str().unwrap())
        .collect()
}

fn drifted(books: &Value) -> Vec<&str> {
    let lines = books["drift"].as_array().unwrap().iter();
    lines.map(|it| it["action"].as_str().unwrap()).collect()
}

#[test]
fn what_differs_is_found_in_each_direction() {
    let (ran, answer) = diff(CHARTERS, &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let reader = books(&answer, "invoice-reader");
    assert!(actions(&reader["excess"]).contains(&"s3:ListBucket"));
    assert_eq!(drifted(reader), ["s3:ListBucket"]);
    assert!(unused(reader).contains(&"bedrock-agentcore:CreateEvent"));
    assert_eq!(
        reader["unused"][0]["unseen"],
        json!(["AWS::BedrockAgentCore::Memory"])
    );
    let broken = reader["broken"].as_array().unwrap();
    let layer_of = |action: &str| {
        let mut lines = broken.iter();
        let line = lines.find(|it| it["actions"].as_array().unwrap().contains(&action.into()));
        line.unwrap()["layer"].as_str().unwrap().to_owned()
    };
    assert_eq!(layer_of("dynamodb:PutItem"), "identity");
    // The role decrypts for S3 alone, and its charter says no such thing.
    assert_eq!(layer_of("kms:Decrypt"), "identity");
    // An agent whose books are equal.
    let forecast = books(&answer, "nightly-forecast");
    for list in ["excess", "broken", "drift", "unknown"] {
        assert_eq!(forecast[list].as_array().unwrap().len(), 0, "{forecast:#}");
    }
}

#[test]
fn what_a_charter_declares_is_no_excess_and_no_drift() {
    let text = fs::read_to_string(
        bailiwick_testkit::repository()
            .join(CHARTERS)
            .join("invoice-reader.yaml"),
    );
    let listing = "    read:\n      - { actions: [s3:ListBucket], resources: [\"arn:aws:s3:::acme-prod-invoices\"] }\n";
    let text = text.unwrap().replacen("    read:\n", listing, 1);
    let folder = Folder::new();
    folder.file("invoice-reader.yaml", text);
    let (_, answer) = diff(folder.name(), &[]);
    let reader = books(&answer, "invoice-reader");
    assert!(!actions(&reader["excess"]).contains(&"s3:ListBucket"));
    assert!(actions(&reader["excess"]).contains(&"s3:GetObject"));
    assert!(drifted(reader).is_empty());
    // The role lists below a prefix alone, and the charter now declares the whole bucket.
    assert!(actions(&reader["broken"]).contains(&"s3:ListBucket"));
}

#[test]
fn what_was_not_seen_is_no_drift() {
    let folder = Folder::new();
    let usage = folder.file("usage.ndjson", "{\"coverage\":null}\n");
    let (_, answer) = diff(CHARTERS, &["--usage", &usage]);
    assert!(drifted(books(&answer, "invoice-reader")).is_empty());
    assert_eq!(answer["coverage"], Value::Null);
}

#[test]
fn an_agent_without_a_charter_is_undeclared_until_it_has_one() {
    let (_, answer) = diff(CHARTERS, &[]);
    let undeclared = answer["undeclared"].as_array().unwrap();
    let is_named = |part: &str| {
        undeclared
            .iter()
            .any(|it| it.as_str().unwrap().contains(part))
    };
    assert!(is_named("harness/incident_helper"));
    assert!(!is_named("runtime/support_copilot"));
}

#[test]
fn a_trail_nobody_vouched_for_and_bad_input_are_told() {
    let folder = Folder::new();
    let usage = folder.file("usage.ndjson", "{\"coverage\":null}\n");
    let ran = run(&["diff", ACME, CHARTERS, "--usage", &usage]);
    assert!(ran.out.contains("no coverage is stated"), "{}", ran.out);
    let bad = folder.file("bad.ndjson", "{\"role\":3}\n");
    refuses(
        &["diff", ACME, CHARTERS, "--usage", &bad],
        &["bad.ndjson:1:"],
    );
    refuses(&["diff", ACME, "nowhere"], &["nowhere"]);
    let empty = Folder::new();
    refuses(&["diff", ACME, empty.name()], &["no charter", "mend:"]);
}

/// An estate of one account and one runtime, with what it may do, its charter's reads, the SCP over
/// it and the lines of its usage.
struct Small<'a> {
    allowed: Value,
    declared: &'a str,
    scp: Value,
    rcp: Value,
    bucket: Value,
    used: &'a [&'a str],
}

const RUNTIME: &str = "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/reader-AbCdEf1234";
const ROLE: &str = "arn:aws:iam::111122223333:role/agents/prod/reader";

impl Small<'_> {
    /// What the charter says, no more: equal books, seen in full.
    fn equal() -> Self {
        Self {
            allowed: json!([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::in/*"}]),
            declared: "{ actions: [s3:GetObject], resources: [\"arn:aws:s3:::in/*\"] }",
            scp: json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]),
            rcp: Value::Null,
            bucket: Value::Null,
            used: &["s3:GetObject"],
        }
    }

    fn write(&self, folder: &Folder) -> String {
        let document =
            |statements: &Value| json!({"Version": "2012-10-17", "Statement": statements});
        let put = |name: &str, value: &Value| folder.file(name, value.to_string());
        put(
            "estate/accounts/111122223333/iam.json",
            &json!({"UserDetailList": [], "GroupDetailList": [], "Policies": [], "IsTruncated": false,
                "RoleDetailList": [{"Path": "/agents/prod/", "RoleName": "reader", "RoleId": "AROAEXAMPLEREADER",
                    "Arn": ROLE, "InstanceProfileList": [], "AttachedManagedPolicies": [], "Tags": [],
                    "AssumeRolePolicyDocument": document(&json!([{"Effect": "Allow",
                        "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}, "Action": "sts:AssumeRole"}])),
                    "RolePolicyList": [{"PolicyName": "all", "PolicyDocument": document(&self.allowed)}]}]}),
        );
        put(
            "estate/accounts/111122223333/us-east-1/bedrock-agentcore-control.json",
            &json!({"calls": [{"operation": "GetAgentRuntime", "request": {"agentRuntimeId": "reader-AbCdEf1234"},
                "response": {"agentRuntimeArn": RUNTIME, "agentRuntimeName": "reader", "agentRuntimeVersion": "1",
                    "agentRuntimeId": "reader-AbCdEf1234", "roleArn": ROLE, "status": "READY",
                    "networkConfiguration": {"networkMode": "PUBLIC"}}}]}),
        );
        if !self.bucket.is_null() {
            put(
                "estate/accounts/111122223333/resources.json",
                &json!([{"arn": "arn:aws:s3:::in", "type": "AWS::S3::Bucket", "policy": document(&self.bucket)}]),
            );
        }
        let scps = json!([{"name": "ceiling", "document": document(&self.scp)}]);
        let rcps = if self.rcp.is_null() {
            json!([])
        } else {
            json!([{"name": "resources", "document": document(&self.rcp)}])
        };
        put(
            "estate/organization.json",
            &json!({"management_account": "999988887777", "roots": [{"id": "r-root", "scps": scps, "rcps": rcps,
                "units": [], "accounts": [{"id": "111122223333", "name": "prod", "tags": {}, "scps": [
                    {"name": "FullAWSAccess", "document": document(&json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]))}], "rcps": []}]}]}),
        );
        folder.file(
            "charters/reader.yaml",
            format!("agent: reader\nowner: {{ team: t, contact: t@example.com }}\npurpose: Read.\nenvironment: prod\nmode: standing\nruns-as: [\"{RUNTIME}\"]\ntasks:\n  read:\n    for: 20m\n    read:\n      - {}\n", self.declared),
        );
        let mut usage = "{\"coverage\":{\"from\":\"2026-08-23T00:00:00Z\",\"to\":\"2026-11-20T00:00:00Z\",\"accounts\":[\"111122223333\"],\"regions\":[\"us-east-1\"],\"selectors\":[\"management\",\"AWS::S3::Object\"]}}\n".to_owned();
        for action in self.used {
            let line = json!({"account": "111122223333", "role": ROLE, "agent": RUNTIME, "how_sure": "certain",
                "action": action, "resource": "arn:aws:s3:::in/a", "count": 3,
                "first": "2026-09-01T00:00:00Z", "last": "2026-10-01T00:00:00Z"});
            usage.push_str(&format!("{line}\n"));
        }
        folder.file("usage.ndjson", usage);
        folder.name().to_owned()
    }

    fn diff(&self, more: &[&str]) -> (Ran, Value) {
        let folder = Folder::new();
        let estate = self.write(&folder);
        let charters = format!("{estate}/charters");
        let ran = run(&[&["diff", &estate, &charters, "--json"], more].concat());
        let answer = serde_json::from_str(&ran.out).unwrap();
        (ran, answer)
    }

    /// How it exits, and its one agent's book.
    fn book(&self) -> (i32, Value) {
        let (ran, answer) = self.diff(&[]);
        (ran.code, books(&answer, "reader").clone())
    }
}

#[test]
fn equal_books_exit_0_and_without_a_trail_nobody_can_tell() {
    let (code, reader) = Small::equal().book();
    assert_eq!(code, 0, "{reader:#}");
    let folder = Folder::new();
    let silent = folder.file("silent.ndjson", "{\"coverage\":null}\n");
    let (ran, answer) = Small::equal().diff(&["--usage", &silent]);
    assert_eq!(ran.code, 3, "{}", ran.out);
    let unknown = books(&answer, "reader")["unknown"].to_string();
    assert!(unknown.contains("states no coverage"), "{unknown}");
}

#[test]
fn what_an_scp_denies_is_broken_there_and_a_deny_elsewhere_is_not() {
    let scp = |deny: Value| json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}, deny]);
    let denied = Small {
        scp: scp(
            json!({"Effect": "Deny", "Action": "s3:Get*", "Resource": "arn:aws:s3:::in/secret/*"}),
        ),
        ..Small::equal()
    };
    let (code, reader) = denied.book();
    assert_eq!(code, 1);
    assert_eq!(reader["broken"][0]["layer"], "scp", "{reader:#}");
    assert_eq!(actions(&reader["broken"]), ["s3:GetObject"]);
    // In other Regions it never asks.
    let elsewhere = Small {
        scp: scp(json!({"Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}})),
        ..Small::equal()
    };
    assert_eq!(elsewhere.book().0, 0);
    // Which organisation it is, nobody said.
    let untold = Small {
        scp: scp(json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*",
            "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-other12345"}}})),
        ..Small::equal()
    };
    let (code, reader) = untold.book();
    assert_eq!(code, 3, "{reader:#}");
    assert!(reader["unknown"].to_string().contains("aws:PrincipalOrgID"));
}

#[test]
fn what_an_rcp_denies_is_broken_there_and_a_denial_of_others_is_not() {
    let deny = |more: Value| {
        let mut deny = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::in/*"});
        for (name, value) in more.as_object().unwrap() {
            deny[name] = value.clone();
        }
        json!([deny])
    };
    let denied = Small {
        rcp: deny(json!({})),
        ..Small::equal()
    };
    let (code, reader) = denied.book();
    assert_eq!(code, 1, "{reader:#}");
    assert_eq!(reader["broken"][0]["layer"], "rcp", "{reader:#}");
    assert_eq!(actions(&reader["broken"]), ["s3:GetObject"]);
    // It binds those of other accounts.
    let outsiders = Small {
        rcp: deny(
            json!({"Condition": {"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}}}),
        ),
        ..Small::equal()
    };
    let (code, reader) = outsiders.book();
    assert_eq!(code, 0, "{reader:#}");
}

#[test]
fn what_a_resource_denies_is_broken_there_and_what_it_grants_is_not() {
    let denied = Small {
        bucket: json!([{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::in/*"}]),
        ..Small::equal()
    };
    let (code, reader) = denied.book();
    assert_eq!(code, 1);
    assert_eq!(reader["broken"][0]["layer"], "resource", "{reader:#}");
    // The bucket lets the role in by itself.
    let granted = Small {
        allowed: json!([{"Effect": "Allow", "Action": "xray:PutTraceSegments", "Resource": "*"}]),
        bucket: json!([{"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::in/*"}]),
        ..Small::equal()
    };
    assert_eq!(granted.book().1["broken"], json!([]));
}

#[test]
fn what_it_may_and_never_did_is_unused_and_no_fault() {
    let idle = Small {
        used: &[],
        ..Small::equal()
    };
    let (code, reader) = idle.book();
    assert_eq!(code, 0, "{reader:#}");
    assert_eq!(unused(&reader), ["s3:GetObject"]);
    assert_eq!(unused(&Small::equal().book().1), Vec::<&str>::new());
}

#[test]
fn every_routed_version_is_held_against_the_charter() {
    let (_, answer) = diff(CHARTERS, &[]);
    let desk = books(&answer, "order-desk");
    let roles: Vec<&str> = desk["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    assert_eq!(roles.len(), 2, "{roles:?}");
    // The version that answers kept the wide role; the draft got the narrow one.
    let excess = desk["excess"].as_array().unwrap().iter();
    let wide: Vec<_> = excess
        .filter(|it| it["role"].as_str().unwrap().ends_with("Legacy"))
        .collect();
    assert!(
        wide.iter()
            .any(|it| it["actions"].to_string().contains("dynamodb:DeleteItem"))
    );
}

#[test]
fn what_a_shared_role_did_and_no_charter_declares_is_told_of_nobody() {
    let (_, answer) = diff(CHARTERS, &[]);
    let strays: Vec<&str> = answer["unattributed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["action"].as_str().unwrap())
        .collect();
    assert!(strays.contains(&"dynamodb:Scan"), "{strays:?}");
    // One of the two declares this.
    assert!(!strays.contains(&"dynamodb:GetItem"), "{strays:?}");
}
