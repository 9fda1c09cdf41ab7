//! What we and iam-simulate disagree on, each with a way to ask that both read alike.

use serde_json::{Value, json};

pub(super) struct Kind {
    /// Its heading in `docs/spec/iam-simulate.md`.
    pub(super) id: &'static str,
    /// Writes into a case what we take it to mean, without using what the two read differently.
    pub(super) spell_out: fn(&mut Value),
}

pub(super) const KINDS: [Kind; 9] = [
    Kind {
        id: "version-2008",
        spell_out: version_2008,
    },
    Kind {
        id: "session-grant",
        spell_out: session_grant,
    },
    Kind {
        id: "trust-not-given",
        spell_out: trust_not_given,
    },
    Kind {
        id: "not-principal",
        spell_out: not_principal,
    },
    Kind {
        id: "negated-variable",
        spell_out: negated_variable,
    },
    Kind {
        id: "not-resource-variable",
        spell_out: not_resource_variable,
    },
    Kind {
        id: "not-resource-short",
        spell_out: not_resource_short,
    },
    Kind {
        id: "not-resource-star",
        spell_out: not_resource_star,
    },
    Kind {
        id: "not-ip-bare",
        spell_out: not_ip_bare,
    },
];

/// Every document of a case with the layer it stands in.
fn documents(case: &mut Value) -> Vec<(&'static str, &mut Value)> {
    let mut found = Vec::new();
    for (layer, value) in case.as_object_mut().unwrap() {
        match layer.as_str() {
            "identity" => found.extend(of_list(value).map(|document| ("identity", document))),
            "boundary" => found.extend(of_list(value).map(|document| ("boundary", document))),
            "session" => found.extend(of_list(value).map(|document| ("session", document))),
            "endpoint" => found.extend(of_list(value).map(|document| ("endpoint", document))),
            "resource_policy" => found.push(("resource", value)),
            "scp" => found.extend(of_levels(value).map(|document| ("scp", document))),
            "rcp" => found.extend(of_levels(value).map(|document| ("rcp", document))),
            _ => {}
        }
    }
    found
}

fn of_list(policies: &mut Value) -> impl Iterator<Item = &mut Value> {
    policies
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .map(|policy| &mut policy["document"])
}

fn of_levels(levels: &mut Value) -> impl Iterator<Item = &mut Value> {
    let levels = levels.as_array_mut().unwrap().iter_mut();
    levels.flat_map(|level| of_list(&mut level["policies"]))
}

fn statements(document: &mut Value) -> Vec<&mut Value> {
    match &mut document["Statement"] {
        Value::Array(statements) => statements.iter_mut().collect(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().unwrap().to_owned())
            .collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    }
}

/// In an old document `${` is two letters; in a new one `${$}{` is.
fn version_2008(case: &mut Value) {
    for (_, document) in documents(case) {
        if document["Version"] != "2012-10-17" && document.to_string().contains("${") {
            let text = document.to_string().replace("${", "${$}{");
            *document = serde_json::from_str(&text).unwrap();
            document["Version"] = "2012-10-17".into();
        }
    }
}

/// A session policy that also allows everything limits only by its denies: right where the
/// resource's policy grants directly, and told apart by the answer where it does not.
fn session_grant(case: &mut Value) {
    let session = case["session"].is_array();
    let statement = || json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let grants_directly = session && super::ours(case) == "allow";
    if !grants_directly || case["resource_policy"].is_null() {
        return;
    }
    for document in of_list(&mut case["session"]) {
        if let Value::Array(statements) = &mut document["Statement"] {
            statements.push(statement());
        }
    }
}

fn trust_not_given(case: &mut Value) {
    if case["request"]["action"] == "sts:AssumeRole" && case["resource_policy"].is_null() {
        case["resource_policy"] = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "nobody.amazonaws.com"}}]});
    }
}

