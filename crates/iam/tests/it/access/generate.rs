//! Policies and requests made at random, from few words so that they meet.

use bailiwick_iam::policy::Effect;
use bailiwick_iam::request::{Context, Principal, Request, Values};
use bailiwick_iam::vocabulary::{KeyFacts, KeyKind, Vocabulary};
use serde_json::{Map, Value, json};

/// One key of each kind.
#[derive(Debug)]
pub(crate) struct TestKeys;

impl Vocabulary for TestKeys {
    fn key(&self, key: &str) -> Option<KeyFacts> {
        let (kind, multivalued) = match key.to_ascii_lowercase().as_str() {
            "t:text" | "t:who" | "t:team" => (KeyKind::String, false),
            "t:many" => (KeyKind::String, true),
            "t:flag" => (KeyKind::Bool, false),
            "t:size" => (KeyKind::Numeric, false),
            "t:when" => (KeyKind::Date, false),
            "t:from" => (KeyKind::IpAddress, false),
            "t:arn" | "aws:principalarn" => (KeyKind::Arn, false),
            "aws:principalisawsservice" => (KeyKind::Bool, false),
            key if key.starts_with("aws:") || key.starts_with("kms:") => (KeyKind::String, false),
            _ => return None,
        };
        Some(KeyFacts { kind, multivalued })
    }
}

/// xorshift64*.
pub(crate) struct Dice(u64);

