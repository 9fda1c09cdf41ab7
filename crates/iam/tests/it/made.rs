//! Cases made from a number: small alphabets, so that policies and requests meet often.

use serde_json::{Map, Value, json};

pub(crate) const OURS: &str = "111122223333";
pub(crate) const THEIRS: &str = "444455556666";

/// A sequence of choices, the same for the same number.
#[derive(Debug)]
pub(crate) struct Choice(u64);

impl Choice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap() % end
    }

    pub(crate) fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn some<'a>(&mut self, list: &[&'a str], most: usize) -> Vec<&'a str> {
        (0..=self.below(most)).map(|_| *self.of(list)).collect()
    }
}

/// What is asked for: an action and resources it takes.
const ASKED: [(&str, &[&str]); 12] = [
    (
        "s3:GetObject",
        &[
            "arn:aws:s3:::ledger/a/1",
            "arn:aws:s3:::ledger/ann/1",
            "arn:aws:s3:::other/x:y",
        ],
    ),
    (
        "s3:PutObject",
        &["arn:aws:s3:::ledger/a/1", "arn:aws:s3:::ledger/common/1"],
    ),
    (
        "s3:ListBucket",
        &["arn:aws:s3:::ledger", "arn:aws:s3:::other"],
    ),
    ("s3:ListAllMyBuckets", &["*"]),
    (
        "sqs:SendMessage",
        &[
            "arn:aws:sqs:us-east-1:111122223333:queue",
            "arn:aws:sqs:eu-west-1:111122223333:other",
        ],
    ),
    (
        "dynamodb:GetItem",
        &["arn:aws:dynamodb:us-east-1:111122223333:table/ledger"],
    ),
    (
        "lambda:InvokeFunction",
        &["arn:aws:lambda:us-east-1:111122223333:function:post"],
    ),
    ("sts:AssumeRole", &["arn:aws:iam::111122223333:role/target"]),
    (
        "kms:Decrypt",
        &["arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"],
    ),
    (
        "secretsmanager:GetSecretValue",
        &["arn:aws:secretsmanager:us-east-1:111122223333:secret:db-AbCdEf"],
    ),
    ("ec2:DescribeInstances", &["*"]),
    ("iam:PassRole", &["arn:aws:iam::111122223333:role/target"]),
];

const ACTIONS: [&str; 20] = [
    "*",
    "s3:*",
    "s3:GetObject",
    "S3:getobject",
    "s3:Get*",
    "s3:?etObject",
    "s3:List*",
    "s3:ListAllMyBuckets",
    "sqs:*",
    "sqs:Send*",
    "dynamodb:GetItem",
    "lambda:InvokeFunction",
    "sts:AssumeRole",
    "sts:*",
    "kms:Decrypt",
    "kms:*",
    "secretsmanager:GetSecretValue",
    "ec2:Describe*",
    "iam:PassRole",
    "iam:*",
];

const RESOURCES: [&str; 24] = [
    "*",
    "*",
    "*",
    "arn:aws:s3:::ledger/*",
    "arn:aws:s3:::ledger",
    "arn:aws:s3:::led*",
    "arn:aws:s3:::*/a/*",
    "arn:aws:s3:::ledger/?/1",
    "arn:aws:s3:::ledger/${aws:username}/*",
    "arn:aws:s3:::ledger/${aws:PrincipalTag/team}/*",
    "arn:aws:s3:::ledger/${aws:PrincipalTag/team, 'common'}/*",
    "arn:*:s3:*:*:other/*",
    "arn:aws:sqs:*:*:queue",
    "arn:aws:sqs:*:queue",
    "arn:aws:sqs:us-east-1:111122223333:*",
    "arn:aws:*:*:*:*",
    "arn:aws:dynamodb:*:*:table/*",
    "arn:aws:lambda:*:*:function:po*",
    "arn:aws:iam::*:role/*",
    "arn:aws:iam::111122223333:role/target",
    "arn:aws:kms:*:*:key/*",
    "arn:aws:secretsmanager:*:*:secret:db*",
    "arn:aws:s3",
    "arn:aws:s3*",
];

