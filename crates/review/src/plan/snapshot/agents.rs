//! Agents, their versions and the policies of resources, in the answers of service calls.

use bailiwick_iam::arn::Arn;
use serde_json::{Map, Value, json};

use super::{ApplyError, Snapshot, apply::missing};
use crate::plan::{AgentAt, Document, change::VersionStep};

/// The names under which services take and give a version.
const VERSION_KEYS: [&str; 3] = ["agentVersion", "flowVersion", "agentRuntimeVersion"];

/// The names under which an endpoint or an alias says where it sends requests.
const ROUTE_KEYS: [&str; 4] = [
    "agentVersion",
    "flowVersion",
    "liveVersion",
    "targetVersion",
];

/// The listings of versions, and their lists.
const LISTINGS: [(&str, &str); 3] = [
    ("ListAgentVersions", "agentVersionSummaries"),
    ("ListFlowVersions", "flowVersionSummaries"),
    ("ListAgentRuntimeVersions", "agentRuntimes"),
];

const DRAFT: &str = "DRAFT";

impl Snapshot {
    /// Where an agent's role is named outside of its numbered versions, it is another.
    pub(super) fn update_agent(
        &mut self,
        agent: &AgentAt,
        (from, to): (&str, &str),
        version: Option<&VersionStep>,
    ) -> Result<(), ApplyError> {
        let arn: Arn = agent.arn.parse()?;
        let Some(step) = version else {
            return self.rename_role(&arn, from, to);
        };
        let calls = self.calls_of(&arn)?;
        let old = unversioned(calls, &arn)
            .ok_or_else(|| missing("configuration of", arn.as_str()))?
            .clone();
        let has_old = calls.iter().any(|call| is_version(call, &arn, &step.from));
        let current = unversioned(calls, &arn);
        if let Some(current) = current {
            replace(current, from, to);
            set_version(current, &step.to);
            let new = current.clone();
            calls.push(with_version(new, &step.to));
        }
        if !has_old {
            calls.push(with_version(old, &step.from));
        }
        list_version(calls, &arn, &step.from, &step.to);
        route(calls, &arn, "DEFAULT", (&step.from, &step.to));
        self.relabel(&arn, (&step.from, &step.to));
        Ok(())
    }

    pub(super) fn revert_agent(
        &mut self,
        agent: &AgentAt,
        (from, to): (&str, &str),
        version: Option<&VersionStep>,
    ) -> Result<(), ApplyError> {
        let arn: Arn = agent.arn.parse()?;
        let Some(step) = version else {
            return self.rename_role(&arn, from, to);
        };
        let calls = self.calls_of(&arn)?;
        let at = calls
            .iter()
            .position(|call| is_version(call, &arn, &step.from))
            .ok_or_else(|| missing("version of", arn.as_str()))?;
        calls.remove(at);
        // The update kept the earlier answer right behind its own, unless it stood elsewhere.
        if calls
            .get(at)
            .is_some_and(|call| is_version(call, &arn, &step.to))
        {
            calls.remove(at);
        }
        if let Some(current) = unversioned(calls, &arn) {
            replace(current, from, to);
            set_version(current, &step.to);
        }
        unlist_version(calls, &arn, &step.from);
        route(calls, &arn, "DEFAULT", (&step.from, &step.to));
        self.relabel(&arn, (&step.from, &step.to));
        Ok(())
    }

    /// A numbered version that says what the draft says.
    pub(super) fn create_version(
        &mut self,
        agent: &AgentAt,
        version: &str,
    ) -> Result<(), ApplyError> {
        let arn: Arn = agent.arn.parse()?;
        let calls = self.calls_of(&arn)?;
        let draft = unversioned(calls, &arn)
            .ok_or_else(|| missing("draft of", arn.as_str()))?
            .clone();
        let parts: Vec<Value> = calls
            .iter()
            .filter(|call| is_version(call, &arn, DRAFT))
            .map(|call| with_version(call.clone(), version))
            .collect();
        calls.push(version_answer(draft, version));
        calls.extend(parts);
        list_version(calls, &arn, DRAFT, version);
        Ok(())
    }