const ACTIONS: [&str; 12] = [
    "a:x", "a:xy", "a:y", "b:x", "a:*", "a:x*", "*", "*:x", "a:?", "b:*", "A:X", "a:*y",
];
const RESOURCES: [&str; 14] = [
    "*",
    "arn:p:s:r:1:a",
    "arn:p:s:r:1:ab",
    "arn:p:s:*:1:a*",
    "arn:p:s:r:1:*b",
    "arn:p:s:r:1:a:b",
    "arn:p:s:r:1:?",
    "arn:p:s:r:*:a*b",
    "arn:p:s:r:1:${t:who}",
    "arn:p:s:r:1:${t:who}*",
    "arn:p:s*",
    "arn:*",
    "arn:p:*:a",
    "arn:p:s:r:1:${t:team, 'a'}",
];
const TEXTS: [&str; 6] = ["a", "b", "ab", "A", "a*", "?b"];

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let rolled = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(rolled).unwrap() % sides
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }

    fn pick<'t>(&mut self, list: &[&'t str]) -> &'t str {
        list[self.roll(list.len())]
    }

    fn some(&mut self, list: &[&str], most: usize) -> Vec<Value> {
        let count = 1 + self.roll(most);
        (0..count).map(|_| self.pick(list).into()).collect()
    }

    pub(crate) fn policy(&mut self, most: usize) -> String {
        let count = 1 + self.roll(most);
        let statements: Vec<Value> = (0..count).map(|at| self.statement(at > 0)).collect();
        json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
    }

    fn statement(&mut self, may_deny: bool) -> Value {
        let effect = if may_deny && self.chance(25) {
            Effect::Deny
        } else {
            Effect::Allow
        };
        let mut statement = Map::new();
        statement.insert("Effect".into(), effect.to_string().into());
        let action = if self.chance(15) {
            "NotAction"
        } else {
            "Action"
        };
        statement.insert(action.into(), self.some(&ACTIONS, 3).into());
        let resource = if self.chance(15) {
            "NotResource"
        } else {
            "Resource"
        };
        statement.insert(resource.into(), self.some(&RESOURCES, 2).into());
        let conditions = [0, 0, 1, 1, 2][self.roll(5)];
        let mut all = Map::new();
        for _ in 0..conditions {
            let (operator, key, values) = self.condition();
            let keys = all.entry(operator).or_insert_with(|| json!({}));
            keys[key] = values.into();
        }
        statement.insert("Condition".into(), all.into());
        statement.into()
    }

    fn condition(&mut self) -> (String, &'static str, Vec<Value>) {
        if self.chance(12) {
            let key = ["t:text", "t:many", "t:flag", "t:who", "t:unheard"][self.roll(5)];
            return (
                "Null".into(),
                key,
                vec![self.pick(&["true", "false"]).into()],
            );
        }
        let (key, operators, values): (&str, &[&str], &[&str]) = match self.roll(10) {
            0 | 1 => (
                "t:text",
                &STRINGS,
                &[
                    "a",
                    "b",
                    "ab",
                    "A",
                    "a*",
                    "?b",
                    "${t:who}",
                    "${t:who}b",
                    "${t:team, 'b'}",
                    "a${t:who, 'b'}",
                ],
            ),
            2 => ("t:who", &STRINGS, &["a", "b", "${t:team}", "a*"]),
            3 | 4 => ("t:many", &STRINGS, &["a", "b", "ab", "a*", "${t:who}"]),
            5 => ("t:flag", &["Bool", "StringEquals"], &["true", "false"]),
            6 => ("t:size", &NUMBERS, &["1", "2", "2.5", "-1"]),
            7 => (
                "t:when",
                &DATES,
                &["2026-01-01", "2026-01-01T00:00:01Z", "1767225600"],
            ),
            8 => (
                "t:from",
                &["IpAddress", "NotIpAddress"],
                &["10.0.0.0/8", "10.128.0.0/9", "::/1", "10.0.0.1"],
            ),
            _ => (
                "t:arn",
                &ARNS,
                &[
                    "arn:p:s:r:1:a",
                    "arn:p:s:*:1:a*",
                    "arn:*",
                    "*:*:*:*:*:b",
                    "arn:p:s:r:1:${t:who}",
                ],
            ),
        };
        let key = if key == "t:text" && self.chance(20) {
            "t:unheard"
        } else {
            key
        };
        let mut operator = self.pick(operators).to_owned();
        if key == "t:many" && self.chance(85) || key == "t:text" && self.chance(10) {
            operator = format!("{}:{operator}", self.pick(&["ForAllValues", "ForAnyValue"]));
        }
        if self.chance(25) {
            operator.push_str("IfExists");
        }
        (operator, key, self.some(values, 2))
    }

    pub(crate) fn request(&mut self) -> Request {
        let action = self.pick(&["a:x", "a:xy", "a:y", "b:x", "b:y", "c:x", "a:z", "A:xY"]);
        let resource = self.pick(&[
            "*",
            "arn:p:s:r:1:a",
            "arn:p:s:r:1:ab",
            "arn:p:s:r:1:b",
            "arn:p:s:r:1:a:b",
            "arn:p:s:q:1:aab",
            "arn:p:s:r:2:ab",
            "arn:p:s:r:1:1:a",
            "arn:p:t:r:1:a",
            "arn:P:S:r:1:a",
            "arn:p:s:r:1:",
        ]);
        let principal = "arn:aws:sts::111122223333:assumed-role/r/s"
            .parse()
            .unwrap();
        let mut request = Request::new(principal, action, resource);
        request.resource_account = "111122223333".parse().ok();
        let mut context = Context::default();
        let singles: [(&str, &[&str]); 8] = [
            ("t:text", &["a", "b", "ab", "A", "aa", "bb", "c"]),
            ("t:who", &["a", "b", "ab", "c"]),
            ("t:team", &["a", "b"]),
            ("t:flag", &["true", "false"]),
            ("t:size", &["1", "2", "2.5", "2.25", "0", "-1", "7"]),
            (
                "t:when",
                &[
                    "2025",
                    "2026-01-01",
                    "2026-01-01T00:00:01Z",
                    "2026-01-01T00:00:00.5Z",
                    "2027",
                ],
            ),
            (
                "t:from",
                &["10.0.0.1", "10.200.0.1", "11.0.0.1", "::1", "f000::1"],
            ),
            (
                "t:arn",
                &[
                    "arn:p:s:r:1:a",
                    "arn:p:s:q:1:ab",
                    "arn:p:s:r:1:b",
                    "arn:q:s:r:1:a",
                    "a",
                ],
            ),
        ];
        for (key, values) in singles {
            if self.chance(70) {
                context.set(key, self.pick(values));
            }
        }
        if self.chance(50) {
            context.set("t:unheard", self.pick(&TEXTS));
        }
        if self.chance(70) {
            let mut values: Vec<String> = (0..=self.roll(3))
                .map(|_| self.pick(&["a", "b", "ab", "c"]).to_owned())
                .collect();
            values.sort();
            values.dedup();
            context.set("t:many", values);
        }
        request.context = context;
        request
    }

    /// The policy with one small change.
    pub(crate) fn mutant(&mut self, policy: &str) -> String {
        let mut policy: Value = serde_json::from_str(policy).unwrap();
        let statements = policy["Statement"].as_array_mut().unwrap();
        let at = self.roll(statements.len());
        match self.roll(6) {
            0 if statements.len() > 1 => _ = statements.remove(at),
            1 => statements[at]["Condition"] = json!({}),
            2 => {
                let (operator, key, values) = self.condition();
                statements[at]["Condition"][operator][key] = values.into();
            }
            3 => statements.push(self.statement(true)),
            4 => {
                // The same by two halves.
                let mut half = statements[at].clone();
                statements[at]["Condition"]["Bool"] = json!({ "t:flag": "true" });
                half["Condition"]["BoolIfExists"] = json!({ "t:flag": "false" });
                statements.push(half);
            }
            _ => {
                let name = if statements[at].get("Action").is_some() {
                    "Action"
                } else {
                    "NotAction"
                };
                let more = self.pick(&ACTIONS);
                statements[at][name]
                    .as_array_mut()
                    .unwrap()
                    .push(more.into());
            }
        }
        policy.to_string()
    }
}