/// Keys with the operators that fit them, the values that policies name and that requests carry.
const KEYS: [(&str, &[&str], &[&str]); 13] = [
    (
        "aws:SourceIp",
        &["IpAddress", "NotIpAddress"],
        &["10.0.0.0/8", "10.1.0.0/16", "192.0.2.7", "2001:db8::/32"],
    ),
    ("aws:SourceVpc", TEXT, &["vpc-1", "vpc-2", "vpc-*"]),
    (
        "aws:RequestedRegion",
        TEXT,
        &["us-east-1", "eu-west-1", "US-EAST-1", "us-*"],
    ),
    ("aws:SecureTransport", &["Bool"], &["true", "false"]),
    ("aws:MultiFactorAuthAge", NUMBER, &["300", "3600", "299"]),
    (
        "aws:CurrentTime",
        DATE,
        &[
            "2026-11-21T00:00:00Z",
            "2026-01-01T00:00:00Z",
            "2030-01-01T12:00:00Z",
        ],
    ),
    (
        "aws:PrincipalTag/team",
        TEXT,
        &["a", "b", "common", "${aws:username}", "?"],
    ),
    (
        "aws:PrincipalArn",
        ARN,
        &[
            "arn:aws:iam::111122223333:role/agent",
            "arn:aws:iam::*:role/*",
            "arn:aws:iam::111122223333:user/ann",
        ],
    ),
    (
        "aws:PrincipalAccount",
        TEXT,
        &["111122223333", "444455556666", "${aws:ResourceAccount}"],
    ),
    (
        "aws:SourceArn",
        ARN,
        &[
            "arn:aws:sns:*:111122223333:*",
            "arn:aws:sns:us-east-1:111122223333:topic",
        ],
    ),
    (
        "aws:CalledVia",
        MANY,
        &["athena.amazonaws.com", "dynamodb.amazonaws.com"],
    ),
    (
        "aws:PrincipalOrgPaths",
        MANY,
        &["o-1/r-1/ou-1/", "o-1/r-1/*"],
    ),
    ("aws:username", TEXT, &["ann", "bob", "a*"]),
];

const TEXT: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "ForAnyValue:StringEquals",
    "ForAllValues:StringEquals",
];
const MANY: &[&str] = &[
    "ForAnyValue:StringEquals",
    "ForAllValues:StringEquals",
    "ForAnyValue:StringNotEquals",
    "ForAllValues:StringNotLike",
    "ForAnyValue:StringLike",
    "StringEquals",
    "StringNotEquals",
];
const NUMBER: &[&str] = &[
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
];
const DATE: &[&str] = &[
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
];
const ARN: &[&str] = &[
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "StringLike",
];

