//! The way from the old role to the new one, step by step as AWS takes it for each kind of agent.

use bailiwick_estate::Estate;
use bailiwick_iam_catalog::builtin;
use bailiwick_review::plan::{
    Act, Claim, Phase, Plan, Proven, Snapshot, Verdict,
    split::{Sources, split},
};
use serde_json::{Value, json};

use crate::{
    made::{Agent, Declared, Kind, OLD, OTHER, World},
    plans::estate,
};

/// A chartered agent of this kind, with two numbered versions where its kind has them.
fn agent(kind: Kind, number: usize) -> Agent {
    let declared = Declared {
        rights: vec![0, 3],
        is_brokered: false,
        is_of_class: false,
        has_long_name: false,
        has_model: false,
    };
    Agent {
        kind,
        number,
        versions: 2,
        charter: Some(declared),
    }
}

fn world(agents: Vec<Agent>) -> World {
    let wide =
        json!({"Effect": "Allow", "Action": ["s3:*", "dynamodb:*", "bedrock:*"], "Resource": "*"});
    World {
        agents,
        inline: vec![wide],
        managed: None,
        boundary: None,
        scps: Vec::new(),
        by_people: false,
        is_named_elsewhere: false,
        seen: None,
    }
}

fn planned(world: &World) -> (Snapshot, Plan) {
    let snapshot = world.snapshot();
    let plan = planned_on(&snapshot, world);
    (snapshot, plan)
}

fn planned_on(snapshot: &Snapshot, world: &World) -> Plan {
    let charters = world.charters();
    let estate = estate(snapshot);
    let sources = Sources {
        estate: &estate,
        catalog: builtin(),
        snapshot,
        charters: &charters,
        usage: None,
    };
    split(sources, &OLD.parse().unwrap()).unwrap()
}

/// The steps of an agent after its roles were made, each with what undoes it.
#[track_caller]
fn check(kind: Kind, steps: &[(Phase, &str, &str)]) {
    let (_, plan) = planned(&world(vec![agent(kind, 0)]));
    let own: Vec<_> = plan
        .changes
        .iter()
        .filter(|change| change.agent.is_some() && change.phase != Phase::Create)
        .map(|change| (change.phase, change.act.call(), change.inverse.0.call()))
        .collect();
    assert_eq!(own, steps);
    let created = plan
        .changes
        .iter()
        .filter(|change| change.phase == Phase::Create)
        .map(|change| change.act.call())
        .collect::<Vec<_>>();
    assert_eq!(created[..2], ["iam:CreatePolicy", "iam:CreateRole"]);
    assert!(created[2..].iter().all(|call| *call == "iam:PutRolePolicy"));
    let retired: Vec<_> = plan
        .changes
        .iter()
        .filter(|change| change.phase == Phase::Retire)
        .map(|change| change.act.call())
        .collect();
    assert_eq!(retired, ["iam:DeleteRolePolicy", "iam:DeleteRole"]);
    let phases: Vec<Phase> = plan.changes.iter().map(|change| change.phase).collect();
    assert!(phases.is_sorted(), "{phases:?}");
}

#[test]
fn a_bedrock_agent_is_updated_prepared_versioned_and_its_alias_follows() {
    check(
        Kind::BedrockAgent,
        &[
            (Phase::Update, "bedrock:UpdateAgent", "bedrock:UpdateAgent"),
            (
                Phase::Update,
                "bedrock:PrepareAgent",
                "bedrock:PrepareAgent",
            ),
            (
                Phase::Update,
                "bedrock:CreateAgentAlias",
                "bedrock:DeleteAgentVersion",
            ),
            (
                Phase::Route,
                "bedrock:UpdateAgentAlias",
                "bedrock:UpdateAgentAlias",
            ),
            (Phase::Verify, "verify", "verify"),
        ],
    );
}

#[test]
fn a_flow_is_updated_prepared_versioned_and_its_alias_follows() {
    check(
        Kind::Flow,
        &[
            (Phase::Update, "bedrock:UpdateFlow", "bedrock:UpdateFlow"),
            (Phase::Update, "bedrock:PrepareFlow", "bedrock:PrepareFlow"),
            (
                Phase::Update,
                "bedrock:CreateFlowVersion",
                "bedrock:DeleteFlowVersion",
            ),
            (
                Phase::Route,
                "bedrock:UpdateFlowAlias",
                "bedrock:UpdateFlowAlias",
            ),
            (Phase::Verify, "verify", "verify"),
        ],
    );
}

