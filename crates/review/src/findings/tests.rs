//! Each rule on a small estate that it speaks of, and on the nearest one of which it does not.

mod ceilings;
mod identity;
mod intent;
mod invocation;
mod permissions;
mod separation;
mod trust;
mod unknown;

use bailiwick_charter::Charters;
use bailiwick_estate::{Estate, File, usage::Usage};
use bailiwick_iam::evaluate::Outcome;
use bailiwick_iam_catalog::builtin;
use serde_json::{Value, json};

use super::RULES;
use crate::{
    finding::{Finding, Severity, Status, Witness},
    frameworks,
    intent::Intent,
    rule::Checked,
    view::View,
};

const ACCOUNT: &str = "111122223333";

/// One account's snapshot, as small as the question needs.
#[derive(Default)]
struct World {
    roles: Vec<Value>,
    users: Vec<Value>,
    policies: Vec<Value>,
    runtimes: Vec<Value>,
    agentcore: Vec<Value>,
    bedrock: Vec<Value>,
    lambda: Vec<Value>,
    resources: Vec<Value>,
    organization: Option<Value>,
    extra: Option<Value>,
    charters: Vec<String>,
    usage: Option<String>,
    /// Whether AWS said that more principals follow.
    is_truncated: bool,
}

impl World {
    fn role(self, name: &str, trust: &Value, statements: &Value) -> Self {
        self.role_with(name, trust, statements, &json!({}))
    }

    fn role_with(mut self, name: &str, trust: &Value, statements: &Value, more: &Value) -> Self {
        let mut role = json!({
            "Path": "/", "RoleName": name, "RoleId": format!("AROA{}", name.to_uppercase()),
            "Arn": role_arn(name), "CreateDate": "2026-01-01T00:00:00+00:00",
            "AssumeRolePolicyDocument": policy(trust),
            "RolePolicyList": [{"PolicyName": "own", "PolicyDocument": policy(statements)}],
            "AttachedManagedPolicies": [], "InstanceProfileList": [], "Tags": [],
        });
        for (key, value) in more.as_object().unwrap() {
            role[key] = value.clone();
        }
        self.roles.push(role);
        self
    }

    fn user(mut self, name: &str, statements: &Value) -> Self {
        self.users.push(json!({
            "Path": "/", "UserName": name, "UserId": format!("AIDA{}", name.to_uppercase()),
            "Arn": format!("arn:aws:iam::{ACCOUNT}:user/{name}"),
            "CreateDate": "2026-01-01T00:00:00+00:00",
            "UserPolicyList": [{"PolicyName": "own", "PolicyDocument": policy(statements)}],
            "GroupList": [], "AttachedManagedPolicies": [], "Tags": [],
        }));
        self
    }

    fn managed(mut self, name: &str, statements: &Value) -> Self {
        self.policies.push(json!({
            "PolicyName": name, "PolicyId": format!("ANPA{}", name.to_uppercase()),
            "Arn": policy_arn(name), "Path": "/", "DefaultVersionId": "v1", "AttachmentCount": 1,
            "IsAttachable": true,
            "PolicyVersionList": [{"VersionId": "v1", "IsDefaultVersion": true, "Document": policy(statements)}],
        }));
        self
    }

    fn runtime(self, name: &str, role: &str) -> Self {
        self.runtime_tagged(name, role, &json!({}))
    }

    fn runtime_tagged(mut self, name: &str, role: &str, tags: &Value) -> Self {
        let id = format!("{name}-0123456789");
        let arn = runtime_arn(name);
        self.runtimes.push(json!({"agentRuntimeArn": arn, "agentRuntimeId": id, "agentRuntimeName": name, "agentRuntimeVersion": "1", "status": "READY"}));
        self.agentcore.push(call("GetAgentRuntime", &json!({"agentRuntimeId": id}), &json!({
            "agentRuntimeArn": arn, "agentRuntimeId": id, "agentRuntimeName": name,
            "agentRuntimeVersion": "1", "roleArn": role_arn(role), "status": "READY",
            "networkConfiguration": {"networkMode": "PUBLIC"},
            "workloadIdentityDetails": {"workloadIdentityArn": format!("arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:workload-identity-directory/default/workload-identity/{id}")},
        })));
        self.agentcore.push(call(
            "ListTagsForResource",
            &json!({"resourceArn": arn}),
            &json!({"tags": tags}),
        ));
        self
    }

