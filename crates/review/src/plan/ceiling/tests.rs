use std::collections::BTreeSet;
use std::sync::Arc;

use bailiwick_charter::{Charters, compile::Site};
use bailiwick_estate::{Estate, File};
use bailiwick_iam::{
    evaluate::{Outcome, evaluate},
    layers::{Compiled, Layers, Level, NamedPolicy},
    policy::Policy,
    request::Request,
};
use bailiwick_iam_catalog::builtin;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Asked, CeilingError, Choice, Ground, LIMITS, Observed, Proposal, Room, propose};
use crate::plan::{CeilingKind, Claim, Proven, SnapshotHash, Verdict};

const PROD: &str = "111122223333";

/// An organisation with one production unit, to which so many other SCPs are attached.
fn estate(attached: usize) -> Estate {
    let full = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let mut scps = vec![json!({"name": "FullAWSAccess", "document": full})];
    scps.extend((0..attached).map(|number| {
        let document = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "*", "Condition":
                {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admins/*"}}}]});
        json!({"name": format!("other-{number}"), "document": document})
    }));
    let organization = json!({
        "management_account": "777788889999",
        "roots": [{"id": "r-1", "scps": [scps[0]], "rcps": [], "units": [
            {"id": "ou-1-prod", "name": "Production", "scps": scps, "rcps": [],
             "accounts": [{"id": PROD, "name": "prod", "scps": [scps[0]], "rcps": []}]},
            {"id": "ou-1-secu", "name": "Security", "scps": [scps[0]], "rcps": [],
             "accounts": [{"id": "777788889999", "name": "security", "scps": [scps[0]], "rcps": []}]},
        ]}],
    });
    load(&organization)
}

fn load(organization: &Value) -> Estate {
    let bytes = organization.to_string();
    let file = File::of_bytes("organization.json", "", bytes.leak().as_bytes());
    Estate::load(vec![file]).unwrap()
}

/// A charter of a standing agent in an account that reads this.
fn charter(agent: &str, account: &str, actions: &str, resource: &str) -> String {
    format!(
        r#"
agent: {agent}
owner: {{ team: t, contact: t@example.com }}
purpose: Testing.
environment: prod
mode: standing
runs-as: [ "arn:aws:bedrock-agentcore:us-east-1:{account}:runtime/{agent}-AbCdEf1234" ]
models: [ "arn:aws:bedrock:us-east-1:{account}:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
          "arn:aws:bedrock:us-west-2::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0" ]
tasks:
  one:
    for: 5m
    read:
      - {{ actions: [{actions}], resources: ["{resource}"] }}
"#
    )
}

fn charters(texts: &[String]) -> Charters {
    let named: Vec<(String, &String)> = texts
        .iter()
        .enumerate()
        .map(|(at, text)| (format!("{at}.yaml"), text))
        .collect();
    Charters::parse(
        named
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_bytes())),
    )
    .unwrap()
}

struct World {
    estate: Estate,
    charters: Charters,
    site: Site,
    observed: Vec<Observed>,
}

impl World {
    fn new(charters: &[String]) -> Self {
        Self {
            estate: estate(1),
            charters: self::charters(charters),
            site: Site {
                organization: Some("o-acme123456".to_owned()),
                ..Site::default()
            },
            observed: Vec::new(),
        }
    }

    fn propose(&self, choice: &Choice) -> Result<Proposal, CeilingError> {
        propose(&Asked {
            estate: &self.estate,
            charters: &self.charters,
            site: &self.site,
            observed: &self.observed,
            units: &[],
            choice,
            admins: &[],
            pipelines: &["arn:aws:iam::*:role/pipeline".to_owned()],
        })
    }
}

fn reader() -> String {
    charter("reader", PROD, "s3:GetObject", "arn:aws:s3:::invoices/*")
}

fn verdicts(proposal: &Proposal) -> Vec<Verdict> {
    proposal
        .proofs
        .iter()
        .map(|proof| proof.proven.verdict())
        .collect()
}

/// All of it, on ground where nothing is missing.
fn full_ground() -> Ground {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Ground {
        regions: list(&["us-east-1"]),
        models: list(&["arn:aws:bedrock:*::foundation-model/anthropic.*"]),
        profiles: list(&["arn:aws:bedrock:*:*:inference-profile/us.anthropic.*"]),
        makers: list(&["anthropic"]),
        accounts: list(&[PROD]),
        admins: list(&["arn:aws:iam::*:role/admins/*"]),
        pipelines: list(&["arn:aws:iam::*:role/pipeline"]),
        organization: Some("o-acme123456".to_owned()),
        data: list(&[
            "arn:aws:dynamodb:us-east-1:111122223333:table/ledger",
            "arn:aws:s3:::invoices/*",
        ]),
    }
}

#[test]
fn no_limit_rests_on_an_action_or_a_key_that_aws_does_not_have() {
    let catalog = builtin();
    for limit in &LIMITS {
        let statement = limit.statement(&full_ground()).unwrap();
        for pattern in statement.actions.patterns() {
            let actions = catalog.expand(&pattern.value.0).unwrap_or_default();
            assert!(!actions.is_empty(), "{}: {}", limit.sid, pattern.value.0);
            for condition in &statement.conditions {
                let key = &condition.key.value;
                let global = key.starts_with("aws:");
                let listed = actions.iter().all(|action| {
                    action.lists_condition_key(key)
                        || action
                            .resources()
                            .any(|used| used.condition_keys().any(|it| it.name() == key))
                });
                assert!(
                    global || listed,
                    "{}: {key} of {}",
                    limit.sid,
                    pattern.value.0
                );
            }
        }
    }
}

#[test]
fn an_rcp_reaches_only_services_that_have_them() {
    for limit in LIMITS.iter().filter(|limit| limit.kind == CeilingKind::Rcp) {
        let statement = limit.statement(&full_ground()).unwrap();
        assert!(statement.principals.is_some(), "{}", limit.sid);
        for pattern in statement.actions.patterns() {
            let service = pattern.value.0.split(':').next().unwrap();
            assert!(
                builtin().service(service).unwrap().supports_rcp(),
                "{service}"
            );
        }
    }
}

#[test]
fn every_limit_has_a_name_of_its_own_a_reason_and_a_page() {
    let names: BTreeSet<_> = LIMITS.iter().map(|limit| limit.sid).collect();
    assert_eq!(names.len(), LIMITS.len());
    for limit in &LIMITS {
        assert!(limit.reason.ends_with('.'), "{}", limit.sid);
        assert!(
            limit.source.starts_with("https://docs.aws.amazon.com/"),
            "{}",
            limit.sid
        );
        assert!(limit.sid.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}

#[test]
fn a_limit_that_lacks_what_it_is_drawn_from_is_left_out_and_says_so() {
    let lacking: Vec<_> = LIMITS
        .iter()
        .filter(|limit| limit.statement(&Ground::default()).is_err())
        .map(|limit| limit.sid)
        .collect();
    for sid in [
        "AgentsInTheirRegions",
        "ApprovedModelsOnly",
        "BoundariesStay",
        "AgentRolesFromInside",
    ] {
        assert!(lacking.contains(&sid), "{sid}");
    }
    let world = World {
        site: Site::default(),
        ..World::new(&[reader()])
    };
    let proposal = world.propose(&Choice::All).unwrap();
    let left_out = &proposal.nodes[0].left_out;
    assert!(
        left_out
            .iter()
            .any(|it| it.sid == "AgentRolesFromInside" && it.why.contains("--organization"))
    );
}

#[test]
fn an_agent_that_keeps_to_its_region_and_model_is_proved_untouched() {
    let proposal = World::new(&[reader()]).propose(&Choice::All).unwrap();
    assert_eq!(
        verdicts(&proposal),
        [Verdict::Proved],
        "{:?}",
        proposal.proofs
    );
    assert!(
        proposal.summary().contains("breaks 0 of 1 agent"),
        "{}",
        proposal.summary()
    );
    assert!(proposal.denied_actions > 40);
}

#[test]
fn an_agent_that_needs_what_is_denied_is_shown_with_the_request_and_the_statement() {
    let inline = charter("starter", PROD, "bedrock:InvokeInlineAgent", "*");
    let world = World::new(&[reader(), inline]);
    let proposal = world.propose(&Choice::All).unwrap();
    assert_eq!(verdicts(&proposal), [Verdict::Proved, Verdict::Refuted]);
    let Proven::Refuted { witness, why } = &proposal.proofs[1].proven else {
        panic!("refuted");
    };
    assert!(why.contains("NoInlineAgents"), "{why}");
    assert_eq!(witness["request"]["action"], "bedrock:InvokeInlineAgent");
    assert!(
        proposal.summary().contains("breaks 1 of 2 agents"),
        "{}",
        proposal.summary()
    );
    let without = Choice::Without(vec!["NoInlineAgents".to_owned()]);
    let proposal = world.propose(&without).unwrap();
    assert_eq!(verdicts(&proposal), [Verdict::Proved, Verdict::Proved]);
}

#[test]
fn another_region_or_model_than_the_charters_is_denied_and_theirs_is_not() {
    let proposal = World::new(&[reader()]).propose(&Choice::All).unwrap();
    let decide = |action: &str, resource: &str, region: &str, profile: Option<&str>| {
        let role = format!("arn:aws:sts::{PROD}:assumed-role/anyone/s");
        let mut request = Request::new(role.parse().unwrap(), action, resource);
        request.context.set("aws:RequestedRegion", region);
        if let Some(profile) = profile {
            request.context.set("bedrock:InferenceProfileArn", profile);
        }
        evaluate(&layers(&proposal), &request, builtin()).outcome
    };
    let sonnet = "foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0";
    let here = format!("arn:aws:bedrock:us-east-1::{sonnet}");
    let there = format!("arn:aws:bedrock:us-west-2::{sonnet}");
    let profile = format!(
        "arn:aws:bedrock:us-east-1:{PROD}:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    );
    let global = format!(
        "arn:aws:bedrock:us-east-1:{PROD}:inference-profile/global.anthropic.claude-sonnet-4-5-20250929-v1:0"
    );
    assert_eq!(
        decide("bedrock:InvokeModel", &here, "us-east-1", None),
        Outcome::Allow
    );
    assert_eq!(
        decide("bedrock:InvokeModel", &there, "us-west-2", Some(&profile)),
        Outcome::Allow
    );
    assert_eq!(
        decide("bedrock:InvokeModel", &there, "us-west-2", None),
        Outcome::ExplicitDeny
    );
    assert_eq!(
        decide("bedrock:InvokeModel", &there, "us-west-2", Some(&global)),
        Outcome::ExplicitDeny
    );
    let other = "arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-70b-instruct-v1:0";
    assert_eq!(
        decide("bedrock:InvokeModel", other, "us-east-1", None),
        Outcome::ExplicitDeny
    );
    assert_eq!(
        decide("bedrock:CreateAgent", "*", "eu-west-1", None),
        Outcome::ExplicitDeny
    );
    assert_eq!(
        decide("bedrock:CreateAgent", "*", "us-east-1", None),
        Outcome::Allow
    );
    assert_eq!(
        decide("s3:GetObject", "arn:aws:s3:::b/k", "eu-west-1", None),
        Outcome::Allow
    );
}

/// Somebody who may do everything, under what is proposed for the first node.
fn layers(proposal: &Proposal) -> Layers {
    let compiled = |name: &str, policy: Policy| {
        Arc::new(Compiled::new(NamedPolicy {
            name: name.into(),
            policy: Arc::new(policy),
        }))
    };
    let all = Policy::parse(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    )
    .unwrap();
    let scps = proposal.nodes[0]
        .policies
        .iter()
        .filter(|policy| policy.kind == CeilingKind::Scp)
        .map(|policy| compiled(&policy.name, policy.document.clone()));
    let level = Level {
        target: "ou".into(),
        policies: std::iter::once(compiled("FullAWSAccess", all.clone()))
            .chain(scps)
            .collect(),
    };
    Layers {
        identity: Some([compiled("all", all)].into()),
        scp: Some([level].into()),
        ..Layers::default()
    }
}

#[test]
fn administrators_are_those_that_the_organisation_exempts_already() {
    let proposal = World::new(&[reader()]).propose(&Choice::All).unwrap();
    assert_eq!(proposal.nodes[0].admins, ["arn:aws:iam::*:role/admins/*"]);
}

#[test]
fn what_is_attached_already_counts_and_no_room_is_a_refusal_with_the_number() {
    let world = |attached| World {
        estate: estate(attached),
        ..World::new(&[reader()])
    };
    // FullAWSAccess, eight others and the new one are ten.
    assert!(world(8).propose(&Choice::All).is_ok());
    let error = world(9).propose(&Choice::All).unwrap_err();
    assert!(
        matches!(
            error,
            CeilingError::NoRoom {
                needed: 1,
                room: 0,
                attached: 10,
                most: 10,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("10 are attached"), "{error}");
}

/// A charter that names so many inference profiles of its own.
fn with_profiles(count: usize) -> World {
    let own: String = (0..count)
        .map(|number| {
            format!(
                "\"arn:aws:bedrock:us-east-1:{PROD}:application-inference-profile/profile{number:04}\", "
            )
        })
        .collect();
    World::new(&[reader().replacen("models: [ ", &format!("models: [ {own}"), 1)])
}

#[test]
fn a_ceiling_longer_than_one_policy_is_split_and_each_part_fits() {
    let both = ["ModelsInTheirRegions", "ApprovedModelsOnly"].map(str::to_owned);
    let proposal = with_profiles(80)
        .propose(&Choice::Only(both.to_vec()))
        .unwrap();
    let policies = &proposal.nodes[0].policies;
    assert_eq!(policies.len(), 2);
    for policy in policies {
        assert!(policy.characters <= Room::of(CeilingKind::Scp).characters);
        assert_eq!(policy.characters, policy.document.to_json().chars().count());
    }
}

#[test]
fn a_statement_longer_than_a_policy_is_refused_with_its_length() {
    let one = Choice::Only(vec!["ApprovedModelsOnly".to_owned()]);
    let error = with_profiles(150).propose(&one).unwrap_err();
    let CeilingError::TooLong {
        sid,
        characters,
        most,
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((sid.as_str(), *most), ("ApprovedModelsOnly", 10_240));
    assert!(*characters > 10_240);
}

#[test]
fn no_ceiling_is_put_over_the_management_account() {
    let managing = charter("triage", "777788889999", "s3:GetObject", "arn:aws:s3:::b/*");
    let proposal = World::new(&[reader(), managing])
        .propose(&Choice::All)
        .unwrap();
    let targets: Vec<_> = proposal
        .nodes
        .iter()
        .map(|node| node.target.as_str())
        .collect();
    assert_eq!(targets, ["ou-1-prod"]);
    assert_eq!(verdicts(&proposal), [Verdict::Proved, Verdict::Proved]);
}

#[test]
fn a_call_that_was_seen_and_would_fail_is_an_obligation() {
    let mut world = World::new(&[reader()]);
    let role = format!("arn:aws:iam::{PROD}:role/agents/prod/other");
    let seen = |action: &str, resource: &str| Observed {
        role: role.parse().unwrap(),
        action: action.to_owned(),
        resource: resource.to_owned(),
        region: Some("us-east-1".to_owned()),
    };
    world.observed = vec![
        seen("bedrock:InvokeInlineAgent", "*"),
        seen("s3:GetObject", "arn:aws:s3:::invoices/1"),
        // Whether it had subnets, no trail tells.
        seen("bedrock-agentcore:CreateBrowser", "*"),
    ];
    let proposal = world.propose(&Choice::All).unwrap();
    assert_eq!(proposal.observed.passing, 1);
    assert_eq!(proposal.observed.denied.len(), 1);
    assert_eq!(proposal.observed.untold[0].2, ["bedrock-agentcore:subnets"]);
    let plan = proposal.plan(SnapshotHash("sha256:0".to_owned()));
    assert!(
        plan.obligations
            .iter()
            .any(|it| it.why.contains("NoInlineAgents"))
    );
    assert_eq!(plan.verdict(), Verdict::Proved);
}

#[test]
fn a_plan_makes_each_policy_before_it_attaches_it_and_undoes_it_the_other_way() {
    let proposal = World::new(&[reader()]).propose(&Choice::All).unwrap();
    let plan = proposal.plan(SnapshotHash("sha256:0".to_owned()));
    let calls: Vec<_> = plan
        .changes
        .iter()
        .map(|change| change.act.call())
        .collect();
    assert_eq!(calls.len(), 4);
    assert!(
        calls[..2]
            .iter()
            .all(|call| *call == "organizations:CreatePolicy")
    );
    assert!(
        calls[2..]
            .iter()
            .all(|call| *call == "organizations:AttachPolicy")
    );
    for change in &plan.changes {
        assert_ne!(change.act, change.inverse.0);
    }
    assert!(
        plan.proofs
            .iter()
            .any(|proof| proof.claim == Claim::WithinLimits)
    );
}

#[test]
fn what_does_not_exist_is_refused_by_name() {
    let world = World::new(&[reader()]);
    let unknown = Choice::Only(vec!["NoSuchLimit".to_owned()]);
    assert_eq!(
        world.propose(&unknown).unwrap_err(),
        CeilingError::NoLimit("NoSuchLimit".to_owned())
    );
    let nowhere = World {
        estate: Estate::default(),
        ..world
    };
    assert_eq!(
        nowhere.propose(&Choice::All).unwrap_err(),
        CeilingError::NoOrganization
    );
}

/// What an agent may declare: action, and resource.
const DECLARED: [(&str, &str); 8] = [
    ("s3:GetObject", "arn:aws:s3:::invoices/*"),
    ("bedrock:InvokeInlineAgent", "*"),
    (
        "bedrock:InvokeAgent",
        "arn:aws:bedrock:us-east-1:111122223333:agent-alias/A/B",
    ),
    (
        "bedrock:InvokeAgent",
        "arn:aws:bedrock:eu-west-1:111122223333:agent-alias/A/B",
    ),
    (
        "iam:PassRole",
        "arn:aws:iam::111122223333:role/service-role/*",
    ),
    ("iam:PassRole", "arn:aws:iam::111122223333:role/agents/*"),
    ("cloudtrail:LookupEvents", "*"),
    ("bedrock-agentcore:CreateBrowser", "*"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The algebra's word about an agent is the evaluator's about its requests.
    #[test]
    fn a_verdict_holds_for_every_request_that_the_evaluator_is_asked(
        declared in proptest::sample::subsequence(DECLARED.to_vec(), 1..4),
        left_out in proptest::sample::subsequence(LIMITS.map(|limit| limit.sid).to_vec(), 0..8),
        name in "[a-z]{1,6}",
    ) {
        let reads: String = declared
            .iter()
            .map(|(action, resource)| format!("      - {{ actions: [\"{action}\"], resources: [\"{resource}\"] }}\n"))
            .collect();
        let text = charter("one", PROD, "s3:GetObject", "arn:aws:s3:::own/*") + &reads;
        let world = World::new(&[text]);
        let choice = Choice::Without(left_out.iter().map(|sid| (*sid).to_owned()).collect());
        let proposal = world.propose(&choice).unwrap();
        let under = layers(&proposal);
        let proven = &proposal.proofs[0].proven;
        let role = format!("arn:aws:sts::{PROD}:assumed-role/one/s");
        match proven {
            Proven::Proved { .. } => {
                for (action, resource) in &declared {
                    let asked = resource.replace('*', &name);
                    let asked = if *resource == "*" { "*" } else { asked.as_str() };
                    let mut request = Request::new(role.parse().unwrap(), *action, asked);
                    let region = asked.split(':').nth(3).filter(|it| !it.is_empty());
                    request.context.set("aws:RequestedRegion", region.unwrap_or("us-east-1"));
                    let outcome = evaluate(&under, &request, builtin()).outcome;
                    prop_assert_eq!(outcome, Outcome::Allow, "{}", action);
                }
            }
            Proven::Refuted { witness, .. } => {
                let case = json!({"name": "w", "request": witness["request"], "identity": []});
                let case = bailiwick_iam::case::Case::parse(&case.to_string()).unwrap();
                let outcome = evaluate(&under, &case.request, builtin()).outcome;
                prop_assert_eq!(outcome, Outcome::ExplicitDeny);
                let is_declared = declared
                    .iter()
                    .any(|(action, _)| action.eq_ignore_ascii_case(&case.request.action));
                prop_assert!(is_declared, "{}", case.request.action);
            }
            Proven::Unknown { why } => prop_assert!(false, "{}", why),
        }
    }
}