#[test]
fn a_runtimes_update_makes_a_version_and_endpoints_but_the_default_are_moved() {
    check(
        Kind::Runtime,
        &[
            (
                Phase::Update,
                "bedrock-agentcore:UpdateAgentRuntime",
                "bedrock-agentcore:UpdateAgentRuntime",
            ),
            (
                Phase::Route,
                "bedrock-agentcore:UpdateAgentRuntimeEndpoint",
                "bedrock-agentcore:UpdateAgentRuntimeEndpoint",
            ),
            (Phase::Verify, "verify", "verify"),
        ],
    );
}

#[test]
fn what_has_no_versions_is_updated_and_looked_at() {
    for (kind, call) in [
        (Kind::KnowledgeBase, "bedrock:UpdateKnowledgeBase"),
        (Kind::Harness, "bedrock-agentcore:UpdateHarness"),
        (Kind::Gateway, "bedrock-agentcore:UpdateGateway"),
        (Kind::Memory, "bedrock-agentcore:UpdateMemory"),
        (Kind::Function, "lambda:UpdateFunctionConfiguration"),
    ] {
        check(
            kind,
            &[
                (Phase::Update, call, call),
                (Phase::Verify, "verify", "verify"),
            ],
        );
    }
}

#[test]
fn aws_is_told_the_id_of_an_alias_and_people_its_name() {
    let (_, plan) = planned(&world(vec![agent(Kind::BedrockAgent, 0)]));
    let moved = plan.changes.iter().find_map(|change| match &change.act {
        Act::MoveAlias {
            alias,
            alias_id,
            from,
            to,
            ..
        } => Some((
            alias.as_str(),
            alias_id.as_deref(),
            from.as_str(),
            to.as_str(),
        )),
        _ => None,
    });
    assert_eq!(moved, Some(("live", Some("LIVE000000"), "2", "3")));
}

#[test]
fn what_else_goes_live_with_a_new_version_is_for_somebody_to_look_at() {
    let asked = |kind: Kind| {
        let (_, plan) = planned(&world(vec![agent(kind, 0)]));
        let mut asked = plan.obligations.into_iter().map(|it| it.what);
        asked.find(|what| what.starts_with("compare "))
    };
    assert_eq!(
        asked(Kind::BedrockAgent).as_deref(),
        Some("compare the draft with version 2 behind live")
    );
    assert_eq!(
        asked(Kind::Runtime).as_deref(),
        Some("compare version 2 with version 1 behind stable")
    );
    assert_eq!(asked(Kind::Gateway), None);
}

/// Wherever somebody stops: what answers has a role that exists and may do what its charter says, and
/// the steps taken can be undone.
#[test]
fn after_every_step_all_agents_have_a_role_and_there_is_a_way_back() {
    let agents = Kind::ALL.into_iter().enumerate();
    let world = World {
        is_named_elsewhere: true,
        ..world(agents.map(|(number, kind)| agent(kind, number)).collect())
    };
    let (snapshot, plan) = planned(&world);
    assert_eq!(
        plan.verdict(),
        Verdict::Proved,
        "{:#?}",
        plan.open().collect::<Vec<_>>()
    );
    assert!(plan.changes.len() > 50, "{}", plan.changes.len());
    for taken in 0..=plan.changes.len() {
        let part = Plan {
            changes: plan.changes[..taken].to_vec(),
            ..plan.clone()
        };
        let after = snapshot.apply(&part).unwrap();
        let step = || {
            plan.changes
                .get(taken.wrapping_sub(1))
                .map(|change| change.act.subject())
        };
        live_roles_exist(&estate(&after), &format!("after {taken}: {:?}", step()));
        let back = after.apply(&part.inverse(after.hash())).unwrap();
        assert!(back == snapshot, "no way back after {taken}: {:?}", step());
    }
}

#[track_caller]
fn live_roles_exist(estate: &Estate, when: &str) {
    for agent in estate.agents.values() {
        for held in &agent.roles {
            let is_live = held.versions.iter().any(|version| version.is_live());
            assert!(
                !is_live || held.role.id.is_some(),
                "{when}: {} runs as {}, which is not there",
                agent.arn,
                held.role.arn
            );
        }
    }
}

fn under(scp: &Value) -> Plan {
    let mut world = world(vec![agent(Kind::Runtime, 0)]);
    world.scps = vec![json!({"Version": "2012-10-17", "Statement": [scp]})];
    planned(&world).1
}

