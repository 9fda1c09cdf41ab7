use std::hint::black_box;

use bailiwick_estate::{Estate, File, usage::Usage};

const IAM: &[u8] = br#"{"UserDetailList":[],"GroupDetailList":[],"Policies":[],"RoleDetailList":[
{"Path":"/","RoleName":"r","RoleId":"AROAEXAMPLE","Arn":"arn:aws:iam::111122223333:role/r",
"AssumeRolePolicyDocument":{"Statement":[]},"RolePolicyList":[],"AttachedManagedPolicies":[],
"InstanceProfileList":[]}]}"#;

/// The output of `aws iam get-account-authorization-details`.
pub fn authorization_details(input: &[u8]) {
    load(vec![File::of_bytes("iam.json", "", input)]);
}

/// What that output omits.
pub fn iam_extra(input: &[u8]) {
    beside_iam("accounts/111122223333/iam-extra.json", input);
}

/// The organisation, with its service control policies.
pub fn organization(input: &[u8]) {
    beside_iam("organization.json", input);
}

/// Resources of any kind.
pub fn resources(input: &[u8]) {
    beside_iam("accounts/111122223333/resources.json", input);
}

/// The answers of one service.
pub fn service_calls(input: &[u8]) {
    beside_iam("accounts/111122223333/us-east-1/bedrock-agent.json", input);
}

/// What a trail folds to: what is read is written as what is read again.
pub fn usage(input: &[u8]) {
    match Usage::read("fuzzed", input) {
        Ok(usage) => {
            let Ok(written) = usage.to_ndjson() else {
                return;
            };
            let again = Usage::read("written", written.as_bytes());
            assert_eq!(again.as_ref(), Ok(&usage), "{written}");
            for used in &usage.lines {
                black_box(used.succeeded());
                assert!(usage.of_role(&used.role).next().is_some());
            }
            black_box(usage.coverage.map(|coverage| coverage.days()));
        }
        Err(error) => {
            assert!(error.line > 0 && error.column > 0, "{error}");
            assert!(!error.mend.is_empty(), "{error}");
        }
    }
}

fn beside_iam(below: &str, input: &[u8]) {
    load(vec![
        File::of_bytes("estate", "accounts/111122223333/iam.json", IAM),
        File::of_bytes("estate", below, input),
    ]);
}

/// An estate answers about every principal it has; files that are none are refused with a mend.
fn load(files: Vec<File<'_>>) {
    match Estate::load(files) {
        Ok(estate) => {
            for principal in estate.principals() {
                let arn = estate.arn(principal);
                assert_eq!(estate.principal(arn), Some(principal));
                for document in estate.identity_policies(principal) {
                    black_box(estate.policy(document));
                }
                black_box(estate.scp_levels(estate.account_of(principal)));
            }
        }
        Err(error) => assert!(!error.mend.is_empty(), "{error}"),
    }
}
