use bailiwick_estate::{
    Estate, File,
    source::{Beside, Holds},
};
use serde_json::json;

use crate::given::{ACCOUNT, Given, gaps, iam, role};

fn holds(estate: &Estate, name: &str) -> Holds {
    let named = |source: &&bailiwick_estate::Source| source.name.ends_with(name);
    estate.sources.values().find(named).unwrap().holds.clone()
}

#[test]
fn a_folder_that_holds_an_estate_folder_is_that_estate() {
    let estate = Given::default()
        .with(
            "acme/estate/accounts/111122223333/iam.json",
            &iam(&[role("in", "x")], &[]),
        )
        .with("acme/old/iam.json", &iam(&[role("out", "x")], &[]))
        .with_bytes("acme/charters/a.yaml", b"agent: a")
        .with_bytes("acme/usage.ndjson", b"{\"coverage\":{}}\n")
        .with_bytes("acme/trail/x.json.gz", b"\x1f\x8b")
        .estate();
    assert_eq!(estate.roles.len(), 1);
    assert_eq!(holds(&estate, "a.yaml"), Holds::Beside(Beside::Charter));
    assert_eq!(holds(&estate, "usage.ndjson"), Holds::Beside(Beside::Usage));
    assert_eq!(holds(&estate, "x.json.gz"), Holds::Beside(Beside::Trail));
    assert!(matches!(holds(&estate, "old/iam.json"), Holds::Ignored(_)));
}

#[test]
fn files_are_known_by_content_whatever_their_name() {
    let organization = json!({"management_account": "999900001111", "roots": []});
    let estate = Given::default()
        .with("a.txt", &iam(&[role("r", "x")], &[]))
        .with("b.data", &organization)
        .with(
            "c",
            &json!([{"arn": "arn:aws:s3:::b", "type": "AWS::S3::Bucket"}]),
        )
        .estate();
    assert_eq!(estate.roles.len(), 1);
    assert_eq!(estate.resources.len(), 1);
    assert!(estate.organization.is_some());
}

#[test]
fn what_stands_beside_an_iam_json_is_of_its_account() {
    let estate = Given::default()
        .with("iam.json", &iam(&[role("r", "x")], &[]))
        .with(
            "iam-extra.json",
            &json!({"roles": {"r": {"MaxSessionDuration": 3600}}}),
        )
        .with(
            "resources.json",
            &json!([{"arn": "arn:aws:s3:::b", "type": "AWS::S3::Bucket"}]),
        )
        .estate();
    assert_eq!(
        estate.roles.values().next().unwrap().session_secs_max,
        Some(3600)
    );
    let bucket = estate.resources.values().next().unwrap();
    assert_eq!(bucket.account.unwrap().as_str(), ACCOUNT);
}

#[test]
fn an_iam_extra_of_no_account_is_refused() {
    let given = Given::default().with("iam-extra.json", &json!({"roles": {}}));
    assert!(given.refusal().contains("which account"));
}

#[test]
fn a_resource_with_a_role_is_compute_of_that_role() {
    let estate = Given::default()
        .with("iam.json", &iam(&[role("r", "ec2.amazonaws.com")], &[]))
        .with(
            "resources.json",
            &json!([{"arn": format!("arn:aws:ec2:us-east-1:{ACCOUNT}:instance/i-1"), "type": "AWS::EC2::Instance",
                "role": format!("arn:aws:iam::{ACCOUNT}:role/r")}]),
        )
        .estate();
    let role = estate.roles.ids().next().unwrap();
    assert_eq!(estate.compute_of(role).count(), 1);
}

#[test]
fn a_role_that_a_resource_names_and_no_file_describes_is_told() {
    let estate = Given::default()
        .with("iam.json", &iam(&[role("r", "x")], &[]))
        .with(
            "resources.json",
            &json!([{"arn": "arn:aws:s3:::b", "type": "T", "role": format!("arn:aws:iam::{ACCOUNT}:role/gone")}]),
        )
        .estate();
    assert!(
        gaps(&estate)
            .iter()
            .any(|gap| gap.contains("role/gone") && gap.contains("resources.json:"))
    );
}

#[test]
fn the_order_of_files_changes_nothing() {
    let files = [
        (
            "accounts/111122223333/iam.json",
            iam(&[role("r", "bedrock.amazonaws.com")], &[]),
        ),
        (
            "accounts/111122223333/iam-extra.json",
            json!({"roles": {"r": {"MaxSessionDuration": 3600}}}),
        ),
        (
            "organization.json",
            json!({"management_account": "999900001111", "roots": []}),
        ),
    ];
    let texts = files.map(|(path, json)| (path, json.to_string()));
    let load = |order: [usize; 3]| {
        let file = |index: usize| File::of_bytes("s", texts[index].0, texts[index].1.as_bytes());
        format!(
            "{:?}",
            Estate::load(order.map(file).into()).unwrap().incomplete
        )
    };
    assert_eq!(load([0, 1, 2]), load([2, 1, 0]));
}
