//! Plans on the example organisation and on made estates: every claim holds, and every plan has a
//! way back.

use std::{collections::BTreeMap, fs, path::Path};

use bailiwick_charter::Charters;
use bailiwick_estate::{Estate, File, PrincipalId, usage::Usage};
use bailiwick_iam::{
    arn::Arn,
    evaluate::{Outcome, evaluate},
    layers::Layers,
    request::{Principal, Request},
};
use bailiwick_iam_catalog::builtin;
use bailiwick_review::{
    compiled::CompiledEstate,
    finding::Status,
    plan::{
        Claim, Plan, Snapshot, Verdict,
        lint::lint,
        split::{Sources, split},
        tighten::{TightenError, tighten},
    },
    scan,
};
use bailiwick_testkit::repository;
use proptest::prelude::*;
use serde_json::{Value, json};

const SHARED: &str = "arn:aws:iam::111122223333:role/service-role/agents-shared";

/// An estate with all that a plan is made from.
struct Given {
    snapshot: Snapshot,
    charters: Charters,
    usage: Option<Usage>,
}

impl Given {
    fn acme() -> Self {
        let root = repository().join("examples/acme");
        let mut files = Vec::new();
        read(&root.join("estate"), &root.join("estate"), &mut files);
        let charters: Vec<(String, Vec<u8>)> = fs::read_dir(root.join("charters"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
            .collect();
        let charters = charters
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_slice()));
        let usage = fs::read(root.join("usage.ndjson")).unwrap();
        Self {
            snapshot: Snapshot::new(files),
            charters: Charters::parse(charters).unwrap(),
            usage: Some(Usage::read("usage.ndjson", usage.as_slice()).unwrap()),
        }
    }

    fn split(&self, role: &str) -> Plan {
        let estate = estate(&self.snapshot);
        split(self.sources(&estate), &role.parse().unwrap()).unwrap()
    }

    fn sources<'a>(&'a self, estate: &'a Estate) -> Sources<'a> {
        Sources {
            estate,
            catalog: builtin(),
            snapshot: &self.snapshot,
            charters: &self.charters,
            usage: self.usage.as_ref(),
        }
    }
}

fn read(root: &Path, folder: &Path, files: &mut Vec<(String, Value)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, files);
        } else {
            let below = path.strip_prefix(root).unwrap().to_str().unwrap();
            let value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            files.push((below.to_owned(), value));
        }
    }
}

pub(crate) fn estate(snapshot: &Snapshot) -> Estate {
    let texts: Vec<(&str, String)> = snapshot
        .files()
        .map(|(name, value)| (name, value.to_string()))
        .collect();
    let files = texts
        .iter()
        .map(|(name, text)| File::of_bytes("estate", name, text.as_bytes()))
        .collect();
    Estate::load(files).unwrap()
}

fn verdict(plan: &Plan, claim: Claim, subject: &str) -> Verdict {
    let proof = plan
        .proofs
        .iter()
        .find(|proof| proof.claim == claim && proof.subject.contains(subject));
    proof.unwrap().proven.verdict()
}

#[test]
fn the_worst_role_of_acme_is_split_and_nothing_new_is_found() {
    let given = Given::acme();
    let plan = given.split(SHARED);
    assert_eq!(plan.verdict(), Verdict::Proved, "{:#?}", plan.proofs);
    assert_eq!(lint(&plan), []);
    let found = |snapshot: &Snapshot| -> Vec<(String, String, Status)> {
        let report = scan(&estate(snapshot), builtin());
        let findings = report.findings.into_iter();
        findings
            .map(|it| (it.rule.to_owned(), it.subject, it.status))
            .collect()
    };
    let before = found(&given.snapshot);
    let after = found(&given.snapshot.apply(&plan).unwrap());
    let new: Vec<_> = after.iter().filter(|it| !before.contains(it)).collect();
    assert!(new.is_empty(), "{new:#?}");
    assert!(
        before
            .iter()
            .any(|(rule, subject, _)| rule == "ID-01" && subject == SHARED)
    );
    assert!(after.iter().all(|(_, subject, _)| subject != SHARED
        && !subject.contains("role/agents/prod/support-copilot")));
}

