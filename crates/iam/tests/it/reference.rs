//! A second evaluator: slow, obvious, straight from the JSON, for complete contexts. It shares no line
//! with the first, so that each tests the other.

use serde_json::Value;

use crate::vocabulary::SEVERAL;

/// `allow`, `implicit_deny` or `explicit_deny`.
pub(crate) fn answer(case: &Value) -> &'static str {
    let request = &case["request"];
    let principal = &request["principal"];
    let resource_account = request["resource_account"].as_str().unwrap();
    let arn = principal.as_str().unwrap_or("");
    let account = arn.split(':').nth(4);
    let identified = account.is_some();
    let bounded = !case["boundary"].is_null();

    let mut explicit = false;
    // Whether a list of policies allows; its denies go to `explicit`.
    let mut ask = |layer: &str, policies: &Value| {
        let mut allows = false;
        for policy in list(policies) {
            let document = &policy["document"];
            for statement in list(&document["Statement"]) {
                if matches(statement, document, case, layer) {
                    match statement["Effect"].as_str().unwrap() {
                        "Deny" => explicit = true,
                        _ => allows = true,
                    }
                }
            }
        }
        allows
    };
    let identity = identified && ask("identity", &case["identity"]);
    let boundary = !identified || case["boundary"].is_null() || ask("boundary", &case["boundary"]);
    let session = !identified || case["session"].is_null() || ask("session", &case["session"]);
    let endpoint = case["endpoint"].is_null() || ask("endpoint", &case["endpoint"]);
    let mut scp = true;
    if identified {
        for level in list(&case["scp"]) {
            scp = ask("scp", &level["policies"]) && scp;
        }
    }
    for level in list(&case["rcp"]) {
        ask("rcp", &level["policies"]);
    }

    let (mut direct, mut to_role, mut to_account) = (false, false, false);
    let document = &case["resource_policy"];
    for statement in list(&document["Statement"]) {
        if !matches(statement, document, case, "resource") {
            continue;
        }
        let allows = statement["Effect"] == "Allow";
        let how: Vec<&str> = match &statement["NotPrincipal"] {
            Value::Null => named(&statement["Principal"], principal),
            others => {
                let spared = named(others, principal);
                let is_spared = if allows {
                    !spared.is_empty()
                } else if bounded && identified {
                    false
                } else {
                    let needed: &[&str] = match arn {
                        _ if arn.contains(":assumed-role/") => &["account", "role", "direct"],
                        _ if arn.contains(":role/") => &["account", "role"],
                        _ if identified => &["account", "direct"],
                        _ => &["direct"],
                    };
                    needed.iter().all(|kind| spared.contains(kind))
                };
                if is_spared { vec![] } else { vec!["direct"] }
            }
        };
        if !allows {
            explicit = explicit || !how.is_empty();
        } else {
            direct = direct || how.contains(&"direct");
            to_role = to_role || how.contains(&"role");
            to_account = to_account || how.contains(&"account");
        }
    }
    let named_at_all = direct || to_role || to_account;
    let own = identity && boundary && session;
    let action = request["action"].as_str().unwrap();
    let resource = request["resource"].as_str().unwrap();
    let must_delegate =
        action == "sts:AssumeRole" || (action.starts_with("kms:") && resource.contains(":key/"));
    let granted = if !identified {
        direct
    } else if account != Some(resource_account) {
        own && named_at_all
    } else {
        direct || (to_role && boundary && session) || (own && (named_at_all || !must_delegate))
    };
    match (explicit, granted && scp && endpoint) {
        (true, _) => "explicit_deny",
        (false, true) => "allow",
        (false, false) => "implicit_deny",
    }
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => vec![],
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

fn texts(value: &Value) -> Vec<&str> {
    list(value)
        .into_iter()
        .map(|item| item.as_str().unwrap())
        .collect()
}

