//! `compile`: what comes out, and that our own scan has nothing to say against it.

use serde_json::{Value, json};

use crate::program::{Folder, files_below, refuses, run};

const BROKER: &str = "arn:aws:ecs:us-east-1:111122223333:task-definition/bailiwickd";

fn compiled(more: &[&str]) -> Value {
    let args: Vec<_> = ["compile", "examples/acme/charters"]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    let ran = run(&args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

/// A compiled role as `get-account-authorization-details` would show it, once it is made.
fn as_aws_shows_it(role: &Value) -> (Value, Value) {
    let text = |field: &str| role[field].as_str().unwrap().to_owned();
    let (account, path, name) = (text("account"), text("path"), text("name"));
    let boundary = format!(
        "arn:aws:iam::{account}:policy{path}{}",
        role["boundary"]["name"].as_str().unwrap()
    );
    let inline: Vec<_> = role["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| json!({"PolicyName": policy["name"], "PolicyDocument": policy["document"]}))
        .collect();
    let tags: Vec<_> = role["tags"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    let shown = json!({
        "Path": path, "RoleName": name, "RoleId": format!("AROA{}", name.to_uppercase().replace('-', "")),
        "Arn": format!("arn:aws:iam::{account}:role{path}{name}"),
        "AssumeRolePolicyDocument": role["trust"], "RolePolicyList": inline, "AttachedManagedPolicies": [],
        "InstanceProfileList": [], "Tags": tags,
        "PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary},
    });
    let policy = json!({
        "PolicyName": role["boundary"]["name"], "Path": path, "Arn": boundary, "DefaultVersionId": "v1",
        "AttachmentCount": 0, "PermissionsBoundaryUsageCount": 1, "IsAttachable": true,
        "PolicyVersionList": [{"VersionId": "v1", "IsDefaultVersion": true, "Document": role["boundary"]["document"]}],
    });
    (shown, policy)
}

/// The estate of one account that holds these roles and nothing else.
fn estate(roles: &[&Value]) -> Folder {
    let (shown, policies): (Vec<_>, Vec<_>) =
        roles.iter().map(|role| as_aws_shows_it(role)).unzip();
    let folder = Folder::new();
    let iam = json!({"RoleDetailList": shown, "UserDetailList": [], "GroupDetailList": [], "Policies": policies});
    folder.file("iam.json", iam.to_string());
    let sessions: serde_json::Map<String, Value> = roles
        .iter()
        .map(|role| {
            (
                role["name"].as_str().unwrap().to_owned(),
                json!({"MaxSessionDuration": role["max_session_seconds"]}),
            )
        })
        .collect();
    let extra = json!({"roles": sessions, "access_keys": [], "service_specific_credentials": []});
    folder.file("iam-extra.json", extra.to_string());
    folder
}

fn failures(folder: &Folder) -> Vec<String> {
    let ran = run(&["scan", folder.path().to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let failed = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["status"] == "fail");
    failed
        .map(|finding| {
            format!(
                "{} {}: {}",
                finding["rule"], finding["subject"], finding["title"]
            )
        })
        .collect()
}

#[test]
fn the_broker_s_own_role_is_clean_under_our_own_scan_and_becomes_no_administrator() {
    let answer = compiled(&["--with-broker", BROKER]);
    let tasks: Vec<&Value> = answer["charters"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|charter| charter["tasks"].get("111122223333"))
        .collect();
    assert!(tasks.len() >= 3);
    let roles: Vec<&Value> = std::iter::once(&answer["broker"]).chain(tasks).collect();
    let folder = estate(&roles);
    assert_eq!(failures(&folder), Vec::<String>::new());
    let reach = run(&["reach", folder.path().to_str().unwrap(), "--json"]);
    for line in reach.out.lines() {
        let principal: Value = serde_json::from_str(line).unwrap();
        assert_eq!(principal["admin"], "no", "{line}");
    }
}

#[test]
fn an_agent_s_own_role_is_clean_under_our_own_scan() {
    let answer = compiled(&[]);
    let known = ["invoice-reader", "nightly-forecast"];
    for charter in answer["charters"].as_array().unwrap() {
        if !known.contains(&charter["agent"].as_str().unwrap()) {
            continue;
        }
        let folder = estate(&[&charter["runtime"]]);
        assert_eq!(failures(&folder), Vec::<String>::new());
    }
}

#[test]
fn a_folder_has_a_file_for_each_policy_and_a_template_for_each_account() {
    for (language, template) in [
        ("json", None),
        ("cloudformation", Some(".yaml")),
        ("terraform", Some(".tf")),
    ] {
        let folder = Folder::new();
        let out = folder.path().join("out");
        let charter = "examples/acme/charters/invoice-reader.yaml";
        let args = [
            "compile",
            charter,
            "--as",
            language,
            "--out",
            out.to_str().unwrap(),
        ];
        let ran = run(&args);
        assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
        let written = std::fs::read_to_string(out.join("files.sha256")).unwrap();
        for file in [
            "compiled.json",
            "cedar/invoice-reader/reconcile.cedar",
            "selectors/invoice-reader.json",
            "resource-policies/invoice-reader.json",
            "policies/111122223333/invoice-reader/trust.json",
            "policies/111122223333/invoice-reader/platform.json",
            "policies/111122223333/invoice-reader-task/read.json",
            "policies/111122223333/invoice-reader-task/write.json",
            "policies/111122223333/invoice-reader-task-boundary.json",
            "policies/111122223333/invoice-reader-invoke.json",
        ] {
            assert!(written.contains(file), "{file}: {written}");
        }
        assert!(
            template.is_none_or(|end| written.contains(end)),
            "{written}"
        );
        // Once more, in place of the first.
        assert_eq!(run(&args).code, 0);
    }
}

#[test]
fn an_estate_adds_what_it_knows_of_models_images_and_tools() {
    let answer = compiled(&["--estate", "examples/acme"]);
    let of = |agent: &str| {
        let mut charters = answer["charters"].as_array().unwrap().iter();
        charters
            .find(|charter| charter["agent"] == agent)
            .unwrap()
            .clone()
    };
    let reader = of("invoice-reader");
    assert!(
        reader["baseline"]
            .to_string()
            .contains("repository/agents/invoice-reader")
    );
    let desk = of("order-desk");
    let asked = desk["hardening"].to_string();
    assert!(
        asked.contains("agent/OD7Q2WXKTA") && asked.contains("bedrock.amazonaws.com"),
        "{asked}"
    );
    assert!(
        !desk["runtime"]["policies"]
            .to_string()
            .contains("lambda:InvokeFunction")
    );
}

#[test]
fn an_agent_that_aws_has_not_made_yet_is_compiled_in_two_phases_and_told_so() {
    let text = "agent: new-reader\nowner: { team: t, contact: t@example.com }\npurpose: p\nenvironment: prod\nmode: brokered\ntasks: { read-one: { for: 5m, parameters: { tenant: \"[a-z]{3,9}\" }, read: [ { actions: [s3:GetObject], resources: [\"arn:aws:s3:::b/${tenant}/*\"] } ] } }\n";
    let folder = Folder::new();
    let file = folder.file("reader.yaml", text);
    let out = folder.path().join("out");
    let args = [
        "compile",
        &file,
        "--account",
        "111122223333",
        "--out",
        out.to_str().unwrap(),
    ];
    let ran = run(&args);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.err.contains("first phase: `runs-as` names nothing yet"),
        "{}",
        ran.err
    );
    let files = files_below(&out);
    let read = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    let platform = read("policies/111122223333/new-reader/trust.json");
    assert!(
        platform.contains("bedrock-agentcore:*:111122223333:runtime/new_reader-*"),
        "{platform}"
    );
    assert!(platform.contains("aws:SourceAccount"), "{platform}");
    let task = read("policies/111122223333/new-reader-task/trust.json");
    assert!(
        task.contains("role/bailiwick/bailiwick-broker") && !task.contains("Service"),
        "{task}"
    );
    let session = read("sessions/new-reader/read-one-111122223333.json");
    assert!(session.contains("arn:aws:s3:::b/${tenant}/*"), "{session}");
    let session: Value = serde_json::from_str(&session).unwrap();
    let count = |name: &str| session[name].as_u64().unwrap();
    assert_eq!(count("characters") + count("room"), 2_048);
}

#[test]
fn the_same_charters_give_the_same_bytes() {
    let once = run(&["compile", "examples/acme/charters"]).out;
    assert_eq!(once, run(&["compile", "examples/acme/charters"]).out);
}

#[test]
fn what_cannot_be_compiled_is_refused_with_its_mend() {
    let folder = Folder::new();
    let text = "agent: reader\nowner: { team: t, contact: t@example.com }\npurpose: p\nenvironment: prod\nmode: brokered\ntasks: { read-one: { for: 5m, read: [ { actions: [s3:GetObject], resources: [\"arn:aws:s3:::b/*\"] } ] } }\n";
    let file = folder.file("reader.yaml", text);
    refuses(&["compile", &file], &["names an account", "--account"]);
    let standing = folder.file("standing.yaml", text.replace("brokered", "standing"));
    refuses(
        &["compile", &standing, "--account", "111122223333"],
        &["does not say where it runs", "runs-as: ["],
    );
    refuses(&["compile", &file, "--account", "1"], &["twelve digits"]);
    refuses(
        &["compile", "examples/acme/charters", "--as", "terraform"],
        &["several files", "--out DIR"],
    );
    refuses(&["compile", &file, "--as", "pulumi"], &["pulumi"]);
}