/// A case of a request and all its layers.
pub(crate) fn case(seed: u64) -> Value {
    let choice = &mut Choice::new(seed);
    let (action, resources) = *choice.of(&ASKED);
    let resource = *choice.of(resources);
    let (principal, mut context, is_identified) = principal(choice);
    context.insert("aws:ResourceAccount".into(), OURS.into());
    for (key, _, values) in KEYS {
        if context.contains_key(key)
            || key == "aws:PrincipalArn"
            || key == "aws:PrincipalAccount"
            || key == "aws:username"
        {
            continue;
        }
        if choice.one_in(2) {
            context.insert(key.into(), carried(choice, key, values));
        }
    }
    let mut case = json!({
        "name": format!("made-{seed}"),
        "request": {
            "principal": principal, "action": action, "resource": resource,
            "resource_account": OURS, "context": context,
        },
    });
    let layers = case.as_object_mut().unwrap();
    if is_identified {
        layers.insert("identity".into(), list(choice, "identity", 3, None));
        if choice.one_in(4) {
            layers.insert("boundary".into(), list(choice, "boundary", 1, None));
        }
        let has_session = choice.one_in(4)
            && principal
                .as_str()
                .is_some_and(|arn| arn.contains(":assumed-role/"));
        if has_session {
            layers.insert("session".into(), list(choice, "session", 1, None));
        }
        if choice.one_in(3) {
            let level = |choice: &mut Choice, target: &str| {
                let mut policies = list(choice, target, 1, None);
                if choice.one_in(2) {
                    let full = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
                    policies
                        .as_array_mut()
                        .unwrap()
                        .push(json!({"name": "FullAWSAccess", "document": full}));
                }
                json!({"target": target, "policies": policies})
            };
            let levels: Vec<Value> = (0..=choice.below(2))
                .map(|number| level(choice, &format!("ou-{number}")))
                .collect();
            layers.insert("scp".into(), levels.into());
        }
    }
    let supports_rcp = ["s3:", "sqs:", "sts:", "kms:", "secretsmanager:"]
        .iter()
        .any(|service| action.starts_with(service));
    if supports_rcp && choice.one_in(6) {
        let mut document = statements(choice, 0, Some(&["*"]));
        document["Statement"][0]["Effect"] = "Deny".into();
        document["Statement"][0]["Principal"] = "*".into();
        document["Version"] = "2012-10-17".into();
        let services = [
            "s3:*",
            "sqs:*",
            "sts:AssumeRole",
            "kms:*",
            "secretsmanager:*",
        ];
        document["Statement"][0]["Action"] = choice.some(&services, 2).into();
        document["Statement"][0]
            .as_object_mut()
            .unwrap()
            .remove("NotAction");
        let level = json!({"target": "r-1", "policies": [{"name": "rcp", "document": document}]});
        layers.insert("rcp".into(), json!([level]));
    }
    let has_policy =
        action != "iam:PassRole" && resource != "*" && (!is_identified || choice.one_in(2));
    if has_policy {
        let mut document = statements(choice, 2, Some(&PRINCIPALS));
        if action.starts_with("sts:") {
            for statement in document["Statement"].as_array_mut().unwrap() {
                let statement = statement.as_object_mut().unwrap();
                statement.remove("Resource");
                statement.remove("NotResource");
            }
        }
        layers.insert("resource_policy".into(), document);
    }
    if choice.one_in(8) {
        layers.insert("endpoint".into(), list(choice, "endpoint", 1, Some(&["*"])));
    }
    case
}

const PRINCIPALS: [&str; 9] = [
    "*",
    "*",
    "111122223333",
    "arn:aws:iam::444455556666:root",
    "arn:aws:iam::111122223333:user/ann",
    "arn:aws:iam::111122223333:role/agent",
    "arn:aws:sts::111122223333:assumed-role/agent/s1",
    "arn:aws:iam::444455556666:role/partner",
    "service lambda.amazonaws.com",
];

fn principal(choice: &mut Choice) -> (Value, Map<String, Value>, bool) {
    let mut context = Map::new();
    let kind = choice.below(12);
    if kind == 0 {
        context.insert("aws:PrincipalAccount".into(), "anonymous".into());
        context.insert("aws:PrincipalType".into(), "Anonymous".into());
        return ("anonymous".into(), context, false);
    }
    if kind == 1 {
        context.insert("aws:PrincipalIsAWSService".into(), "true".into());
        return (json!({"service": "lambda.amazonaws.com"}), context, false);
    }
    let (arn, principal_arn, kind, account) = match kind {
        2..=4 => (
            "arn:aws:iam::111122223333:user/ann",
            "arn:aws:iam::111122223333:user/ann",
            "User",
            OURS,
        ),
        5..=6 => (
            "arn:aws:iam::111122223333:role/agent",
            "arn:aws:iam::111122223333:role/agent",
            "AssumedRole",
            OURS,
        ),
        7 => (
            "arn:aws:iam::444455556666:role/partner",
            "arn:aws:iam::444455556666:role/partner",
            "AssumedRole",
            THEIRS,
        ),
        _ => (
            "arn:aws:sts::111122223333:assumed-role/agent/s1",
            "arn:aws:iam::111122223333:role/agent",
            "AssumedRole",
            OURS,
        ),
    };
    context.insert("aws:PrincipalArn".into(), principal_arn.into());
    context.insert("aws:PrincipalAccount".into(), account.into());
    context.insert("aws:PrincipalType".into(), kind.into());
    context.insert("aws:PrincipalIsAWSService".into(), "false".into());
    if kind == "User" {
        context.insert("aws:username".into(), "ann".into());
    }
    (arn.into(), context, true)
}