/// How a Principal element names the one who asks.
fn named(element: &Value, principal: &Value) -> Vec<&'static str> {
    if element == "*" {
        return vec!["direct"];
    }
    let mut how = vec![];
    if let Some(service) = principal["service"].as_str()
        && texts(&element["Service"]).contains(&service)
    {
        how.push("direct");
    }
    let Some(arn) = principal.as_str().filter(|arn| *arn != "anonymous") else {
        return how;
    };
    let parts: Vec<&str> = arn.split([':', '/']).collect();
    let account = parts[4];
    let role = format!("arn:aws:iam::{account}:role/{}", parts[6]);
    for name in texts(&element["AWS"]) {
        let is_account = name == account || name == format!("arn:aws:iam::{account}:root");
        if is_account {
            how.push("account");
        } else if name == role && parts[5] != "user" {
            how.push("role");
        } else if name == arn {
            how.push("direct");
        }
    }
    how
}

fn matches(statement: &Value, document: &Value, case: &Value, layer: &str) -> bool {
    let request = &case["request"];
    let new = document["Version"] == "2012-10-17";
    let action = request["action"].as_str().unwrap().to_lowercase();
    let covers = |patterns: &Value| {
        texts(patterns).iter().any(|pattern| {
            let pattern = pattern.to_lowercase();
            glob(&literal(&pattern), &action)
        })
    };
    let action_matches = match &statement["NotAction"] {
        Value::Null => covers(&statement["Action"]),
        others => !covers(others),
    };
    let resource = request["resource"].as_str().unwrap();
    let covers = |patterns: &Value| {
        texts(patterns)
            .iter()
            .any(|pattern| resource_covers(pattern, resource, new, layer, request))
    };
    let resource_matches = match (&statement["Resource"], &statement["NotResource"]) {
        (Value::Null, Value::Null) => layer == "resource",
        (Value::Null, others) => !covers(others),
        (patterns, _) => covers(patterns),
    };
    let conditions = statement["Condition"].as_object().into_iter().flatten();
    let conditions_hold = conditions
        .flat_map(|(operator, keys)| {
            keys.as_object()
                .unwrap()
                .iter()
                .map(move |(key, values)| (operator, key, values))
        })
        .all(|(operator, key, values)| holds(operator, key, &texts(values), new, request));
    action_matches && resource_matches && conditions_hold
}

fn resource_covers(pattern: &str, resource: &str, new: bool, layer: &str, request: &Value) -> bool {
    if pattern == "*" {
        return true;
    }
    let mut own: Vec<&str> = pattern.splitn(6, ':').collect();
    if own.len() < 6 {
        let counts = match layer {
            "identity" | "boundary" | "session" => true,
            "resource" | "endpoint" => pattern.contains('*'),
            "scp" => pattern.ends_with('*'),
            _ => false,
        };
        if !counts {
            return false;
        }
        own.resize(6, "*");
    }
    let asked: Vec<&str> = resource.splitn(6, ':').collect();
    if asked.len() < 6 {
        return false;
    }
    let first = (0..5).all(|part| glob(&literal(own[part]), asked[part]));
    let last = filled(own[5], new, true, request);
    first && last.is_some_and(|last| glob(&last, asked[5]))
}

/// One letter of a pattern.
#[derive(Clone, Copy, PartialEq)]
enum Letter {
    Is(char),
    Any,
    Star,
}

fn letter(letter: char) -> Letter {
    match letter {
        '*' => Letter::Star,
        '?' => Letter::Any,
        other => Letter::Is(other),
    }
}

fn literal(pattern: &str) -> Vec<Letter> {
    pattern.chars().map(letter).collect()
}

/// The pattern with its variables replaced; nothing if one has no value.
fn filled(pattern: &str, new: bool, wild: bool, request: &Value) -> Option<Vec<Letter>> {
    let plain = |letter_: char| {
        if wild {
            letter(letter_)
        } else {
            Letter::Is(letter_)
        }
    };
    let mut found = vec![];
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if let Some((name, after)) = rest
            .strip_prefix("${")
            .and_then(|rest| rest.split_once('}'))
            .filter(|_| new)
        {
            let (key, default) = match name.split_once(", '") {
                Some((key, default)) => (key, Some(default.trim_end_matches('\''))),
                None => (name, None),
            };
            let value = request["context"][key].as_str().or(default)?;
            found.extend(value.chars().map(Letter::Is));
            rest = after;
        } else {
            found.push(plain(first));
            rest = &rest[first.len_utf8()..];
        }
    }
    Some(found)
}