#[test]
fn every_plan_for_acme_can_be_undone_and_read_back() {
    let given = Given::acme();
    let estate = estate(&given.snapshot);
    let mut tried = 0;
    for role in estate.roles.values() {
        let Ok(plan) = split(given.sources(&estate), &role.arn) else {
            continue;
        };
        assert_eq!(Plan::parse(&plan.to_json().unwrap()).unwrap(), plan);
        // A name that is taken is a refuted proof, and such a plan fits no snapshot.
        let is_taken = plan.open().any(|proof| proof.claim == Claim::WithinLimits);
        let after = match given.snapshot.apply(&plan) {
            Ok(after) => after,
            Err(error) => {
                assert!(is_taken, "{error}");
                continue;
            }
        };
        let back = after.apply(&plan.inverse(after.hash())).unwrap();
        assert!(back == given.snapshot, "{}", role.arn);
        tried += 1;
    }
    assert!(tried > 10, "{tried}");
}

#[test]
fn a_plan_for_another_snapshot_is_refused() {
    let given = Given::acme();
    let plan = given.split(SHARED);
    let after = given.snapshot.apply(&plan).unwrap();
    let error = after.apply(&plan).unwrap_err();
    assert!(error.to_string().contains("was made from"), "{error}");
}

#[test]
fn a_role_that_people_may_assume_is_left_as_it_is() {
    let given = Given::acme();
    let role = "arn:aws:iam::111122223333:role/ci/github-deployer";
    let plan = given.split(role);
    assert_eq!(verdict(&plan, Claim::OldRoleIsFree, role), Verdict::Refuted);
    let after = given.snapshot.apply(&plan).unwrap();
    let role: Arn = role.parse().unwrap();
    let detail = |snapshot: &Snapshot| snapshot.role_detail(&role).map(|(_, it)| it.clone());
    assert_eq!(detail(&after), detail(&given.snapshot));
}

#[test]
fn a_usage_that_states_no_coverage_leaves_the_proof_open() {
    let mut given = Given::acme();
    if let Some(usage) = &mut given.usage {
        usage.coverage = None;
    }
    let plan = given.split(SHARED);
    assert_eq!(
        verdict(&plan, Claim::ObservedInNew, "support-copilot"),
        Verdict::Unknown
    );
    assert_eq!(plan.verdict(), Verdict::Unknown);
}

#[test]
fn a_charter_that_asks_for_what_the_role_never_had_is_refuted_with_a_request() {
    let given = Given::acme();
    let given = Given {
        charters: charters(&[(
            "support-copilot",
            "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/support_copilot-Hk2nB5yW8d",
            &[(
                "ec2:StartInstances",
                "arn:aws:ec2:us-east-1:111122223333:instance/*",
            )],
        )]),
        ..given
    };
    let plan = given.split(SHARED);
    assert_eq!(
        verdict(&plan, Claim::NewInOld, "support-copilot"),
        Verdict::Refuted
    );
    assert!(
        plan.to_json()
            .unwrap()
            .contains("\"action\": \"ec2:StartInstances\"")
    );
}

#[test]
fn a_shared_role_is_split_before_it_is_tightened() {
    let given = Given::acme();
    let estate = estate(&given.snapshot);
    let of = |name: &str| {
        estate
            .agents
            .values()
            .find(|agent| agent.arn.as_str().contains(name))
            .unwrap()
    };
    let shared = tighten(given.sources(&estate), of("support_copilot"));
    assert!(matches!(
        shared,
        Err(TightenError::Shared { sharers: 2, .. })
    ));
    let plan = tighten(
        given.sources(&estate),
        of("runtime/invoice_reader-Qm7vR2sT9x"),
    )
    .unwrap();
    assert_eq!(verdict(&plan, Claim::NewInOld, ""), Verdict::Proved);
    assert_eq!(verdict(&plan, Claim::ObservedInNew, ""), Verdict::Proved);
    // The trail had no selector for memories, and the right to one goes.
    assert_eq!(verdict(&plan, Claim::RemovedIsUnused, ""), Verdict::Unknown);
    let after = given.snapshot.apply(&plan).unwrap();
    assert!(after.apply(&plan.inverse(after.hash())).unwrap() == given.snapshot);
}

/// A name, what runs as it, and its actions on resources.
type Declared<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// Charters of standing agents.
fn charters(agents: &[Declared<'_>]) -> Charters {
    let texts: Vec<(String, String)> = agents
        .iter()
        .map(|(name, workload, rights)| {
            let mut text = format!("agent: {name}\nowner: {{ team: t, contact: t@example.com }}\npurpose: Test.\nenvironment: prod\nmode: standing\nruns-as: [\"{workload}\"]\ntasks:\n  work:\n    for: 20m\n    write:\n");
            for (action, resource) in *rights {
                text.push_str(&format!("      - {{ actions: [\"{action}\"], resources: [\"{resource}\"] }}\n"));
            }
            (format!("{name}.yaml"), text)
        })
        .collect();
    let files = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()));
    Charters::parse(files).unwrap()
}