#[track_caller]
fn proof(plan: &Plan, claim: Claim) -> &Proven {
    let mut proofs = plan.proofs.iter();
    let proof = proofs.find(|proof| proof.claim == claim && proof.subject == "agent-0");
    &proof.unwrap().proven
}

#[test]
fn a_ceiling_that_spares_the_old_role_by_name_denies_its_heir_and_the_plan_says_so() {
    let plan = under(
        &json!({"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*",
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": OLD}}}),
    );
    let Proven::Refuted { witness, why } = proof(&plan, Claim::CharterInNew) else {
        panic!("{:#?}", plan.proofs);
    };
    assert_eq!(witness["request"]["action"], "s3:GetObject");
    assert!(why.contains("SCP"), "{why}");
    assert_eq!(proof(&plan, Claim::NewInOld).verdict(), Verdict::Proved);
    let asked = plan
        .obligations
        .iter()
        .find(|it| it.subject == "limit-0")
        .unwrap();
    assert!(
        asked.what.contains("role/agents/prod/agent-0"),
        "{}",
        asked.what
    );
}

#[test]
fn a_ceiling_that_denies_the_old_role_by_name_lets_its_heir_pass_and_the_plan_says_so() {
    let plan = under(
        &json!({"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*",
        "Condition": {"ArnEquals": {"aws:PrincipalArn": OLD}}}),
    );
    let Proven::Refuted { witness, .. } = proof(&plan, Claim::NewInOld) else {
        panic!("{:#?}", plan.proofs);
    };
    assert_eq!(witness["request"]["action"], "s3:GetObject");
    assert_eq!(proof(&plan, Claim::CharterInNew).verdict(), Verdict::Proved);
}

#[test]
fn a_ceiling_that_tells_principals_apart_and_not_these_two_changes_nothing() {
    let plan = under(
        &json!({"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*",
        "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/engineers"}}}),
    );
    assert_eq!(plan.verdict(), Verdict::Proved, "{:#?}", plan.proofs);
    assert!(plan.obligations.iter().all(|it| it.subject != "limit-0"));
}

#[test]
fn a_ceiling_that_asks_for_a_tag_of_the_old_role_shuts_out_its_heir() {
    let plan = under(&json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalTag/owner": "nobody"}}}));
    // Neither role has the tag's value: what was denied stays denied.
    assert_eq!(plan.verdict(), Verdict::Proved, "{:#?}", plan.proofs);
    let plan = under(&json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*",
        "Condition": {"Null": {"aws:PrincipalTag/owner": "false"}}}));
    // Roles of charters are tagged with their owner, and the old one was not.
    assert_eq!(
        proof(&plan, Claim::CharterInNew).verdict(),
        Verdict::Refuted
    );
}

#[test]
fn the_ceilings_over_an_account_that_nobody_listed_are_not_taken_for_none() {
    let mut abroad = agent(Kind::Runtime, 0);
    // A table of the other account, which the task role there is for.
    abroad.charter = abroad.charter.map(|declared| Declared {
        rights: vec![7],
        is_brokered: true,
        ..declared
    });
    let world = world(vec![abroad]);
    assert_eq!(
        proof(&planned(&world).1, Claim::NewInOld).verdict(),
        Verdict::Proved
    );
    let known = world.snapshot();
    let files = known.files().filter(|(name, _)| !name.contains(OTHER));
    let without = files.map(|(name, file)| {
        let mut file = file.clone();
        if name == "organization.json" {
            let accounts = &mut file["roots"][0]["units"][0]["accounts"];
            accounts.as_array_mut().unwrap().pop();
        }
        (name.to_owned(), file)
    });
    let plan = planned_on(&Snapshot::new(without), &world);
    let proven = proof(&plan, Claim::NewInOld);
    assert_eq!(proven.verdict(), Verdict::Unknown, "{proven:#?}");
    assert!(proven.why().unwrap().contains("does not list 444455556666"));
}

#[test]
fn a_knowledge_base_keeps_the_model_that_it_embeds_with() {
    let (_, plan) = planned(&world(vec![agent(Kind::KnowledgeBase, 0)]));
    let model = "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0";
    let right = plan
        .baseline
        .iter()
        .find(|right| right.sid == "Model")
        .unwrap();
    assert_eq!(right.resources, [model]);
    let put = plan.changes.iter().any(|change| match &change.act {
        Act::PutRolePolicy { document, .. } => document.0.to_string().contains(model),
        _ => false,
    });
    assert!(put);
}