    fn gateway(mut self, role: &str, authorizer: &Value) -> Self {
        let arn = format!("arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:gateway/tools-0123456789");
        let mut response = json!({
            "gatewayArn": arn, "gatewayId": "tools-0123456789", "name": "tools", "status": "READY",
            "roleArn": role_arn(role), "protocolType": "MCP",
        });
        for (key, value) in authorizer.as_object().unwrap() {
            response[key] = value.clone();
        }
        self.agentcore.push(call("ListGateways", &json!({}), &json!({"items": [{"gatewayId": "tools-0123456789", "name": "tools", "status": "READY"}]})));
        self.agentcore.push(call(
            "GetGateway",
            &json!({"gatewayIdentifier": "tools-0123456789"}),
            &response,
        ));
        self
    }

    /// A Bedrock agent whose draft has one role, and whose version 1, behind the alias `live`, has
    /// another. Its action group calls the function `tool`.
    fn bedrock_agent(mut self, draft: &str, live: &str, tags: &Value) -> Self {
        let arn = format!("arn:aws:bedrock:us-east-1:{ACCOUNT}:agent/AGENT00001");
        let version = |number: &str, role: &str| json!({"agentId": "AGENT00001", "agentName": "desk", "agentArn": arn, "version": number, "agentStatus": "PREPARED", "agentResourceRoleArn": role_arn(role)});
        let routing = json!([{"agentVersion": "1"}]);
        self.bedrock.extend([
            call("ListAgents", &json!({}), &json!({"agentSummaries": [{"agentId": "AGENT00001", "agentName": "desk", "agentStatus": "PREPARED", "latestAgentVersion": "1"}]})),
            call("GetAgent", &json!({"agentId": "AGENT00001"}), &json!({"agent": {"agentId": "AGENT00001", "agentName": "desk", "agentArn": arn, "agentVersion": "DRAFT", "agentStatus": "PREPARED", "agentResourceRoleArn": role_arn(draft)}})),
            call("ListAgentVersions", &json!({"agentId": "AGENT00001"}), &json!({"agentVersionSummaries": [{"agentName": "desk", "agentVersion": "DRAFT"}, {"agentName": "desk", "agentVersion": "1"}]})),
            call("GetAgentVersion", &json!({"agentId": "AGENT00001", "agentVersion": "1"}), &json!({"agentVersion": version("1", live)})),
            call("ListAgentAliases", &json!({"agentId": "AGENT00001"}), &json!({"agentAliasSummaries": [{"agentAliasId": "LIVE000001", "agentAliasName": "live", "routingConfiguration": routing, "aliasInvocationState": "ACCEPT_INVOCATIONS"}]})),
            call("ListAgentActionGroups", &json!({"agentId": "AGENT00001", "agentVersion": "1"}), &json!({"actionGroupSummaries": [{"actionGroupId": "AG00000001", "actionGroupName": "tool", "actionGroupState": "ENABLED"}]})),
            call("GetAgentActionGroup", &json!({"agentId": "AGENT00001", "agentVersion": "1", "actionGroupId": "AG00000001"}), &json!({"agentActionGroup": {"agentId": "AGENT00001", "agentVersion": "1", "actionGroupId": "AG00000001", "actionGroupName": "tool", "actionGroupState": "ENABLED", "actionGroupExecutor": {"lambda": function_arn("tool")}}})),
            call("ListTagsForResource", &json!({"resourceArn": arn}), &json!({"tags": tags})),
        ]);
        self
    }

