//! What `scripts/collect.sh` makes is a snapshot: run against a pretended AWS, and read.

use std::{fs, path::PathBuf};

use bailiwick_estate::{AgentKind, Estate, Levels, ResourcePolicy};
use bailiwick_testkit::peers;

use crate::disk::files_below;

/// A folder of this name that nobody else uses, empty.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("collected");
    let _ = fs::remove_dir_all(&folder);
    folder
}

#[test]
fn a_collected_snapshot_holds_what_aws_has_and_tells_what_it_refused() {
    let Some(mut collect) = peers::python_script("collect.py") else {
        return;
    };
    let folder = folder();
    let output = collect.arg(&folder).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(log.contains("kept "), "the second run resumes: {log}");

    let estate = Estate::load(files_below(&folder)).unwrap();
    let mut names: Vec<_> = estate
        .roles
        .values()
        .map(|role| role.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["desk", "post", "reader"]);
    for role in estate.roles.values() {
        assert_eq!(role.session_secs_max, Some(7_200));
        assert!(!estate.policies.at(role.attached[0]).is_unknown());
    }
    let desk = estate
        .roles
        .values()
        .find(|role| role.name == "desk")
        .unwrap();
    assert_eq!(&*estate.policies.at(desk.inline[0]).name, "the \"own\" one");
    let keys = |name: &str| {
        let user = estate
            .users
            .values()
            .find(|user| user.name == name)
            .unwrap();
        user.access_keys.as_ref().unwrap().len()
    };
    assert_eq!((keys("clerk"), keys("ghost")), (1, 0));

    let member = estate
        .accounts
        .values()
        .find(|it| it.name.as_deref() == Some("member"))
        .unwrap();
    assert_eq!(member.environment.as_ref().unwrap().name, "prod");
    let Levels::Known(levels) = estate.scp_levels(member.id) else {
        panic!("{:?}", estate.scp_levels(member.id));
    };
    assert_eq!(levels.len(), 3);
    assert_eq!(levels[1].name.as_deref(), Some("The \"Agents\" unit"));
    assert_eq!(levels[1].policies.len(), 2);
    let documents = levels.iter().flat_map(|level| &level.policies);
    assert!(documents.into_iter().all(|&it| estate.policy(it).is_some()));

    let kinds: Vec<_> = estate.agents.values().map(|agent| agent.kind).collect();
    for kind in [
        AgentKind::BedrockAgent,
        AgentKind::Runtime,
        AgentKind::Gateway,
    ] {
        assert!(kinds.contains(&kind), "{kind}");
    }
    let policy = |arn: &str| estate.resource_policy(&arn.parse().unwrap());
    let account = desk.account;
    let function = format!("arn:aws:lambda:us-east-1:{account}:function:post");
    assert!(matches!(policy(&function), ResourcePolicy::Attached(_)));
    assert!(matches!(
        policy("arn:aws:s3:::with-policy/k"),
        ResourcePolicy::Attached(_)
    ));
    assert_eq!(policy("arn:aws:s3:::without"), ResourcePolicy::None);

    // The pretended AWS does not know this call; a scan must say so rather than find none.
    let told = |what: &str| estate.incomplete.iter().any(|gap| gap.what.contains(what));
    assert!(told("ListWorkloadIdentities"));
    assert!(
        estate
            .incomplete
            .iter()
            .all(|gap| !gap.what.contains("not read"))
    );
    let runtimes = folder.join(format!(
        "estate/accounts/{account}/us-east-1/bedrock-agentcore-control.json"
    ));
    assert!(
        fs::read_to_string(runtimes)
            .unwrap()
            .contains("\"PASSWORD\": \"(left out)\"")
    );
    for file in files_below(&folder) {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut (file.open)().unwrap(), &mut text).unwrap();
        assert!(!text.contains("hunter2"), "a secret in {}", file.name());
        assert!(!file.name().ends_with(".part"));
    }
}