const RIGHTS: [(&str, &str); 8] = [
    ("s3:GetObject", "arn:aws:s3:::a/*"),
    ("s3:GetObject", "arn:aws:s3:::a/in/*"),
    ("s3:PutObject", "arn:aws:s3:::b/*"),
    (
        "dynamodb:GetItem",
        "arn:aws:dynamodb:us-east-1:111122223333:table/t",
    ),
    (
        "dynamodb:PutItem",
        "arn:aws:dynamodb:us-east-1:111122223333:table/*",
    ),
    ("sqs:SendMessage", "arn:aws:sqs:us-east-1:111122223333:q"),
    ("sns:Publish", "arn:aws:sns:us-east-1:111122223333:s"),
    (
        "lambda:InvokeFunction",
        "arn:aws:lambda:us-east-1:111122223333:function:f",
    ),
];

/// Requests at the edges of the rights above, and beyond them.
const REQUESTS: [(&str, &str); 10] = [
    ("s3:GetObject", "arn:aws:s3:::a/x"),
    ("s3:GetObject", "arn:aws:s3:::a/in/x"),
    ("s3:PutObject", "arn:aws:s3:::a/in/x"),
    ("s3:PutObject", "arn:aws:s3:::b/x"),
    (
        "dynamodb:GetItem",
        "arn:aws:dynamodb:us-east-1:111122223333:table/t",
    ),
    (
        "dynamodb:PutItem",
        "arn:aws:dynamodb:us-east-1:111122223333:table/u",
    ),
    ("sqs:SendMessage", "arn:aws:sqs:us-east-1:111122223333:q"),
    ("sns:Publish", "arn:aws:sns:us-east-1:111122223333:s"),
    (
        "lambda:InvokeFunction",
        "arn:aws:lambda:us-east-1:111122223333:function:f",
    ),
    ("iam:PassRole", "arn:aws:iam::111122223333:role/old"),
];

const OLD: &str = "arn:aws:iam::111122223333:role/old";

fn runtime(number: usize) -> String {
    format!("arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/agent_{number}-AbCdEf1234")
}

/// One role, with these statements, for so many runtimes.
fn made(agents: usize, statements: &[Value]) -> Snapshot {
    let role = json!({
        "Path": "/", "RoleName": "old", "RoleId": "AROAEXAMPLEOLD", "Arn": OLD,
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
            "Action": "sts:AssumeRole"}]},
        "InstanceProfileList": [], "AttachedManagedPolicies": [], "Tags": [], "RoleLastUsed": {},
        "RolePolicyList": [{"PolicyName": "all", "PolicyDocument": {
            "Version": "2012-10-17", "Statement": statements}}],
    });
    let iam = json!({"UserDetailList": [], "GroupDetailList": [], "Policies": [],
        "RoleDetailList": [role], "IsTruncated": false});
    let mut calls = vec![
        json!({"operation": "ListAgentRuntimes", "request": {}, "response": {
        "agentRuntimes": (0..agents).map(|number| json!({
            "agentRuntimeArn": runtime(number), "agentRuntimeId": format!("agent_{number}-AbCdEf1234"),
            "agentRuntimeVersion": "1", "agentRuntimeName": format!("agent_{number}"), "status": "READY",
        })).collect::<Vec<_>>()}}),
    ];
    for number in 0..agents {
        calls.push(json!({"operation": "GetAgentRuntime",
            "request": {"agentRuntimeId": format!("agent_{number}-AbCdEf1234")},
            "response": {"agentRuntimeArn": runtime(number), "agentRuntimeName": format!("agent_{number}"),
                "agentRuntimeId": format!("agent_{number}-AbCdEf1234"), "agentRuntimeVersion": "1",
                "roleArn": OLD, "networkConfiguration": {"networkMode": "PUBLIC"}, "status": "READY"}}));
    }
    let account = "accounts/111122223333";
    Snapshot::new([
        (format!("{account}/iam.json"), iam),
        (
            format!("{account}/us-east-1/bedrock-agentcore-control.json"),
            json!({ "calls": calls }),
        ),
    ])
}