    /// The function `tool`, its role and its policy.
    fn function(mut self, role: &str, statements: Option<&Value>) -> Self {
        self.lambda.push(call("ListFunctions", &json!({}), &json!({"Functions": [{"FunctionName": "tool", "FunctionArn": function_arn("tool"), "Runtime": "python3.13", "Role": role_arn(role)}]})));
        if let Some(statements) = statements {
            self.lambda.push(call(
                "GetPolicy",
                &json!({"FunctionName": "tool"}),
                &json!({"Policy": policy(statements).to_string()}),
            ));
        }
        self
    }

    fn resource(mut self, resource: Value) -> Self {
        self.resources.push(resource);
        self
    }

    fn extra(mut self, extra: Value) -> Self {
        self.extra = Some(extra);
        self
    }

    fn charter(mut self, yaml: String) -> Self {
        self.charters.push(yaml);
        self
    }

    fn used(mut self, lines: &[Value]) -> Self {
        self.usage = Some(lines.iter().map(|line| format!("{line}\n")).collect());
        self
    }

    /// An organisation with this account in one unit, with these SCPs beside the usual one.
    fn organized(mut self, management: &str, unit: &str, scps: &Value) -> Self {
        let full = json!({"name": "FullAWSAccess", "document": policy(&allow(&["*"], &["*"]))});
        let mut attached = vec![full.clone()];
        attached.extend(scps.as_array().unwrap().iter().cloned());
        self.organization = Some(json!({
            "management_account": management,
            "roots": [{"id": "r-root", "scps": [full], "rcps": [], "accounts": [], "units": [
                {"id": "ou-root-unit0001", "name": unit, "scps": attached, "rcps": [], "units": [],
                 "accounts": [{"id": ACCOUNT, "name": unit.to_lowercase(), "tags": {}, "scps": [full], "rcps": []}]}
            ]}],
        }));
        self
    }

    fn files(&self) -> Vec<(String, String)> {
        let account = format!("estate/accounts/{ACCOUNT}");
        let calls = |calls: &[Value]| json!({"calls": calls}).to_string();
        let iam = json!({"RoleDetailList": self.roles, "UserDetailList": self.users, "GroupDetailList": [], "Policies": self.policies, "IsTruncated": self.is_truncated});
        let mut agentcore = self.agentcore.clone();
        if !self.runtimes.is_empty() {
            agentcore.push(call(
                "ListAgentRuntimes",
                &json!({}),
                &json!({"agentRuntimes": self.runtimes}),
            ));
        }
        let mut files = vec![(format!("{account}/iam.json"), iam.to_string())];
        let mut add = |name: &str, text: String| files.push((format!("{account}/{name}"), text));
        for (name, list) in [
            ("us-east-1/bedrock-agentcore-control.json", &agentcore),
            ("us-east-1/bedrock-agent.json", &self.bedrock),
            ("us-east-1/lambda.json", &self.lambda),
        ] {
            if !list.is_empty() {
                add(name, calls(list));
            }
        }
        if !self.resources.is_empty() {
            add("resources.json", json!(self.resources).to_string());
        }
        if let Some(extra) = &self.extra {
            add("iam-extra.json", extra.to_string());
        }
        if let Some(organization) = &self.organization {
            files.push(("estate/organization.json".into(), organization.to_string()));
        }
        files
    }

    /// What one rule says; every claim in it is checked.
    fn asked(&self, rule: &str) -> Vec<Finding> {
        self.checked(rule).findings
    }