fn glob(pattern: &[Letter], text: &str) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((Letter::Star, rest)) => {
            let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            starts.any(|at| glob(rest, &text[at..]))
        }
        Some((first, rest)) => text.chars().next().is_some_and(|letter| {
            let fits = *first == Letter::Any || *first == Letter::Is(letter);
            fits && glob(rest, &text[letter.len_utf8()..])
        }),
    }
}

fn holds(operator: &str, key: &str, values: &[&str], new: bool, request: &Value) -> bool {
    let seen = &request["context"][key];
    if operator == "Null" {
        return values.contains(&if seen.is_null() { "true" } else { "false" });
    }
    let (set, test) = operator.split_once(':').unwrap_or(("", operator));
    let if_exists = test.ends_with("IfExists");
    let test = test.trim_end_matches("IfExists");
    let negated = test.contains("Not");
    if seen.is_null() {
        return match set {
            "ForAnyValue" => false,
            "ForAllValues" => true,
            _ => negated || if_exists,
        };
    }
    let one = |value: &str| {
        values
            .iter()
            .any(|own| compares(&test.replace("Not", ""), own, value, new, request))
            != negated
    };
    let seen = texts(seen);
    match set {
        "ForAnyValue" => seen.iter().any(|value| one(value)),
        "ForAllValues" => seen.iter().all(|value| one(value)),
        _ => !SEVERAL.contains(&key.to_lowercase().as_str()) && one(seen[0]),
    }
}

fn compares(test: &str, own: &str, value: &str, new: bool, request: &Value) -> bool {
    let number = |text: &str| text.parse::<f64>().unwrap();
    // Dates are all made in one form, in which their order is that of their letters.
    match test {
        "StringEquals" => filled(own, new, false, request).is_some_and(|own| glob(&own, value)),
        "StringEqualsIgnoreCase" => filled(own, new, false, request).is_some_and(|own| {
            let letter = |letter: &Letter| match letter {
                Letter::Is(letter) => *letter,
                Letter::Any | Letter::Star => panic!("a literal has no wildcards"),
            };
            let own: String = own.iter().map(letter).collect();
            own.to_lowercase() == value.to_lowercase()
        }),
        "StringLike" => filled(own, new, true, request).is_some_and(|own| glob(&own, value)),
        "ArnEquals" | "ArnLike" => {
            let (own, value): (Vec<&str>, Vec<&str>) =
                (own.splitn(6, ':').collect(), value.splitn(6, ':').collect());
            own.iter()
                .zip(&value)
                .all(|(own, value)| glob(&literal(own), value))
        }
        "Bool" => own == value,
        "IpAddress" => in_range(own, value),
        "NumericEquals" => number(value) == number(own),
        "NumericLessThan" => number(value) < number(own),
        "NumericLessThanEquals" => number(value) <= number(own),
        "NumericGreaterThan" => number(value) > number(own),
        "NumericGreaterThanEquals" => number(value) >= number(own),
        "DateEquals" => value == own,
        "DateLessThan" => value < own,
        "DateLessThanEquals" => value <= own,
        "DateGreaterThan" => value > own,
        "DateGreaterThanEquals" => value >= own,
        other => panic!("no test `{other}`"),
    }
}

fn in_range(range: &str, address: &str) -> bool {
    let bits = |text: &str| -> Vec<bool> {
        let octets = match text.parse().unwrap() {
            std::net::IpAddr::V4(address) => address.octets().to_vec(),
            std::net::IpAddr::V6(address) => address.octets().to_vec(),
        };
        octets
            .iter()
            .flat_map(|octet| (0..8).map(move |bit| octet >> (7 - bit) & 1 == 1))
            .collect()
    };
    let (start, length) = range.split_once('/').unwrap_or((range, "128"));
    let (own, asked) = (bits(start), bits(address));
    let length = length.parse::<usize>().unwrap().min(own.len());
    own.len() == asked.len() && own[..length] == asked[..length]
}