const STRINGS: [&str; 6] = [
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
];
const NUMBERS: [&str; 6] = [
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
];
const DATES: [&str; 4] = [
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateGreaterThanEquals",
];
const ARNS: [&str; 4] = ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"];

/// The policy that allows this request and no other.
pub(crate) fn point(request: &Request) -> String {
    let mut conditions = json!({});
    let mut add = |operator: &str, key: &str, value: Value| {
        let keys = &mut conditions[operator];
        if keys.get(key).is_none() {
            keys[key] = value;
        }
    };
    for key in [
        "t:text",
        "t:who",
        "t:team",
        "t:flag",
        "t:size",
        "t:when",
        "t:from",
        "t:arn",
        "t:unheard",
        "t:many",
    ] {
        let values = request
            .context
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, values)| values);
        let operator = match key {
            "t:flag" => "Bool",
            "t:size" => "NumericEquals",
            "t:when" => "DateEquals",
            "t:from" => "IpAddress",
            _ => "StringEquals",
        };
        match values {
            None => add("Null", key, "true".into()),
            Some(Values::One(value)) => add(operator, key, value.as_str().into()),
            Some(Values::Many(values)) => {
                add("ForAllValues:StringEquals", key, values.clone().into());
                add("Null", key, "false".into());
                // One line a value: names of operators are read in any case.
                let spellings = [
                    "ForAnyValue:StringEquals",
                    "forAnyValue:StringEquals",
                    "FORAnyValue:StringEquals",
                    "ForANYValue:StringEquals",
                ];
                for (value, operator) in values.iter().zip(spellings) {
                    add(operator, key, value.as_str().into());
                }
            }
        }
    }
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": request.action, "Resource": request.resource, "Condition": conditions }
    ]})
    .to_string()
}

pub(crate) fn without_denies(policy: &str) -> String {
    let mut policy: Value = serde_json::from_str(policy).unwrap();
    policy["Statement"]
        .as_array_mut()
        .unwrap()
        .retain(|statement| statement["Effect"] == "Allow");
    policy.to_string()
}

/// The policy with its first statement in two: where a flag is true, and where it is false or absent.
pub(crate) fn in_halves(policy: &str) -> String {
    let mut policy: Value = serde_json::from_str(policy).unwrap();
    let statements = policy["Statement"].as_array_mut().unwrap();
    let mut half = statements[0].clone();
    // A key of its own, which no other condition of the statement overwrites.
    statements[0]["Condition"]["bool"]["t:flag"] = "true".into();
    half["Condition"]["boolifexists"]["t:flag"] = "false".into();
    statements.push(half);
    policy.to_string()
}

