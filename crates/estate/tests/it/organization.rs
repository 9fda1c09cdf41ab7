use bailiwick_estate::{AgentKind, Estate, Levels};
use serde_json::{Value, json};

use crate::given::{ACCOUNT, Given, allow, gaps, iam, role};

fn scp(name: &str) -> Value {
    json!({"name": name, "document": allow("*", "*")})
}

fn organization(account: &Value) -> Value {
    json!({"management_account": "999900001111", "roots": [{
        "id": "r-1", "scps": [scp("root")], "rcps": [],
        "units": [{"id": "ou-1", "name": "Production", "scps": [scp("unit")], "rcps": [],
            "units": [{"id": "ou-2", "name": "Agents", "scps": [scp("a"), scp("b")], "rcps": [], "accounts": [account]}]}],
        "accounts": [{"id": "222233334444", "name": "elsewhere", "scps": [scp("other")], "rcps": []}]}]})
}

fn member() -> Value {
    json!({"id": ACCOUNT, "name": "acme", "tags": {"owner": "platform"}, "scps": [scp("account")], "rcps": []})
}

fn estate(account: &Value) -> Estate {
    Given::default()
        .with("organization.json", &organization(account))
        .with("iam.json", &iam(&[role("r", "bedrock.amazonaws.com")], &[]))
        .estate()
}

fn told(estate: &Estate, levels: Levels) -> Vec<String> {
    let Levels::Known(levels) = levels else {
        return vec![format!("{levels:?}")];
    };
    levels
        .iter()
        .map(|level| {
            let policies = level
                .policies
                .iter()
                .map(|&it| &*estate.policies.at(it).name);
            format!(
                "{}: {}",
                level.target,
                policies.collect::<Vec<_>>().join(", ")
            )
        })
        .collect()
}

#[test]
fn ceilings_come_from_the_root_down_to_the_account() {
    let estate = estate(&member());
    let levels = estate.scp_levels(ACCOUNT.parse().unwrap());
    assert_eq!(
        told(&estate, levels),
        [
            "r-1: root",
            "ou-1: unit",
            "ou-2: a, b",
            "111122223333: account"
        ]
    );
}

#[test]
fn nothing_binds_the_management_account() {
    let estate = estate(&member());
    assert_eq!(
        estate.scp_levels("999900001111".parse().unwrap()),
        Levels::Exempt
    );
}

#[test]
fn an_account_that_the_organisation_does_not_list_has_unknown_ceilings() {
    let other = json!({"id": "333344445555", "scps": [scp("x")], "rcps": []});
    let estate = estate(&other);
    assert_eq!(estate.scp_levels(ACCOUNT.parse().unwrap()), Levels::Unknown);
    assert!(
        gaps(&estate)
            .iter()
            .any(|gap| gap.starts_with("ceilings of account 111122223333"))
    );
    let layers = estate.layers(estate.principals().next().unwrap());
    assert!(
        layers.scp.unwrap()[0].policies[0]
            .why_unreadable()
            .is_some()
    );
}

#[test]
fn without_an_organisation_there_is_no_scp_layer_and_that_is_told() {
    let given = Given::default().with("iam.json", &iam(&[role("r", "x")], &[]));
    let estate = given.estate();
    assert!(
        estate
            .layers(estate.principals().next().unwrap())
            .scp
            .is_none()
    );
    assert!(
        estate
            .incomplete
            .iter()
            .any(|gap| gap.what == "organisation")
    );
}

#[test]
fn an_account_without_scps_listed_has_unknown_ones() {
    let estate = estate(&json!({"id": ACCOUNT}));
    let layers = estate.layers(estate.principals().next().unwrap());
    let last = layers.scp.unwrap().last().unwrap().policies[0].clone();
    assert!(last.why_unreadable().is_some());
    assert!(
        gaps(&estate)
            .iter()
            .any(|gap| gap.contains("`scps` of 111122223333"))
    );
}

#[test]
fn an_account_twice_in_the_tree_is_refused() {
    let twice = json!({"management_account": "999900001111", "roots": [{
        "id": "r-1", "scps": [], "rcps": [], "accounts": [member(), member()]}]});
    let refusal = Given::default().with("organization.json", &twice).refusal();
    assert!(
        refusal.contains("stands twice in the organisation"),
        "{refusal}"
    );
}

#[test]
fn an_account_known_only_by_name_is_told() {
    let estate = estate(&member());
    assert!(
        gaps(&estate)
            .iter()
            .any(|gap| gap.starts_with("principals of account 222233334444"))
    );
}

#[test]
fn an_agent_learns_its_environment_from_the_nearest_unit_that_says() {
    let estate = estate(&member());
    let agent = estate.agents.values().next().unwrap();
    assert_eq!(agent.kind, AgentKind::Unknown);
    assert_eq!(agent.environment.as_ref().unwrap().name, "prod");
}

#[test]
fn a_large_organisation_is_told_in_a_few_lines() {
    let accounts: Vec<Value> = (0..500)
        .map(|number| json!({"id": format!("{:012}", number + 1), "scps": [scp("x")]}))
        .collect();
    let organization = json!({"management_account": "000000000001", "roots": [
        {"id": "r-1", "scps": [scp("x")], "accounts": accounts}]});
    let estate = Given::default()
        .with("organization.json", &organization)
        .estate();
    assert_eq!(estate.accounts.len(), 500);
    assert_eq!(estate.incomplete.len(), 11);
    assert!(
        estate
            .incomplete
            .iter()
            .any(|gap| gap.what == "principals of 490 more accounts")
    );
}
