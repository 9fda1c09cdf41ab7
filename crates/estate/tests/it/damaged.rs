//! A snapshot that was damaged on its way: read, or refused with the file and the mend.

use bailiwick_estate::{Estate, File};
use proptest::prelude::*;
use serde_json::json;

use crate::given::{ACCOUNT, allow, and, iam, role, role_arn};

fn snapshot() -> Vec<(String, Vec<u8>)> {
    let roles = [and(
        role("r", "bedrock.amazonaws.com"),
        json!({"RolePolicyList": [{"PolicyName": "p", "PolicyDocument": allow("s3:*", "*")}]}),
    )];
    let organization = json!({"management_account": "999900001111", "roots": [
        {"id": "r-1", "scps": [{"name": "all", "document": allow("*", "*")}], "rcps": [],
            "accounts": [{"id": ACCOUNT, "scps": [], "rcps": []}]}]});
    let agent = json!({"agentId": "A", "agentName": "a", "agentResourceRoleArn": role_arn("r")});
    let calls = json!({"calls": [
        {"operation": "GetAgent", "request": {"agentId": "A"}, "response": {"agent": agent}}]});
    let folder = format!("estate/accounts/{ACCOUNT}");
    [
        (format!("{folder}/iam.json"), iam(&roles, &[])),
        (
            format!("{folder}/iam-extra.json"),
            json!({"roles": {"r": {"MaxSessionDuration": 3600}}}),
        ),
        (
            format!("{folder}/resources.json"),
            json!([{"arn": "arn:aws:s3:::b", "type": "T", "role": role_arn("r")}]),
        ),
        (format!("{folder}/us-east-1/calls.json"), calls),
        ("estate/organization.json".into(), organization),
    ]
    .map(|(path, json)| (path, json.to_string().into_bytes()))
    .into()
}

fn damage() -> impl Strategy<Value = (usize, usize, Option<u8>)> {
    let bytes = prop::sample::select(b"{}[]\",:0aN\\\xFF\n".to_vec());
    (0..5_usize, any::<usize>(), prop::option::of(bytes))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_file_is_read_or_refused_with_its_name_and_a_mend((which, at, byte) in damage()) {
        let mut files = snapshot();
        let (path, bytes) = &mut files[which];
        let at = at % bytes.len();
        match byte {
            Some(byte) => bytes[at] = byte,
            None => bytes.truncate(at),
        }
        let path = path.clone();
        let given = files.iter().map(|(path, bytes)| File::of_bytes("s", path, bytes)).collect();
        match Estate::load(given) {
            Ok(estate) => {
                for principal in estate.principals() {
                    prop_assert!(estate.layers(principal).identity.is_some());
                }
            }
            Err(error) => {
                prop_assert!(!error.mend.is_empty());
                // A wrong account in one file may show in another.
                prop_assert!(error.file.starts_with("s/estate/"), "{error} for {path}");
            }
        }
    }

    #[test]
    fn a_file_cut_off_anywhere_is_never_read_in_silence(which in 0..5_usize, at in any::<usize>()) {
        let mut files = snapshot();
        let (path, bytes) = &mut files[which];
        bytes.truncate(at % bytes.len());
        let name = format!("s/{path}");
        let given = files.iter().map(|(path, bytes)| File::of_bytes("s", path, bytes)).collect();
        prop_assert_eq!(Estate::load(given).err().map(|error| error.file), Some(name));
    }
}