/// A policy that denies what the allows of this one name.
pub(crate) fn denying(policy: &str) -> String {
    let mut policy: Value = serde_json::from_str(&without_denies(policy)).unwrap();
    for statement in policy["Statement"].as_array_mut().unwrap() {
        statement["Effect"] = "Deny".into();
    }
    policy.to_string()
}

/// Who may ask.
pub(crate) const PRINCIPALS: [&str; 9] = [
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::111122223333:user/ann",
    "arn:aws:iam::111122223333:user/app/bob",
    "arn:aws:iam::111122223333:role/r",
    "arn:aws:iam::111122223333:role/app/q",
    "arn:aws:sts::111122223333:assumed-role/r/s",
    "arn:aws:sts::111122223333:federated-user/fay",
    "arn:aws:iam::444455556666:role/r",
    "arn:aws:iam::444455556666:user/ann",
];

/// A condition key of the principal, how it is asked, and for what.
type Asked = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const OF_PRINCIPALS: [Asked; 8] = [
    (
        "aws:PrincipalArn",
        &["ArnLike", "ArnNotLike", "StringEquals", "StringNotLike"],
        &[
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::111122223333:role/r",
            "arn:aws:iam::111122223333:role/app/q",
            "arn:aws:iam::111122223333:user/ann",
            "arn:aws:iam::*:user/*",
            "arn:aws:iam::444455556666:*",
        ],
    ),
    (
        "aws:PrincipalAccount",
        &["StringEquals", "StringNotEquals"],
        &["111122223333", "444455556666"],
    ),
    (
        "kms:CallerAccount",
        &["StringEquals", "StringNotEquals"],
        &["111122223333", "${aws:PrincipalAccount}"],
    ),
    (
        "aws:PrincipalType",
        &["StringEquals", "StringNotEquals", "StringLike"],
        &[
            "User",
            "AssumedRole",
            "Account",
            "FederatedUser",
            "Anonymous",
            "*",
        ],
    ),
    (
        "aws:username",
        &["StringEquals", "StringNotEquals", "StringLike"],
        &["ann", "bob", "*"],
    ),
    ("aws:username", &["Null"], &["true", "false"]),
    ("aws:PrincipalIsAWSService", &["Bool"], &["true", "false"]),
    (
        "aws:PrincipalServiceName",
        &["StringEquals", "StringNotEquals"],
        &["lambda.amazonaws.com"],
    ),
];

impl Dice {
    /// A policy that asks who it is: of a resource, which names principals, or of a principal.
    pub(crate) fn personal_policy(&mut self, names_principals: bool, most: usize) -> String {
        let count = 1 + self.roll(most);
        let statements: Vec<Value> = (0..count)
            .map(|at| self.personal_statement(names_principals, at > 0))
            .collect();
        json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
    }

    fn personal_statement(&mut self, names_principals: bool, may_deny: bool) -> Value {
        let denies = may_deny && self.chance(30);
        let mut conditions = json!({});
        for _ in 0..[0, 1, 1, 2][self.roll(4)] {
            let (key, operators, values) = OF_PRINCIPALS[self.roll(OF_PRINCIPALS.len())];
            let if_exists = !operators.contains(&"Null") && self.chance(20);
            let end = if if_exists { "IfExists" } else { "" };
            let operator = format!("{}{end}", self.pick(operators));
            conditions[operator][key] = self.some(values, 2).into();
        }
        let mut statement = json!({
            "Effect": if denies { "Deny" } else { "Allow" },
            "Action": self.some(&["a:x", "a:y", "a:*"], 2),
            "Resource": "*",
            "Condition": conditions,
        });
        if names_principals {
            let not = if self.chance(25) { "Not" } else { "" };
            let name = format!("{not}Principal");
            statement[name] = self.named_principals();
        }
        statement
    }

    fn named_principals(&mut self) -> Value {
        match self.roll(8) {
            0 => "*".into(),
            1 => json!({ "Service": "lambda.amazonaws.com" }),
            2 => json!({ "AWS": "111122223333", "Service": "lambda.amazonaws.com" }),
            3 => json!({ "AWS": ["111122223333"] }),
            // All the ways there are to name a session.
            4 => json!({ "AWS": ["111122223333", PRINCIPALS[3], PRINCIPALS[5]] }),
            _ => json!({ "AWS": self.some(&PRINCIPALS, 3) }),
        }
    }