    pub(super) fn delete_version(
        &mut self,
        agent: &AgentAt,
        version: &str,
    ) -> Result<(), ApplyError> {
        let arn: Arn = agent.arn.parse()?;
        let calls = self.calls_of(&arn)?;
        calls.retain(|call| !is_version(call, &arn, version));
        unlist_version(calls, &arn, version);
        Ok(())
    }

    pub(super) fn move_alias(
        &mut self,
        agent: &AgentAt,
        alias: &str,
        (from, to): (&str, &str),
    ) -> Result<(), ApplyError> {
        let arn: Arn = agent.arn.parse()?;
        if route(self.calls_of(&arn)?, &arn, alias, (from, to)) {
            return Ok(());
        }
        Err(missing("alias", alias))
    }

    /// The answers of the file that holds an agent's configuration.
    fn calls_of(&mut self, arn: &Arn) -> Result<&mut Vec<Value>, ApplyError> {
        self.files
            .values_mut()
            .filter_map(|file| file.get_mut("calls")?.as_array_mut())
            .find(|calls| calls.iter().any(|call| speaks_of(call, arn)))
            .ok_or_else(|| missing("agent", arn.as_str()))
    }

    /// For what has no versions: its configuration, and the entry of a resource that runs as a role.
    fn rename_role(&mut self, arn: &Arn, from: &str, to: &str) -> Result<(), ApplyError> {
        let mut renamed = 0;
        for file in self.files.values_mut() {
            if let Some(calls) = file.get_mut("calls").and_then(Value::as_array_mut) {
                let own = calls.iter_mut().filter(|call| {
                    speaks_of(call, arn) && version_of(call).is_none_or(|it| it == DRAFT)
                });
                renamed += own.map(|call| replace(call, from, to)).sum::<usize>();
                let listings = calls
                    .iter_mut()
                    .filter(|call| operation(call) == "ListFunctions")
                    .filter_map(|call| call.pointer_mut("/response/Functions")?.as_array_mut());
                let own = listings.flatten().filter(|entry| says(entry, arn.as_str()));
                renamed += own.map(|entry| replace(entry, from, to)).sum::<usize>();
            }
            let entries = file.as_array_mut().into_iter().flatten();
            let own = entries.filter(|entry| is_resource(entry, arn));
            renamed += own.map(|entry| replace(entry, from, to)).sum::<usize>();
        }
        if renamed == 0 {
            return Err(missing("role in the configuration of", arn.as_str()));
        }
        Ok(())
    }

    /// The number of the latest version, in listings of all agents.
    fn relabel(&mut self, arn: &Arn, (from, to): (&str, &str)) {
        let calls = self
            .files
            .values_mut()
            .filter_map(|file| file.get_mut("calls")?.as_array_mut())
            .flatten();
        let listings = calls.filter(|call| operation(call) == "ListAgentRuntimes");
        for listed in listings.filter_map(|call| call.pointer_mut("/response/agentRuntimes")) {
            let entries = listed.as_array_mut().into_iter().flatten();
            for entry in entries.filter(|entry| says(entry, arn.as_str())) {
                if entry.get("agentRuntimeVersion").and_then(Value::as_str) == Some(from) {
                    set_version(entry, to);
                }
            }
        }
    }

    /// The policy of a resource as the snapshot holds it.
    #[must_use]
    pub fn resource_policy(&self, resource: &Arn) -> Option<Document> {
        let holders = self.files.values().flat_map(|file| {
            let entries = file.as_array().into_iter().flatten();
            let entries = entries.filter(|entry| is_resource(entry, resource));
            let calls = file.get("calls").and_then(Value::as_array);
            let answers = calls.into_iter().flatten();
            let answers = answers
                .filter(|call| gives_policy(call, resource))
                .filter_map(|call| call.get("response"));
            entries.chain(answers)
        });
        let policy = |holder: &Value| {
            let mut policies = POLICY_KEYS.iter().filter_map(|name| holder.get(*name));
            policies.next().cloned().map(Document)
        };
        holders.into_iter().find_map(policy)
    }

    pub(super) fn set_resource_policy(
        &mut self,
        resource: &Arn,
        document: Option<&Document>,
    ) -> Result<(), ApplyError> {
        let holder = self
            .files
            .values_mut()
            .find_map(|file| policy_holder(file, resource))
            .ok_or_else(|| missing("policy of", resource.as_str()))?;
        let name = POLICY_KEYS
            .into_iter()
            .find(|name| holder.contains_key(*name));
        set_policy(holder, name.unwrap_or("policy"), document);
        Ok(())
    }
}

