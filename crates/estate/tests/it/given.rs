//! Small snapshots, written where they are used.

use bailiwick_estate::{Estate, File, LoadError};
use serde_json::{Value, json};

pub(crate) const ACCOUNT: &str = "111122223333";

/// Files by their paths below one folder.
#[derive(Default, Clone)]
pub(crate) struct Given {
    files: Vec<(String, Vec<u8>)>,
}

impl Given {
    pub(crate) fn with(self, path: &str, json: &Value) -> Self {
        self.with_bytes(path, serde_json::to_string_pretty(json).unwrap().as_bytes())
    }

    pub(crate) fn with_bytes(mut self, path: &str, bytes: &[u8]) -> Self {
        self.files.push((path.to_owned(), bytes.to_vec()));
        self
    }

    /// The answers of one service in us-east-1.
    pub(crate) fn with_calls(self, calls: &[(&str, Value, Value)]) -> Self {
        let calls: Vec<Value> = calls
            .iter()
            .map(|(operation, request, response)| {
                json!({"operation": operation, "request": request, "response": response})
            })
            .collect();
        let path = format!(
            "accounts/{ACCOUNT}/us-east-1/calls-{}.json",
            self.files.len()
        );
        self.with(&path, &json!({"calls": calls}))
    }

    pub(crate) fn load(&self) -> Result<Estate, LoadError> {
        let files = self.files.iter();
        Estate::load(
            files
                .map(|(path, bytes)| File::of_bytes("snapshot", path, bytes))
                .collect(),
        )
    }

    pub(crate) fn estate(&self) -> Estate {
        self.load()
            .unwrap_or_else(|error| panic!("{error}; {}", error.mend))
    }

    /// `file:line:column: problem | mend` of the refusal.
    pub(crate) fn refusal(&self) -> String {
        match self.load() {
            Ok(_) => panic!("it was read"),
            Err(error) => format!("{error} | {}", error.mend),
        }
    }
}

/// What cannot be told, without what every small snapshot lacks.
pub(crate) fn gaps(estate: &Estate) -> Vec<String> {
    let usual = ["organisation:", "session durations,", "agents of bedrock"];
    let gaps = estate.incomplete.iter().map(ToString::to_string);
    gaps.filter(|gap| !usual.iter().any(|usual| gap.starts_with(usual)))
        .collect()
}

/// An `iam.json` of these roles and policies.
pub(crate) fn iam(roles: &[Value], policies: &[Value]) -> Value {
    json!({
        "UserDetailList": [], "GroupDetailList": [],
        "RoleDetailList": roles, "Policies": policies,
    })
}

pub(crate) fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// A role that this service may assume.
pub(crate) fn role(name: &str, service: &str) -> Value {
    json!({
        "Path": "/", "RoleName": name, "RoleId": format!("AROA{name}"), "Arn": role_arn(name),
        "AssumeRolePolicyDocument": trust(service),
        "RolePolicyList": [], "AttachedManagedPolicies": [], "InstanceProfileList": [],
    })
}

/// The same with other members.
pub(crate) fn and(mut object: Value, members: Value) -> Value {
    let (Some(object_members), Value::Object(members)) = (object.as_object_mut(), members) else {
        panic!("two objects");
    };
    object_members.extend(members);
    object
}

pub(crate) fn trust(service: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]})
}

pub(crate) fn allow(action: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Only", "Effect": "Allow", "Action": action, "Resource": resource}]})
}

pub(crate) fn managed(name: &str, arn: &str, document: &Value) -> Value {
    json!({
        "PolicyName": name, "Arn": arn, "DefaultVersionId": "v2",
        "PolicyVersionList": [
            {"VersionId": "v1", "IsDefaultVersion": false, "Document": allow("old:Only", "*")},
            {"VersionId": "v2", "IsDefaultVersion": true, "Document": document}],
    })
}

pub(crate) fn attached(arn: &str) -> Value {
    json!({"AttachedManagedPolicies": [
        {"PolicyName": arn.rsplit('/').next().unwrap(), "PolicyArn": arn}]})
}