    fn checked(&self, rule: &str) -> Checked {
        let files = self.files();
        let files = files
            .iter()
            .map(|(path, text)| File::of_bytes("", path, text.as_bytes()))
            .collect();
        let estate = Estate::load(files).unwrap_or_else(|error| panic!("{error}"));
        let names: Vec<_> = (0..self.charters.len())
            .map(|it| format!("{it}.yaml"))
            .collect();
        let texts = self.charters.iter().map(String::as_bytes);
        let charters = Charters::parse(names.iter().map(String::as_str).zip(texts))
            .unwrap_or_else(|errors| panic!("{errors:?}"));
        let usage = self.usage.as_ref().map(|text| {
            Usage::read("usage.ndjson", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
        });
        let intent = Intent {
            charters: Some(&charters),
            usage: usage.as_ref(),
        };
        let view = View::with_intent(&estate, builtin(), intent);
        let rule = RULES.iter().find(|it| it.id == rule).unwrap();
        let checked = (rule.check)(&view);
        for finding in &checked.findings {
            confirm(&view, finding);
        }
        checked
    }

    /// The one failure of a rule.
    #[track_caller]
    fn fires(&self, rule: &str) -> Finding {
        let mut findings = self.asked(rule);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        let finding = findings.remove(0);
        assert_eq!(finding.status, Status::Fail, "{finding:#?}");
        finding
    }

    #[track_caller]
    fn is_silent(&self, rule: &str) {
        let findings = self.asked(rule);
        assert!(findings.is_empty(), "{findings:#?}");
    }

    /// The one question that a rule cannot answer.
    #[track_caller]
    fn is_unknown(&self, rule: &str) -> Finding {
        let mut findings = self.asked(rule);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        let finding = findings.remove(0);
        assert_eq!(finding.status, Status::Unknown, "{finding:#?}");
        finding
    }
}

/// A finding carries a witness, and a request in it is one that the evaluator allows.
#[track_caller]
fn confirm(view: &View<'_>, finding: &Finding) {
    match finding.witness.as_ref().expect("a witness") {
        Witness::Request { request, because } => {
            let decision = view.decide(request);
            assert_eq!(decision.outcome, Outcome::Allow, "{finding:#?}");
            assert!(!because.is_empty(), "{finding:#?}");
        }
        Witness::Facts { facts } => assert!(!facts.is_empty(), "{finding:#?}"),
    }
    assert!(!finding.fix.summary.is_empty() && !finding.fix.patch.is_empty());
}

fn call(operation: &str, request: &Value, response: &Value) -> Value {
    json!({"operation": operation, "request": request, "response": response})
}

fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn policy_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{name}")
}

fn runtime_arn(name: &str) -> String {
    format!("arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:runtime/{name}-0123456789")
}

fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}")
}

fn policy(statements: &Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn allow(actions: &[&str], resources: &[&str]) -> Value {
    json!([{"Effect": "Allow", "Action": actions, "Resource": resources}])
}

/// A trust policy for one runtime and nobody else.
fn trust_of(runtime: &str) -> Value {
    json!([{
        "Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnEquals": {"aws:SourceArn": runtime_arn(runtime)}},
    }])
}

fn trust_service(service: &str) -> Value {
    json!([{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}])
}

fn both(one: &Value, other: &Value) -> Value {
    let mut all = one.as_array().unwrap().clone();
    all.extend(other.as_array().unwrap().iter().cloned());
    json!(all)
}

/// A runtime `reader` on a role of its own with these permissions.
fn reader(statements: &Value) -> World {
    World::default()
        .role("reader", &trust_of("reader"), statements)
        .runtime("reader", "reader")
}

#[test]
fn every_rule_is_mapped_and_nothing_else_is() {
    let mut rules: Vec<_> = RULES.iter().map(|it| it.id).collect();
    rules.push(crate::waiver::RULE);
    rules.sort_unstable();
    let mapped: Vec<_> = frameworks::shipped()
        .rules()
        .map(|(rule, _)| rule)
        .collect();
    assert_eq!(rules, mapped);
}

#[test]
fn every_manual_says_what_it_sees_why_it_matters_and_what_to_do() {
    for rule in RULES {
        for part in [
            "**Sees.**",
            "**Matters.**",
            "**Example.**",
            "**Severity.**",
            "**Remedy.**",
            "**References.**",
        ] {
            assert!(rule.manual.contains(part), "{} lacks {part}", rule.id);
        }
    }
}

#[test]
fn a_bare_iam_file_is_not_an_empty_estate() {
    let world = World::default().role(
        "agent",
        &trust_service("bedrock.amazonaws.com"),
        &allow(&["s3:*"], &["*"]),
    );
    assert_eq!(world.fires("PERM-01").severity, Severity::High);
    world.fires("TRUST-01");
}