/// What answers call a resource's policy.
const POLICY_KEYS: [&str; 4] = ["policy", "Policy", "ResourcePolicy", "resourcePolicy"];

fn policy_holder<'f>(file: &'f mut Value, resource: &Arn) -> Option<&'f mut Map<String, Value>> {
    if file.is_array() {
        let mut entries = file.as_array_mut()?.iter_mut();
        return entries
            .find(|entry| is_resource(entry, resource))?
            .as_object_mut();
    }
    let mut calls = file.get_mut("calls")?.as_array_mut()?.iter_mut();
    let call = calls.find(|call| gives_policy(call, resource))?;
    call.get_mut("response")?.as_object_mut()
}

fn gives_policy(call: &Value, resource: &Arn) -> bool {
    let operation = operation(call);
    operation.starts_with("Get") && operation.ends_with("Policy") && speaks_of(call, resource)
}

/// As AWS gave it: as an object, or as a string that holds one.
fn set_policy(holder: &mut Map<String, Value>, name: &str, document: Option<&Document>) {
    let Some(Document(document)) = document else {
        holder.remove(name);
        return;
    };
    let was_text = holder.get(name).is_some_and(Value::is_string);
    let value = if was_text && !document.is_string() {
        Value::String(document.to_string())
    } else {
        document.clone()
    };
    holder.insert(name.to_owned(), value);
}

fn operation(call: &Value) -> &str {
    call.get("operation")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Whether a call asks for this agent or resource, by id, name or ARN.
fn speaks_of(call: &Value, arn: &Arn) -> bool {
    let request = call.get("request").and_then(Value::as_object);
    let named = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text == arn.as_str() || text == arn.resource_name()
    };
    request.is_some_and(|request| request.values().any(named))
}

/// The version a call asks for.
fn version_of(call: &Value) -> Option<&str> {
    let request = call.get("request")?.as_object()?;
    VERSION_KEYS
        .iter()
        .find_map(|key| request.get(*key)?.as_str())
}

fn is_version(call: &Value, arn: &Arn, version: &str) -> bool {
    speaks_of(call, arn) && version_of(call) == Some(version)
}

/// The configuration as it is now: `GetAgent`, `GetFlow`, `GetAgentRuntime` without a version.
fn unversioned<'c>(calls: &'c mut [Value], arn: &Arn) -> Option<&'c mut Value> {
    calls.iter_mut().find(|call| {
        let gets = ["GetAgent", "GetFlow", "GetAgentRuntime"].contains(&operation(call));
        gets && speaks_of(call, arn) && version_of(call).is_none()
    })
}