    /// A request of which only the principal is told: what follows from it the evaluator knows.
    pub(crate) fn personal_request(&mut self, anybody: bool) -> Request {
        let principal = match self.roll(if anybody { 14 } else { 12 }) {
            12 => Principal::Anonymous,
            13 => Principal::Service(
                self.pick(&["lambda.amazonaws.com", "ec2.amazonaws.com"])
                    .into(),
            ),
            11 => "arn:aws:sts::444455556666:assumed-role/r/s"
                .parse()
                .unwrap(),
            10 => "arn:aws:sts::111122223333:assumed-role/q/t"
                .parse()
                .unwrap(),
            9 => "arn:aws:iam::444455556666:user/zoe".parse().unwrap(),
            at => PRINCIPALS[at].parse().unwrap(),
        };
        let path = match &principal {
            Principal::Session(session) if session.arn().as_str().contains("/q/") => {
                Some(PRINCIPALS[4])
            }
            Principal::Session(session) => Some(session.role().as_str()),
            _ => None,
        };
        let path = path.map(str::to_owned);
        let action = self.pick(&["a:x", "a:y", "b:x"]);
        let mut request = Request::new(principal, action, "arn:p:s:r:1:a");
        if let Some(role) = path {
            request.context.set("aws:PrincipalArn", role);
        }
        request
    }
}

impl Dice {
    /// A policy in the language of `tests/peers/containment.py`, in which both readings of resource
    /// patterns are one.
    pub(crate) fn plain_policy(&mut self, most: usize) -> String {
        let count = 1 + self.roll(most);
        let statements: Vec<Value> = (0..count).map(|at| self.plain_statement(at > 0)).collect();
        json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
    }

    fn plain_statement(&mut self, may_deny: bool) -> Value {
        let effect = if may_deny && self.chance(25) {
            "Deny"
        } else {
            "Allow"
        };
        let action = if self.chance(15) {
            "NotAction"
        } else {
            "Action"
        };
        let resource = if self.chance(15) {
            "NotResource"
        } else {
            "Resource"
        };
        let mut conditions = json!({});
        for _ in 0..[0, 1, 1, 2][self.roll(4)] {
            let (operator, key, values): (&str, &str, &[&str]) = match self.roll(5) {
                0 => (
                    "Null",
                    self.pick(&["t:text", "t:who", "t:size"]),
                    &["true", "false"],
                ),
                1 => (self.pick(&NUMBERS), "t:size", &["1", "2", "2.5"]),
                2 => ("Bool", "t:flag", &["true", "false"]),
                _ => (
                    self.pick(&STRINGS[..4]),
                    self.pick(&["t:text", "t:who"]),
                    &["a", "b", "a*", "*b", "?b"],
                ),
            };
            let if_exists = operator != "Null" && self.chance(25);
            let operator = if if_exists {
                format!("{operator}IfExists")
            } else {
                operator.to_owned()
            };
            let most = if operator == "Null" { 1 } else { 2 };
            conditions[operator][key] = self.some(values, most).into();
        }
        json!({
            "Effect": effect,
            action: self.some(&ACTIONS, 3),
            resource: self.some(&["*", "arn:p:s:r:1:a", "arn:p:s:r:1:a*", "arn:p:s:r:1:*b", "arn:p:s:r:1:?", "arn:p:s:r:1:a*b"], 2),
            "Condition": conditions,
        })
    }

    pub(crate) fn plain_mutant(&mut self, policy: &str) -> String {
        let mut policy: Value = serde_json::from_str(policy).unwrap();
        let statements = policy["Statement"].as_array_mut().unwrap();
        let at = self.roll(statements.len());
        match self.roll(3) {
            0 => statements[at]["Condition"] = json!({}),
            1 => {
                let mut half = statements[at].clone();
                statements[at]["Condition"]["Bool"] = json!({ "t:flag": "true" });
                half["Condition"]["BoolIfExists"] = json!({ "t:flag": "false" });
                statements.push(half);
            }
            _ => statements.push(self.plain_statement(true)),
        }
        policy.to_string()
    }
}