fn statement() -> impl Strategy<Value = Value> {
    let right = prop::sample::select(RIGHTS.to_vec());
    (right, any::<bool>(), any::<bool>(), 0..8_u8).prop_map(
        |(right, wide_action, wide_resource, deny)| {
            let (action, resource) = right;
            let (service, _) = action.split_once(':').unwrap();
            json!({
                "Effect": if deny == 0 { "Deny" } else { "Allow" },
                "Action": if wide_action { format!("{service}:*") } else { action.to_owned() },
                "Resource": if wide_resource { "*" } else { resource },
            })
        },
    )
}

fn allows(estate: &Estate, role: &Arn, (action, resource): (&str, &str)) -> bool {
    let Some(id) = estate.role(role) else {
        return false;
    };
    let layers: Layers = CompiledEstate::new(estate, builtin()).layers(PrincipalId::Role(id));
    let request = Request::new(Principal::Role(role.clone()), action, resource);
    evaluate(&layers, &request, builtin()).outcome == Outcome::Allow
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_a_plan_proves_the_evaluator_finds(
        statements in prop::collection::vec(statement(), 1..6),
        declared in prop::collection::vec(prop::collection::vec(0..RIGHTS.len(), 1..4), 1..4),
    ) {
        let names: Vec<String> = (0..declared.len()).map(|number| format!("agent-{number}")).collect();
        let workloads: Vec<String> = (0..declared.len()).map(runtime).collect();
        let rights: Vec<Vec<(&str, &str)>> = declared
            .iter()
            .map(|own| own.iter().map(|&right| RIGHTS[right]).collect())
            .collect();
        let agents: Vec<Declared<'_>> = names
            .iter()
            .zip(&workloads)
            .zip(&rights)
            .map(|((name, workload), rights)| (name.as_str(), workload.as_str(), rights.as_slice()))
            .collect();
        let given = Given {
            snapshot: made(declared.len(), &statements),
            charters: charters(&agents),
            usage: None,
        };
        let before = estate(&given.snapshot);
        let plan = given.split(OLD);
        let after = given.snapshot.apply(&plan).unwrap();
        prop_assert!(after.apply(&plan.inverse(after.hash())).unwrap() == given.snapshot);
        prop_assert!(lint(&plan).iter().all(|remark| remark.what.contains("refuted")));
        let after = estate(&after);
        let old: Arn = OLD.parse().unwrap();
        for (name, rights) in names.iter().zip(&rights) {
            let role: Arn = format!("arn:aws:iam::111122223333:role/agents/prod/{name}").parse().unwrap();
            let in_old = verdict(&plan, Claim::NewInOld, name);
            let charter_in = verdict(&plan, Claim::CharterInNew, name);
            prop_assert_eq!(charter_in, Verdict::Proved);
            let mut beyond = 0;
            for request in REQUESTS {
                let new = allows(&after, &role, request);
                let is_declared = rights.iter().any(|(action, resource)| {
                    let start = resource.trim_end_matches('*');
                    *action == request.0 && (request.1 == *resource || resource.ends_with('*') && request.1.starts_with(start))
                });
                prop_assert_eq!(new, is_declared, "{} {:?}", name, request);
                beyond += usize::from(new && !allows(&before, &old, request));
            }
            prop_assert!(beyond == 0 || in_old == Verdict::Refuted);
        }
    }
}

#[test]
fn an_account_that_is_full_of_roles_gets_no_silent_plan() {
    let mut files: BTreeMap<String, Value> = made(
        1,
        &[json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})],
    )
    .files()
    .map(|(name, value)| (name.to_owned(), value.clone()))
    .collect();
    let iam = files.get_mut("accounts/111122223333/iam.json").unwrap();
    let list = iam["RoleDetailList"].as_array_mut().unwrap();
    for number in 0..999 {
        let mut role = list[0].clone();
        role["RoleName"] = json!(format!("r{number}"));
        role["RoleId"] = json!(format!("AROAEXAMPLE{number}"));
        role["Arn"] = json!(format!("arn:aws:iam::111122223333:role/r{number}"));
        list.push(role);
    }
    let given = Given {
        snapshot: Snapshot::new(files),
        charters: Charters::default(),
        usage: None,
    };
    let plan = given.split(OLD);
    assert_eq!(
        verdict(&plan, Claim::WithinLimits, "111122223333"),
        Verdict::Refuted
    );
}