/// Replaces a role by another wherever it stands, and says how often.
fn replace(value: &mut Value, from: &str, to: &str) -> usize {
    match value {
        Value::String(text) if text == from => {
            to.clone_into(text);
            1
        }
        Value::Array(list) => list.iter_mut().map(|it| replace(it, from, to)).sum(),
        Value::Object(members) => members.values_mut().map(|it| replace(it, from, to)).sum(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

fn says(entry: &Value, text: &str) -> bool {
    let members = entry.as_object().into_iter().flat_map(Map::values);
    members
        .into_iter()
        .any(|value| value.as_str() == Some(text))
}

fn is_resource(entry: &Value, arn: &Arn) -> bool {
    entry.get("arn").and_then(Value::as_str) == Some(arn.as_str())
}

/// Wherever an answer, or a part of it, says which version it is of.
fn set_version(value: &mut Value, version: &str) {
    let Some(members) = value.as_object_mut() else {
        return;
    };
    for (name, member) in members {
        let names_version = VERSION_KEYS.contains(&name.as_str()) || name == "version";
        if names_version && member.is_string() {
            *member = json!(version);
        } else if member.is_object() {
            set_version(member, version);
        }
    }
}

/// The same call, asked of a version.
fn with_version(mut call: Value, version: &str) -> Value {
    let key = match operation(&call) {
        "GetAgentRuntime" => "agentRuntimeVersion",
        "GetFlow" | "GetFlowVersion" => "flowVersion",
        _ => "agentVersion",
    };
    if let Some(request) = call.get_mut("request").and_then(Value::as_object_mut) {
        request.insert(key.to_owned(), json!(version));
    }
    if let Some(response) = call.get_mut("response") {
        set_version_in_lists(response, version);
    }
    call
}

/// In a list of parts, such as collaborators, each part says its version.
fn set_version_in_lists(response: &mut Value, version: &str) {
    set_version(response, version);
    let members = response.as_object_mut().into_iter().flatten();
    for (_, member) in members {
        for part in member.as_array_mut().into_iter().flatten() {
            set_version(part, version);
        }
    }
}

/// `GetAgentVersion` as it answers for a version made of this draft.
fn version_answer(draft: Value, version: &str) -> Value {
    let is_flow = operation(&draft) == "GetFlow";
    let mut call = with_version(draft, version);
    if is_flow {
        if let Some(call) = call.as_object_mut() {
            call.insert("operation".to_owned(), json!("GetFlowVersion"));
        }
        return call;
    }
    let mut agent = call.pointer("/response/agent").cloned().unwrap_or_default();
    if let Some(agent) = agent.as_object_mut() {
        agent.remove("agentVersion");
        agent.insert("version".to_owned(), json!(version));
    }
    if let Some(call) = call.as_object_mut() {
        call.insert("operation".to_owned(), json!("GetAgentVersion"));
        call.insert("response".to_owned(), json!({ "agentVersion": agent }));
    }
    call
}

fn listing<'c>(calls: &'c mut [Value], arn: &Arn) -> Option<&'c mut Vec<Value>> {
    calls.iter_mut().find_map(|call| {
        let (_, list) = LISTINGS.iter().find(|(name, _)| *name == operation(call))?;
        if !speaks_of(call, arn) {
            return None;
        }
        call.get_mut("response")?.get_mut(*list)?.as_array_mut()
    })
}

fn list_version(calls: &mut [Value], arn: &Arn, like: &str, version: &str) {
    let Some(list) = listing(calls, arn) else {
        return;
    };
    let model = list.iter().find(|entry| is_entry(entry, like));
    if let Some(mut entry) = model.or(list.first()).cloned() {
        set_version(&mut entry, version);
        list.push(entry);
    }
}

fn unlist_version(calls: &mut [Value], arn: &Arn, version: &str) {
    if let Some(list) = listing(calls, arn) {
        list.retain(|entry| !is_entry(entry, version));
    }
}

fn is_entry(entry: &Value, version: &str) -> bool {
    let names = VERSION_KEYS.into_iter().chain(["version"]);
    names
        .into_iter()
        .any(|name| entry.get(name).and_then(Value::as_str) == Some(version))
}

/// Sends an alias's or endpoint's requests to another version; whether it was found.
fn route(calls: &mut [Value], arn: &Arn, alias: &str, (from, to): (&str, &str)) -> bool {
    let mut found = false;
    for call in calls.iter_mut().filter(|call| speaks_of(call, arn)) {
        if let Some(response) = call.get_mut("response") {
            found |= route_in(response, alias, (from, to));
        }
    }
    found
}

fn route_in(value: &mut Value, alias: &str, routes: (&str, &str)) -> bool {
    let below: Vec<&mut Value> = match value {
        Value::Array(list) => list.iter_mut().collect(),
        Value::Object(members) => {
            let named = ["agentAliasName", "agentAliasId", "name", "id"]
                .iter()
                .any(|key| members.get(*key).and_then(Value::as_str) == Some(alias));
            let routing =
                members.contains_key("routingConfiguration") || members.contains_key("liveVersion");
            if named && routing {
                return set_route(members, routes);
            }
            members.values_mut().collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    let mut found = false;
    for value in below {
        found |= route_in(value, alias, routes);
    }
    found
}

fn set_route(alias: &mut Map<String, Value>, (from, to): (&str, &str)) -> bool {
    let mut found = false;
    let mut set = |members: &mut Map<String, Value>| {
        for (name, member) in members {
            if ROUTE_KEYS.contains(&name.as_str()) && member.as_str() == Some(from) {
                *member = json!(to);
                found = true;
            }
        }
    };
    set(alias);
    let routing = alias
        .get_mut("routingConfiguration")
        .and_then(Value::as_array_mut);
    for route in routing.into_iter().flatten() {
        if let Some(route) = route.as_object_mut() {
            set(route);
        }
    }
    found
}
