#![expect(
    clippy::needless_pass_by_value,
    reason = "JSON written where it is used reads better"
)]

use bailiwick_estate::{Estate, File};
use bailiwick_iam_catalog::builtin as catalog;
use serde_json::{Value, json};

use super::{
    Admin, Reach, graph,
    path::{Gives, On, Path, builtin},
};

const ACCOUNT: &str = "111122223333";

/// The parts of an account; each test says what it has beside a principal called `start`.
#[derive(Default)]
struct Account {
    users: Vec<Value>,
    roles: Vec<Value>,
    groups: Vec<Value>,
    policies: Vec<Value>,
    resources: Vec<Value>,
    /// Roles of another account.
    abroad: Vec<Value>,
    organization: Option<Value>,
    /// The answer to `ListFunctions` of a region.
    functions: Option<(&'static str, Value)>,
}

fn document(statements: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn allow(actions: &[&str]) -> Value {
    document(json!([{"Effect": "Allow", "Action": actions, "Resource": "*"}]))
}

fn everything() -> Value {
    allow(&["*"])
}

fn nothing() -> Value {
    allow(&["ec2:DescribeRegions"])
}

fn arn(kind: &str, name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{kind}/{name}")
}

fn service(name: &str) -> Value {
    json!({"Service": name})
}

impl Account {
    fn user(mut self, name: &str, policy: Value) -> Self {
        self.users.push(json!({
            "Path": "/", "UserName": name, "UserId": format!("AIDA{name}"),
            "Arn": arn("user", name),
            "UserPolicyList": [{"PolicyName": "inline", "PolicyDocument": policy}],
            "GroupList": [], "AttachedManagedPolicies": [],
        }));
        self
    }

    fn role(self, name: &str, trusts: Value, policy: Value) -> Self {
        let trust = document(json!([
            {"Effect": "Allow", "Principal": trusts, "Action": "sts:AssumeRole"}
        ]));
        self.role_with(name, trust, policy)
    }

    fn role_with(mut self, name: &str, trust: Value, policy: Value) -> Self {
        self.roles.push(json!({
            "Path": "/", "RoleName": name, "RoleId": format!("AROA{name}"),
            "Arn": arn("role", name), "AssumeRolePolicyDocument": trust,
            "RolePolicyList": [{"PolicyName": "inline", "PolicyDocument": policy}],
            "AttachedManagedPolicies": [],
            "InstanceProfileList": [{"InstanceProfileName": name,
                "Arn": arn("instance-profile", name), "Roles": []}],
        }));
        self
    }

    fn group(mut self, name: &str, policy: Value) -> Self {
        self.groups.push(json!({
            "Path": "/", "GroupName": name, "GroupId": format!("AGPA{name}"),
            "Arn": arn("group", name),
            "GroupPolicyList": [{"PolicyName": "inline", "PolicyDocument": policy}],
            "AttachedManagedPolicies": [],
        }));
        self
    }

    fn policy(mut self, name: &str, document: Value) -> Self {
        self.policies.push(json!({
            "PolicyName": name, "PolicyId": format!("ANPA{name}"), "Arn": arn("policy", name),
            "Path": "/", "DefaultVersionId": "v1", "PolicyVersionList": [
                {"VersionId": "v1", "IsDefaultVersion": true, "Document": document}],
        }));
        self
    }

    /// Attaches a managed policy to the user or role made last.
    fn attach(mut self, kind: &str, name: &str) -> Self {
        let attached = json!({"PolicyName": name, "PolicyArn": arn("policy", name)});
        let list = if kind == "user" {
            &mut self.users
        } else {
            &mut self.roles
        };
        let last = list.last_mut().unwrap();
        let policies = last["AttachedManagedPolicies"].as_array_mut().unwrap();
        policies.push(attached);
        self
    }

    fn resource(mut self, kind: &str, arn_of_it: &str, role: &str) -> Self {
        self.resources
            .push(json!({"arn": arn_of_it, "type": kind, "role": arn("role", role)}));
        self
    }

    fn boundary(mut self, document: Value) -> Self {
        self = self.policy("boundary", document);
        let last = self.users.last_mut().unwrap();
        last["PermissionsBoundary"] = json!({
            "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn("policy", "boundary"),
        });
        self
    }

    fn under(mut self, scp: Value) -> Self {
        let full = json!({"name": "FullAWSAccess", "document": everything()});
        self.organization = Some(json!({
            "management_account": "999999999999",
            "roots": [{"id": "r-root", "scps": [full], "rcps": [], "units": [], "accounts": [
                {"id": ACCOUNT, "name": "member", "scps": [full, {"name": "ceiling", "document": scp}],
                 "rcps": []}]}],
        }));
        self
    }

    fn reach(&self, kind: &str) -> Reach {
        self.reach_of(&arn(kind, "start"))
    }

    fn reach_of(&self, principal: &str) -> Reach {
        let iam = json!({"UserDetailList": self.users, "RoleDetailList": self.roles,
            "GroupDetailList": self.groups, "Policies": self.policies})
        .to_string();
        let abroad = json!({"UserDetailList": [], "RoleDetailList": self.abroad,
            "GroupDetailList": [], "Policies": []})
        .to_string();
        let resources = Value::Array(self.resources.clone()).to_string();
        let organization = self.organization.as_ref().map(Value::to_string);
        let calls = self.functions.as_ref().map(|(region, functions)| {
            let answer = json!({"operation": "ListFunctions", "request": {}, "response": {"Functions": functions}});
            let below = format!("accounts/{ACCOUNT}/{region}/lambda.json");
            (below, json!({"calls": [answer]}).to_string())
        });
        let mut files = vec![File::of_bytes("estate", "iam.json", iam.as_bytes())];
        if !self.resources.is_empty() {
            files.push(File::of_bytes(
                "estate",
                "resources.json",
                resources.as_bytes(),
            ));
        }
        if !self.abroad.is_empty() {
            files.push(File::of_bytes("estate", "abroad.json", abroad.as_bytes()));
        }
        if let Some(organization) = &organization {
            let bytes = organization.as_bytes();
            files.push(File::of_bytes("estate", "organization.json", bytes));
        }
        if let Some((below, calls)) = &calls {
            files.push(File::of_bytes("estate", below, calls.as_bytes()));
        }
        let estate = Estate::load(files).unwrap();
        let graph = graph(&estate, catalog());
        let principal = estate.principal(&principal.parse().unwrap()).unwrap();
        graph.reach(principal)
    }
}

fn paths(reach: &Reach) -> Vec<&str> {
    let first = reach.reaches.iter().map(|reached| &reached.hops[0]);
    let mut paths: Vec<_> = first.map(|hop| hop.path.as_str()).collect();
    paths.dedup();
    paths
}

/// An account in which `start` may make just these calls, and everything else that a path asks for
/// is there.
fn account_for(path: &Path, kind: &str, actions: &[&str], target: Value) -> Account {
    let may = allow(actions);
    let me = json!({"AWS": arn(kind, "start")});
    let mut account = Account::default();
    let own_policy = path.gives == Gives::OwnPolicy;
    let inline = if own_policy { nothing() } else { may.clone() };
    account = if kind == "user" {
        account.user("start", inline)
    } else {
        account.role("start", service("states.amazonaws.com"), inline)
    };
    if own_policy {
        account = account.policy("own", may).attach(kind, "own");
    }
    let on_policy = path.needs.iter().any(|need| need.on == On::Policy);
    match path.gives {
        Gives::PassedRole | Gives::BoundRole => {
            account = account.role("target", service(&path.services[0]), target);
            for existing in path.existing.iter().take(1) {
                let thing = builtin().thing_of(existing).unwrap().as_str();
                let arn = thing
                    .replace("{partition}", "aws")
                    .replace("{region}", "eu-west-1")
                    .replace("{account}", ACCOUNT)
                    .replace("{name}", "it")
                    .replace("{id}", "0a1b2c3d4e");
                account = account.resource(existing, &arn, "target");
            }
        }
        Gives::User => account = account.user("target", target),
        Gives::AssumedRole | Gives::TrustingRole => {
            let trusts = match path.gives {
                Gives::AssumedRole => me,
                _ => service("ec2.amazonaws.com"),
            };
            account = account.role("target", trusts, target);
            if on_policy {
                account = account.policy("theirs", nothing()).attach("role", "theirs");
            }
        }
        Gives::OwnUser | Gives::OwnRole | Gives::OwnPolicy => {}
        Gives::OwnGroup | Gives::JoinedGroup => {
            let own = path.gives == Gives::OwnGroup;
            account = account.group("group", if own { nothing() } else { target });
            if own {
                account.users[0]["GroupList"] = json!(["group"]);
            }
        }
    }
    account
}

fn kinds_for(path: &Path) -> &'static [&'static str] {
    match path.gives {
        Gives::OwnUser | Gives::OwnGroup | Gives::JoinedGroup => &["user"],
        Gives::OwnRole => &["role"],
        Gives::PassedRole
        | Gives::BoundRole
        | Gives::User
        | Gives::AssumedRole
        | Gives::TrustingRole
        | Gives::OwnPolicy => &["user", "role"],
    }
}

#[test]
fn every_path_is_found_by_exactly_its_calls_and_by_none_fewer() {
    for path in &builtin().paths {
        let mut actions: Vec<&str> = path.needs.iter().map(|it| it.action.as_str()).collect();
        actions.dedup();
        for kind in kinds_for(path) {
            let found = account_for(path, kind, &actions, everything()).reach(kind);
            assert!(
                paths(&found).contains(&path.id.as_str()),
                "{} {kind}",
                path.id
            );
            assert!(found.admin >= Admin::Potential, "{} {kind}", path.id);
            for left_out in &actions {
                let fewer: Vec<_> = actions
                    .iter()
                    .filter(|it| *it != left_out)
                    .copied()
                    .collect();
                let fewer = if fewer.is_empty() {
                    vec!["ec2:DescribeRegions"]
                } else {
                    fewer
                };
                let found = account_for(path, kind, &fewer, everything()).reach(kind);
                let still = paths(&found).contains(&path.id.as_str());
                assert!(!still, "{} {kind} without {left_out}", path.id);
            }
        }
    }
}

#[test]
fn a_path_to_a_role_that_is_no_administrator_is_still_a_path() {
    let reading = || allow(&["s3:GetObject"]);
    for path in &builtin().paths {
        let lateral = matches!(
            path.gives,
            Gives::PassedRole | Gives::BoundRole | Gives::TrustingRole | Gives::AssumedRole
        );
        if !lateral || path.rewritten {
            continue;
        }
        let actions: Vec<&str> = path.needs.iter().map(|it| it.action.as_str()).collect();
        let actions = if actions.is_empty() {
            vec!["ec2:DescribeRegions"]
        } else {
            actions
        };
        let found = account_for(path, "user", &actions, reading()).reach("user");
        assert!(paths(&found).contains(&path.id.as_str()), "{}", path.id);
        assert_eq!(found.admin, Admin::No, "{}", path.id);
    }
}

#[test]
fn what_the_snapshot_does_not_list_is_assumed_and_named() {
    let account = Account::default()
        .user("start", allow(&["lambda:UpdateFunctionCode"]))
        .role("target", service("lambda.amazonaws.com"), everything());
    let found = account.reach("user");
    assert_eq!(found.admin, Admin::Potential);
    let assumes = found.reaches[0].hops[0].assumes.as_deref().unwrap();
    assert!(assumes.contains("AWS::Lambda::Function"), "{assumes}");

    let function = format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f");
    let listed = account.resource("AWS::Lambda::Function", &function, "target");
    let found = listed.reach("user");
    assert_eq!(found.admin, Admin::Yes);
    assert_eq!(found.reaches[0].hops[0].assumes, None);
}

#[test]
fn where_aws_listed_all_functions_none_is_assumed() {
    let here = document(
        json!([{"Effect": "Allow", "Action": "lambda:UpdateFunctionCode",
        "Resource": format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:*")}]),
    );
    let mut account = Account::default().user("start", here).role(
        "target",
        service("lambda.amazonaws.com"),
        everything(),
    );
    account.functions = Some(("eu-west-1", json!([])));
    assert_eq!(account.reach("user").admin, Admin::No);

    account.functions = Some(("us-east-1", json!([])));
    assert_eq!(account.reach("user").admin, Admin::Potential);
}

#[test]
fn nothing_is_assumed_to_run_as_a_role_that_is_not_privileged() {
    let account = Account::default()
        .user("start", allow(&["lambda:UpdateFunctionCode"]))
        .role(
            "target",
            service("lambda.amazonaws.com"),
            allow(&["s3:GetObject"]),
        );
    assert_eq!(paths(&account.reach("user")), Vec::<&str>::new());
}

#[test]
fn a_role_that_does_not_trust_the_service_cannot_be_had_through_it() {
    let pass = allow(&[
        "iam:PassRole",
        "lambda:CreateFunction",
        "lambda:InvokeFunction",
    ]);
    let account = Account::default().user("start", pass).role(
        "target",
        service("ec2.amazonaws.com"),
        everything(),
    );
    let found = account.reach("user");
    assert_eq!((found.admin, paths(&found)), (Admin::No, vec![]));
}

#[test]
fn an_instance_takes_a_role_by_its_profile_alone() {
    let mut account = Account::default()
        .user("start", allow(&["iam:PassRole", "ec2:RunInstances"]))
        .role("target", service("ec2.amazonaws.com"), everything());
    assert_eq!(account.reach("user").admin, Admin::Yes);
    account.roles[0]["InstanceProfileList"] = json!([]);
    assert_eq!(account.reach("user").admin, Admin::No);
}

#[test]
fn a_pass_to_another_service_is_no_pass() {
    let passing_to = |service: &str| {
        document(json!([
            {"Effect": "Allow", "Action": ["lambda:CreateFunction", "lambda:InvokeFunction"], "Resource": "*"},
            {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
             "Condition": {"StringEquals": {"iam:PassedToService": service}}}]))
    };
    let account = |service_passed: &str| {
        Account::default()
            .user("start", passing_to(service_passed))
            .role("target", service("lambda.amazonaws.com"), everything())
    };
    assert_eq!(
        account("lambda.amazonaws.com").reach("user").admin,
        Admin::Yes
    );
    assert_eq!(account("ec2.amazonaws.com").reach("user").admin, Admin::No);
}

#[test]
fn the_caller_names_what_it_makes_as_its_policies_like_it() {
    let statement = |action: &str, name: &str, region: &str| {
        json!({"Effect": "Allow", "Action": action,
            "Resource": format!("arn:aws:lambda:{region}:*:function:{name}"),
            "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}})
    };
    let account = |create: Value, call: Value| {
        let pass = json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"});
        Account::default()
            .user("start", document(json!([create, call, pass])))
            .role("target", service("lambda.amazonaws.com"), everything())
    };
    let create = statement("lambda:CreateFunction", "dev-*", "*");
    let both = account(
        create.clone(),
        statement("lambda:InvokeFunction", "*-test", "*"),
    );
    let found = both.reach("user");
    assert_eq!(found.admin, Admin::Yes);
    let made = &found.reaches[0].hops[0].because[1].request.resource;
    assert!(
        made.contains(":eu-central-1:") && made.contains(":function:dev-"),
        "{made}"
    );

    let apart = account(create, statement("lambda:InvokeFunction", "prod-*", "*"));
    assert_eq!(apart.reach("user").admin, Admin::No);
}

#[test]
fn tags_of_a_new_thing_are_the_callers_choice() {
    let policy = document(json!([
        {"Effect": "Allow", "Action": ["bedrock-agentcore:CreateCodeInterpreter"], "Resource": "*",
         "Condition": {"StringEquals": {"aws:RequestTag/team": "data"}}},
        {"Effect": "Allow", "Resource": "*", "Action": ["iam:PassRole",
            "bedrock-agentcore:StartCodeInterpreterSession", "bedrock-agentcore:InvokeCodeInterpreter"]}]));
    let account = Account::default().user("start", policy).role(
        "target",
        service("bedrock-agentcore.amazonaws.com"),
        everything(),
    );
    let found = account.reach("user");
    assert_eq!(
        (found.admin, paths(&found)),
        (Admin::Yes, vec!["bedrock-001", "bedrock-002"])
    );
}

#[test]
fn what_the_caller_chooses_may_have_to_be_its_own_name() {
    let trusting = |name: &str| {
        Account::default()
            .user("start", allow(&["sts:AssumeRole"]))
            .role_with(
                "target",
                document(json!([{"Effect": "Allow", "Action": "sts:AssumeRole",
                    "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")},
                    "Condition": {"StringEquals": {"sts:RoleSessionName": name}}}])),
                everything(),
            )
    };
    assert_eq!(trusting("${aws:username}").reach("user").admin, Admin::Yes);
    // A key without a value here matches nothing, whatever is chosen.
    let tagged = trusting("${aws:PrincipalTag/team}").reach("user");
    assert_eq!(tagged.admin, Admin::No);
}

/// A user or a role that may write policies, if its tag `team` is `platform`.
fn if_tagged(more: Value) -> Value {
    document(json!([
        {"Effect": "Allow", "Action": ["iam:PutUserPolicy", "iam:PutRolePolicy"], "Resource": "*",
         "Condition": {"StringEquals": {"aws:PrincipalTag/team": "platform"}}},
        more,
    ]))
}

#[test]
fn who_may_tag_itself_as_a_policy_asks_is_not_taken_to_be_without_the_tag() {
    let tagging = |resource: &str| {
        let more = json!({"Effect": "Allow", "Action": "iam:TagUser", "Resource": resource});
        Account::default()
            .user("start", if_tagged(more))
            .reach("user")
    };
    let found = tagging("*");
    assert_eq!(found.admin, Admin::Unknown);
    let assumes = found.reaches[0].hops[0].assumes.as_deref().unwrap();
    assert!(assumes.contains("aws:PrincipalTag"), "{assumes}");
    assert_eq!(tagging(&arn("user", "other")).admin, Admin::No);
}

#[test]
fn a_session_may_bring_the_tag_if_the_trust_policy_lets_it_be_tagged() {
    let trusting = |actions: Value| {
        let trust = document(json!([{"Effect": "Allow", "Action": actions,
            "Principal": {"Federated": format!("arn:aws:iam::{ACCOUNT}:saml-provider/people")}}]));
        let more = json!({"Effect": "Allow", "Action": "ec2:DescribeRegions", "Resource": "*"});
        Account::default()
            .role_with("start", trust, if_tagged(more))
            .reach("role")
    };
    let tagged = trusting(json!(["sts:AssumeRoleWithSAML", "sts:TagSession"]));
    assert_eq!(tagged.admin, Admin::Unknown);
    assert_eq!(trusting(json!("sts:AssumeRoleWithSAML")).admin, Admin::No);
}

#[test]
fn a_trust_that_names_a_session_may_mean_one_of_the_roles() {
    let trusting = |session: &str| {
        let named = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{session}");
        Account::default()
            .role(
                "start",
                service("ec2.amazonaws.com"),
                allow(&["sts:AssumeRole"]),
            )
            .role("target", json!({"AWS": named}), everything())
            .reach("role")
    };
    let found = trusting("start/deploy");
    assert_eq!(found.admin, Admin::Unknown);
    let assumes = found.reaches[0].hops[0].assumes.as_deref().unwrap();
    assert!(assumes.contains("a session is called deploy"), "{assumes}");
    assert_eq!(trusting("other/deploy").admin, Admin::No);
}

#[test]
fn a_pass_for_a_resource_of_another_service_is_not_taken_for_granted() {
    let policy = document(json!([
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"ArnLike": {
            "iam:AssociatedResourceArn": "arn:aws:ec2:us-east-1:*:instance/*"}}},
        {"Effect": "Allow", "Resource": "*",
         "Action": ["lambda:CreateFunction", "lambda:InvokeFunction"]}]));
    let account = Account::default().user("start", policy).role(
        "target",
        service("lambda.amazonaws.com"),
        everything(),
    );
    assert_eq!(account.reach("user").admin, Admin::Unknown);
}

#[test]
fn a_role_meant_for_runtimes_of_one_name_is_not_given_to_an_interpreter() {
    let trust_of = |source: &str| {
        document(json!([{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": source}}}]))
    };
    let start = allow(&[
        "iam:PassRole",
        "bedrock-agentcore:CreateCodeInterpreter",
        "bedrock-agentcore:StartCodeInterpreterSession",
        "bedrock-agentcore:InvokeCodeInterpreter",
    ]);
    let admin_of = |source: &str| {
        let account = Account::default().user("start", start.clone());
        let account = account.role_with("target", trust_of(source), everything());
        account.reach("user").admin
    };
    let at = |what: &str| format!("arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:{what}");
    assert_eq!(admin_of(&at("*")), Admin::Yes);
    assert_eq!(
        admin_of(&at("code-interpreter-custom/reports-*")),
        Admin::Yes
    );
    assert_eq!(admin_of(&at("runtime/*")), Admin::No);
}

#[test]
fn what_cannot_be_told_is_neither_yes_nor_no() {
    let with_second_factor = document(json!([{"Effect": "Allow", "Action": "iam:PutUserPolicy",
        "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}]));
    let found = Account::default()
        .user("start", with_second_factor)
        .reach("user");
    assert_eq!(found.admin, Admin::Unknown);
    let assumes = found.reaches[0].hops[0].assumes.as_deref().unwrap();
    assert!(
        assumes
            .to_lowercase()
            .contains("aws:multifactorauthpresent"),
        "{assumes}"
    );
}

#[test]
fn a_policy_in_no_file_leaves_it_unknown_who_is_an_administrator() {
    let account = Account::default()
        .user("start", nothing())
        .attach("user", "nowhere");
    assert_eq!(account.reach("user").admin, Admin::Unknown);
}

#[test]
fn attaching_none_but_a_harmless_policy_gives_nothing() {
    let attaching = |policy: &str| {
        document(
            json!([{"Effect": "Allow", "Action": "iam:AttachUserPolicy", "Resource": "*",
            "Condition": {"ArnEquals": {"iam:PolicyARN": policy}}}]),
        )
    };
    let admin_by = |policy: &str| {
        let account = Account::default().user("start", attaching(policy));
        account.reach("user").admin
    };
    assert_eq!(
        admin_by("arn:aws:iam::aws:policy/ReadOnlyAccess"),
        Admin::No
    );
    assert_eq!(
        admin_by("arn:aws:iam::aws:policy/AdministratorAccess"),
        Admin::Yes
    );
}

#[test]
fn a_boundary_holds_unless_its_holder_can_take_it_off() {
    let writing = || allow(&["iam:PutUserPolicy"]);
    let bounded_by = |boundary: Value| {
        let account = Account::default().user("start", writing());
        account.boundary(boundary).reach("user")
    };
    let kept = bounded_by(allow(&["iam:PutUserPolicy", "s3:*"]));
    assert_eq!((kept.admin, paths(&kept)), (Admin::No, vec!["iam-007"]));
    let off = bounded_by(allow(&[
        "iam:PutUserPolicy",
        "iam:DeleteUserPermissionsBoundary",
    ]));
    assert_eq!(off.admin, Admin::Yes);
}

#[test]
fn under_an_scp_nobody_holds_everything_and_its_account_is_still_to_be_had() {
    let scp = document(json!([
        {"Effect": "Deny", "Action": "cloudtrail:StopLogging", "Resource": "*"}]));
    let account = Account::default()
        .user("start", allow(&["iam:PutUserPolicy"]))
        .under(scp);
    let found = account.reach("user");
    assert_eq!((found.admin, paths(&found)), (Admin::No, vec!["iam-007"]));

    let closed = document(json!([{"Effect": "Deny", "Action": "iam:Put*", "Resource": "*"}]));
    let account = Account::default()
        .user("start", allow(&["iam:PutUserPolicy"]))
        .under(closed);
    assert_eq!(paths(&account.reach("user")), Vec::<&str>::new());
}

#[test]
fn roles_that_look_alike_to_one_policy_are_told_apart_by_another() {
    let changing = |resource: &str| {
        json!({"Effect": "Allow", "Action": "iam:UpdateAssumeRolePolicy",
            "Resource": format!("arn:aws:iam::{ACCOUNT}:role/{resource}")})
    };
    let but = json!({"Effect": "Deny", "Action": "iam:Update*",
        "Resource": format!("arn:aws:iam::{ACCOUNT}:role/app-a*")});
    let policy = document(json!([changing("app-*"), but]));
    let mut account = Account::default().user("start", policy);
    for name in ["app-a1", "app-a2", "App-b1", "app-b1", "other"] {
        account = account.role(name, service("ec2.amazonaws.com"), everything());
    }
    let found = account.reach("user");
    let gained: Vec<_> = found
        .reaches
        .iter()
        .map(|it| it.principal.resource_name())
        .collect();
    assert_eq!(gained, ["app-b1"]);
}

#[test]
fn roles_that_one_pattern_takes_in_are_told_apart_by_their_tags() {
    let policy = document(json!([
        {"Effect": "Allow", "Action": "iam:UpdateAssumeRolePolicy", "Resource": "*",
         "Condition": {"StringEquals": {"iam:ResourceTag/open": "yes"}}}]));
    let mut account = Account::default().user("start", policy);
    for (name, open) in [("a", "no"), ("b", "yes"), ("c", "no"), ("d", "yes")] {
        account = account.role(name, service("ec2.amazonaws.com"), everything());
        let role = account.roles.last_mut().unwrap();
        role["Tags"] = json!([{"Key": "Open", "Value": open}]);
    }
    let found = account.reach("user");
    let gained = found.reaches.iter().map(|it| it.principal.resource_name());
    assert_eq!(gained.collect::<Vec<_>>(), ["b", "d"]);
}

#[test]
fn roles_that_may_all_be_passed_are_told_apart_by_whom_they_trust() {
    let policy = allow(&[
        "iam:PassRole",
        "lambda:CreateFunction",
        "lambda:InvokeFunction",
    ]);
    let mut account = Account::default().user("start", policy);
    for (name, source) in [("a", "222233334444"), ("b", ACCOUNT), ("c", "222233334444")] {
        let trust = document(json!([{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": service("lambda.amazonaws.com"),
            "Condition": {"StringEquals": {"aws:SourceAccount": source}}}]));
        account = account.role_with(name, trust, everything());
    }
    let found = account.reach("user");
    let gained = found.reaches.iter().map(|it| it.principal.resource_name());
    assert_eq!(gained.collect::<Vec<_>>(), ["b"]);
}

#[test]
fn hops_add_up_to_an_administrator() {
    let account = Account::default()
        .user("start", nothing())
        .role(
            "middle",
            json!({"AWS": arn("user", "start")}),
            allow(&["lambda:UpdateFunctionCode"]),
        )
        .role("target", service("lambda.amazonaws.com"), everything())
        .resource(
            "AWS::Lambda::Function",
            &format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"),
            "target",
        );
    let found = account.reach("user");
    assert_eq!(found.admin, Admin::Yes);
    let longest = found.reaches.last().unwrap();
    let taken: Vec<_> = longest.hops.iter().map(|hop| hop.path.as_str()).collect();
    assert_eq!(taken, ["trust-001", "lambda-003"]);
}

#[test]
fn another_accounts_role_needs_both_sides() {
    let abroad = "444455556666";
    let role = |trusts: Value| {
        json!({"Path": "/", "RoleName": "abroad", "RoleId": "AROAABROAD",
            "Arn": format!("arn:aws:iam::{abroad}:role/abroad"), "InstanceProfileList": [],
            "AssumeRolePolicyDocument": document(json!([
                {"Effect": "Allow", "Principal": trusts, "Action": "sts:AssumeRole"}])),
            "RolePolicyList": [{"PolicyName": "all", "PolicyDocument": everything()}],
            "AttachedManagedPolicies": []})
    };
    let admin = |permission: Value, trusts: Value| {
        let mut account = Account::default().user("start", permission);
        account.abroad.push(role(trusts));
        account.reach("user").admin
    };
    let named = json!({"AWS": arn("user", "start")});
    let whole = json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:root")});
    let other = json!({"AWS": "arn:aws:iam::777788889999:root"});
    assert_eq!(admin(allow(&["sts:AssumeRole"]), named.clone()), Admin::Yes);
    assert_eq!(admin(allow(&["sts:AssumeRole"]), whole), Admin::Yes);
    assert_eq!(admin(allow(&["sts:AssumeRole"]), other), Admin::No);
    assert_eq!(admin(nothing(), named), Admin::No);
}

#[test]
fn a_user_with_two_keys_takes_no_third() {
    let with_keys = |actions: &[&str], keys: usize| {
        let account = Account::default()
            .user("start", allow(actions))
            .user("target", everything());
        let keys: Vec<_> = (0..keys)
            .map(|key| {
                json!({"UserName": "target", "AccessKeyId": format!("AKIA{key}"),
                "Status": "Active", "CreateDate": "2025-01-01T00:00:00Z"})
            })
            .collect();
        (account, json!({"access_keys": keys}))
    };
    let check = |actions: &[&str], keys: usize, expected: &[&str]| {
        let (account, extra) = with_keys(actions, keys);
        let iam = json!({"UserDetailList": account.users, "RoleDetailList": [],
            "GroupDetailList": [], "Policies": []})
        .to_string();
        let extra = extra.to_string();
        let below = |name: &str| format!("estate/accounts/{ACCOUNT}/{name}");
        let estate = Estate::load(vec![
            File::of_bytes(".", &below("iam.json"), iam.as_bytes()),
            File::of_bytes(".", &below("iam-extra.json"), extra.as_bytes()),
        ])
        .unwrap();
        let start = arn("user", "start").parse().unwrap();
        let reach = graph(&estate, catalog()).reach(estate.principal(&start).unwrap());
        assert_eq!(paths(&reach), expected, "{actions:?} {keys}");
    };
    check(&["iam:CreateAccessKey"], 1, &["iam-002"]);
    check(&["iam:CreateAccessKey"], 2, &[]);
    let both = ["iam:CreateAccessKey", "iam:DeleteAccessKey"];
    check(&both, 2, &["iam-003"]);
}

#[test]
fn the_smallest_change_takes_one_action_out_of_one_statement() {
    let named = document(json!([
        {"Sid": "Ship", "Effect": "Allow", "Resource": "*",
         "Action": ["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"]}]));
    let account = Account::default().user("start", named).role(
        "target",
        service("lambda.amazonaws.com"),
        everything(),
    );
    let cut = &account.reach("user").reaches[0].hops[0].cut;
    assert_eq!(
        cut,
        "remove iam:PassRole from statement Ship of the policy inline"
    );

    let wild = allow(&["iam:Pass*", "lambda:*"]);
    let account = Account::default().user("start", wild).role(
        "target",
        service("lambda.amazonaws.com"),
        everything(),
    );
    let cut = &account.reach("user").reaches[0].hops[0].cut;
    let expected = format!(
        "deny {} iam:PassRole on {}",
        arn("user", "start"),
        arn("role", "target")
    );
    assert_eq!(*cut, expected);
}

#[test]
fn an_answer_reads_as_the_command_line_promises() {
    let account = Account::default().user("start", allow(&["iam:PutUserPolicy"]));
    let answer = serde_json::to_value(account.reach("user")).unwrap();
    let user = arn("user", "start");
    assert_eq!(
        answer,
        json!({"principal": user, "admin": "yes", "direct": false, "reaches": [
            {"principal": user, "hops": [
                {"path": "iam-007", "from": user, "to": user, "because": [
                    {"request": {"principal": user, "action": "iam:PutUserPolicy",
                        "resource": user, "context": {}},
                     "statements": [{"layer": "identity", "policy": "inline", "statement": 0,
                        "sid": null, "effect": "Allow"}]}],
                 "assumes": null,
                 "cut": "remove iam:PutUserPolicy from statement 0 of the policy inline"}]}]})
    );
}