/// Where not all of the names stand that would spare the principal, everybody is denied.
fn not_principal(case: &mut Value) {
    let principal = case["request"]["principal"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    let account = "111122223333".to_owned();
    let role = "arn:aws:iam::111122223333:role/agent".to_owned();
    let needed = if principal.contains(":assumed-role/") {
        vec![account, role, principal]
    } else if principal.contains(account.as_str()) {
        vec![account, principal]
    } else {
        return;
    };
    for (_, document) in documents(case) {
        for statement in statements(document) {
            if statement["Effect"] != "Deny" || statement["NotPrincipal"].is_null() {
                continue;
            }
            let names = statement["NotPrincipal"]["AWS"].clone();
            let names = if names.is_null() {
                vec![]
            } else {
                texts(&names)
            };
            if !needed.iter().all(|name| names.contains(name)) {
                let statement = statement.as_object_mut().unwrap();
                statement.remove("NotPrincipal");
                statement.insert("Principal".into(), "*".into());
            }
        }
    }
}

/// Whether a pattern of this policy has a variable that stands for nothing.
fn has_no_value(pattern: &str, document: &Value, context: &Value) -> bool {
    let is_new = document["Version"] == "2012-10-17";
    is_new
        && pattern.split("${").skip(1).any(|rest| {
            let key = rest.split('}').next().unwrap();
            !key.contains(',') && !context[key].is_string()
        })
}

fn negated_variable(case: &mut Value) {
    let context = case["request"]["context"].clone();
    for (_, document) in documents(case) {
        let whole = document.clone();
        for statement in statements(document) {
            let Some(conditions) = statement
                .get_mut("Condition")
                .and_then(Value::as_object_mut)
            else {
                continue;
            };
            for (operator, keys) in conditions {
                if !operator.contains("Not") {
                    continue;
                }
                for (_, values) in keys.as_object_mut().unwrap() {
                    // What cannot match may be any text that does not.
                    let spell = |text: String| {
                        if has_no_value(&text, &whole, &context) {
                            "matches nothing".into()
                        } else {
                            text
                        }
                    };
                    *values = texts(values).into_iter().map(spell).collect();
                }
            }
        }
    }
}

/// Replaces patterns of `NotResource`.
fn in_not_resource(case: &mut Value, spell: impl Fn(String, &str, &Value) -> String) {
    for (layer, document) in documents(case) {
        let whole = document.clone();
        for statement in statements(document) {
            if !statement["NotResource"].is_null() {
                let patterns = texts(&statement["NotResource"]).into_iter();
                let spelled: Value = patterns
                    .map(|pattern| spell(pattern, layer, &whole))
                    .collect();
                statement["NotResource"] = spelled;
            }
        }
    }
}

const NOTHING: &str = "arn:aws:none:us-east-1:000000000000:none/none";

fn not_resource_variable(case: &mut Value) {
    let context = case["request"]["context"].clone();
    in_not_resource(case, |pattern, _, document| {
        if has_no_value(&pattern, document, &context) {
            NOTHING.into()
        } else {
            pattern
        }
    });
}

fn not_resource_short(case: &mut Value) {
    in_not_resource(case, |pattern, layer, _| {
        let segments = pattern.split(':').count();
        if pattern == "*" || segments >= 6 {
            return pattern;
        }
        let counts = match layer {
            "identity" | "boundary" | "session" => true,
            "resource" | "endpoint" => pattern.contains('*'),
            "scp" => pattern.ends_with('*'),
            _ => false,
        };
        if counts {
            pattern + &":*".repeat(6 - segments)
        } else {
            NOTHING.into()
        }
    });
}

/// Nothing but `*` leaves out a request for `*`; without such a pattern everything is covered.
fn not_resource_star(case: &mut Value) {
    if case["request"]["resource"] != "*" {
        return;
    }
    for (_, document) in documents(case) {
        for statement in statements(document) {
            let excludes = !statement["NotResource"].is_null();
            if excludes && !texts(&statement["NotResource"]).contains(&"*".to_owned()) {
                let statement = statement.as_object_mut().unwrap();
                statement.remove("NotResource");
                statement.insert("Resource".into(), "*".into());
            }
        }
    }
}

fn not_ip_bare(case: &mut Value) {
    for (_, document) in documents(case) {
        for statement in statements(document) {
            let Some(conditions) = statement
                .get_mut("Condition")
                .and_then(Value::as_object_mut)
            else {
                continue;
            };
            for (_, keys) in conditions
                .iter_mut()
                .filter(|(operator, _)| operator.starts_with("NotIpAddress"))
            {
                for (_, values) in keys.as_object_mut().unwrap() {
                    let spell = |text: String| {
                        if text.contains('/') || text.contains(':') {
                            text
                        } else {
                            text + "/32"
                        }
                    };
                    *values = texts(values).into_iter().map(spell).collect();
                }
            }
        }
    }
}
