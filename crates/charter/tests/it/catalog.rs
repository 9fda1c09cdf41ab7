//! What is compiled, held against the catalog of AWS's actions.

use bailiwick_charter::{
    Charter,
    compile::{CompiledRole, OUTLIVING, Site, broker, compile},
};
use bailiwick_iam::policy::{Policy, Statement};
use bailiwick_iam_catalog::builtin;

const KINDS: [(&str, &str); 6] = [
    (
        "bedrock-agentcore:us-east-1:111122223333:runtime/reader-Qm7vR2sT9x",
        "brokered",
    ),
    (
        "bedrock-agentcore:us-east-1:111122223333:harness/reader-Qm7vR2sT9x",
        "brokered",
    ),
    (
        "bedrock-agentcore:us-east-1:111122223333:gateway/reader-qm7vr2st9x",
        "standing",
    ),
    (
        "bedrock:us-east-1:111122223333:agent/ABCDEFGHIJ",
        "standing",
    ),
    ("bedrock:us-east-1:111122223333:flow/ABCDEFGHIJ", "standing"),
    ("lambda:us-east-1:111122223333:function:reader", "brokered"),
];

fn charter(workload: &str, mode: &str) -> Charter {
    let text = format!(
        "agent: reader\nowner: {{ team: t, contact: t@example.com }}\npurpose: p\nenvironment: prod\nmode: {mode}\nruns-as: [\"arn:aws:{workload}\"]\nmodels: [\"arn:aws:bedrock:us-east-1::foundation-model/m\"]\ninvokers: [\"arn:aws:iam::111122223333:role/app\"]\ntasks: {{ read-one: {{ for: 5m, read: [ {{ actions: [s3:GetObject], resources: [\"arn:aws:s3:::b/*\"] }} ] }} }}\n"
    );
    Charter::parse("c.yaml", &text).unwrap()
}

fn site() -> Site {
    Site {
        audience: Some("https://bailiwick.example.com".to_owned()),
        images: vec![
            "arn:aws:ecr:us-east-1:111122223333:repository/reader"
                .parse()
                .unwrap(),
        ],
        ..Site::default()
    }
}

#[test]
fn every_right_that_is_compiled_exists_and_every_condition_comes_with_its_action() {
    let workload = "arn:aws:ecs:us-east-1:111122223333:task-definition/b"
        .parse()
        .unwrap();
    let account = "111122223333".parse().unwrap();
    holds(&broker(&workload, account, &[]).unwrap());
    for (workload, mode) in KINDS {
        let compiled = compile(&charter(workload, mode), &site()).unwrap();
        compiled.roles().for_each(holds);
        let invoke = compiled.invoke.unwrap();
        exist(&invoke.policy.document);
    }
}

fn holds(role: &CompiledRole) {
    for policy in &role.policies {
        exist(&policy.document);
    }
    exist(&role.trust);
}

fn exist(policy: &Policy) {
    for statement in &policy.statements {
        assert!(
            !statement.actions.is_excluding(),
            "an action that is left out"
        );
        for action in statement.actions.patterns() {
            let name = &action.value.0;
            let known = builtin().action(name);
            assert!(known.is_ok(), "{name}");
            with_its_conditions(statement, name);
        }
    }
}

/// Keys that AWS sends with the requests of a service that acts for somebody; they are in no list of
/// an action.
const OF_SERVICES: [&str; 2] = ["aws:SourceAccount", "aws:SourceArn"];

fn with_its_conditions(statement: &Statement, action: &str) {
    let known = builtin().action(action).unwrap();
    for condition in &statement.conditions {
        let key = &condition.key.value;
        let listed = known.lists_condition_key(key) || OF_SERVICES.contains(&key.as_str());
        assert!(listed, "{action} carries no {key}");
    }
}

#[test]
fn what_outlives_a_session_are_actions_that_exist() {
    for (action, _) in OUTLIVING {
        assert!(builtin().action(action).is_ok(), "{action}");
    }
}