/// A value as a request would carry it: whole, and a list for a key with several.
fn carried(choice: &mut Choice, key: &str, values: &[&str]) -> Value {
    let whole = |text: &str| match key {
        "aws:SourceIp" => text
            .split('/')
            .next()
            .unwrap()
            .replace("2001:db8::", "2001:db8::1"),
        _ => text
            .replace("${aws:username}", "ann")
            .replace("${aws:ResourceAccount}", OURS)
            .replace('*', "x")
            .replace('?', "q"),
    };
    if key == "aws:CalledVia" || key == "aws:PrincipalOrgPaths" {
        return choice.some(values, 2).into_iter().map(whole).collect();
    }
    let value: &&str = choice.of(values);
    whole(value).into()
}

fn list(choice: &mut Choice, name: &str, most: usize, principals: Option<&[&str]>) -> Value {
    let policies = 1 + choice.below(most);
    (0..policies)
        .map(|number| json!({"name": format!("{name}-{number}"), "document": statements(choice, 3, principals)}))
        .collect()
}

fn statements(choice: &mut Choice, most: usize, principals: Option<&[&str]>) -> Value {
    let made: Vec<Value> = (0..=choice.below(most.max(1)))
        .map(|_| statement(choice, principals))
        .collect();
    let version = if choice.one_in(12) {
        "2008-10-17"
    } else {
        "2012-10-17"
    };
    json!({"Version": version, "Statement": made})
}

fn statement(choice: &mut Choice, principals: Option<&[&str]>) -> Value {
    let mut statement = Map::new();
    let effect = if choice.one_in(4) { "Deny" } else { "Allow" };
    statement.insert("Effect".into(), effect.into());
    if let Some(principals) = principals {
        let named = choice.some(principals, 2);
        let excludes = choice.one_in(8) && !named.contains(&"*");
        let element = if excludes {
            "NotPrincipal"
        } else {
            "Principal"
        };
        statement.insert(element.into(), principal_element(&named));
    }
    let element = if choice.one_in(6) {
        "NotAction"
    } else {
        "Action"
    };
    statement.insert(element.into(), choice.some(&ACTIONS, 3).into());
    let element = if choice.one_in(6) {
        "NotResource"
    } else {
        "Resource"
    };
    statement.insert(element.into(), choice.some(&RESOURCES, 2).into());
    let mut conditions: Map<String, Value> = Map::new();
    for _ in 0..choice.below(3) {
        let (key, operators, values) = *choice.of(&KEYS);
        let mut operator = (*choice.of(operators)).to_owned();
        let mut named: Value = choice.some(values, 2).into();
        if choice.one_in(6) {
            operator = "Null".into();
            named = (*choice.of(&["true", "false"])).into();
        } else if choice.one_in(5) {
            operator.push_str("IfExists");
        }
        let block = conditions.entry(operator).or_insert_with(|| json!({}));
        block[key] = named;
    }
    if !conditions.is_empty() {
        statement.insert("Condition".into(), conditions.into());
    }
    Value::Object(statement)
}

fn principal_element(named: &[&str]) -> Value {
    if named.contains(&"*") {
        return "*".into();
    }
    let mut element: Map<String, Value> = Map::new();
    for name in named {
        let (kind, name) = match name.split_once(' ') {
            Some((_, name)) => ("Service", name),
            None => ("AWS", *name),
        };
        let names = element.entry(kind).or_insert_with(|| json!([]));
        names.as_array_mut().unwrap().push(name.into());
    }
    element.into()
}

/// A made case whose identity policies are some of these.
pub(crate) fn case_with(seed: u64, real: &[(&String, &Value)]) -> Value {
    let mut case = case(seed);
    let choice = &mut Choice::new(seed ^ 0x5EED);
    if case["identity"].is_null() {
        return case;
    }
    // Keys of services that follow from the request, as the global ones do.
    let context = &mut case["request"]["context"];
    context["s3:ResourceAccount"] = OURS.into();
    context["kms:CallerAccount"] = context["aws:PrincipalAccount"].clone();
    case["identity"] = (0..=choice.below(9))
        .map(|_| {
            let (name, policy) = choice.of(real);
            json!({"name": name, "document": policy["document"]})
        })
        .collect();
    case
}
