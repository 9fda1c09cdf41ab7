//! Made-up estates with all that a plan may meet: every kind of agent, two accounts, charters of
//! both modes and of classes, boundaries, ceilings, people who share a role, names as long as AWS
//! takes them, and a trail.

mod answers;

use std::fmt::Write as _;

use bailiwick_charter::Charters;
use bailiwick_estate::usage::Usage;
use bailiwick_review::plan::Snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

pub(crate) use answers::Kind;

pub(crate) const HOME: &str = "111122223333";
pub(crate) const OTHER: &str = "444455556666";
pub(crate) const OLD: &str = "arn:aws:iam::111122223333:role/old";
pub(crate) const LEDGER: &str = "arn:aws:s3:::a";

/// An action and a resource of it, as charters and policies write it.
pub(crate) type Right = (&'static str, &'static str);

pub(crate) const RIGHTS: [Right; 10] = [
    ("s3:GetObject", "arn:aws:s3:::a/*"),
    ("s3:GetObject", "arn:aws:s3:::a/in/*"),
    ("s3:PutObject", "arn:aws:s3:::b/*"),
    (
        "dynamodb:GetItem",
        "arn:aws:dynamodb:us-east-1:111122223333:table/t",
    ),
    (
        "dynamodb:PutItem",
        "arn:aws:dynamodb:us-east-1:111122223333:table/*",
    ),
    ("sqs:SendMessage", "arn:aws:sqs:us-east-1:111122223333:q"),
    ("sns:Publish", "arn:aws:sns:us-east-1:444455556666:s"),
    (
        "dynamodb:GetItem",
        "arn:aws:dynamodb:us-east-1:444455556666:table/t",
    ),
    (
        "lambda:InvokeFunction",
        "arn:aws:lambda:us-east-1:111122223333:function:f",
    ),
    (
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:s-AbCdEf",
    ),
];

/// Requests inside the rights above, at their edges and beyond them.
pub(crate) const REQUESTS: [Right; 16] = [
    ("s3:GetObject", "arn:aws:s3:::a/x"),
    ("s3:GetObject", "arn:aws:s3:::a/in/x"),
    ("s3:GetObject", "arn:aws:s3:::b/x"),
    ("s3:PutObject", "arn:aws:s3:::a/in/x"),
    ("s3:PutObject", "arn:aws:s3:::b/x"),
    (
        "dynamodb:GetItem",
        "arn:aws:dynamodb:us-east-1:111122223333:table/t",
    ),
    (
        "dynamodb:PutItem",
        "arn:aws:dynamodb:us-east-1:111122223333:table/u",
    ),
    (
        "dynamodb:GetItem",
        "arn:aws:dynamodb:us-east-1:444455556666:table/t",
    ),
    ("sqs:SendMessage", "arn:aws:sqs:us-east-1:111122223333:q"),
    ("sns:Publish", "arn:aws:sns:us-east-1:444455556666:s"),
    (
        "lambda:InvokeFunction",
        "arn:aws:lambda:us-east-1:111122223333:function:f",
    ),
    (
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:us-east-1:111122223333:secret:s-AbCdEf",
    ),
    ("iam:PassRole", "arn:aws:iam::111122223333:role/old"),
    ("sts:AssumeRole", "arn:aws:iam::444455556666:role/helper"),
    (
        "bedrock:InvokeModel",
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v1",
    ),
    (
        "logs:PutLogEvents",
        "arn:aws:logs:us-east-1:111122223333:log-group:/aws/bedrock-agentcore/runtimes/x:log-stream:y",
    ),
];

/// Circumstances in which requests are made.
pub(crate) const CIRCUMSTANCES: [&[(&str, &str)]; 4] = [
    &[
        ("aws:SecureTransport", "true"),
        ("aws:RequestedRegion", "us-east-1"),
    ],
    &[
        ("aws:SecureTransport", "false"),
        ("aws:RequestedRegion", "us-east-1"),
    ],
    &[
        ("aws:SecureTransport", "true"),
        ("aws:RequestedRegion", "eu-west-1"),
    ],
    &[],
];

/// Everything a plan is made from, before it is written as files.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) agents: Vec<Agent>,
    pub(crate) inline: Vec<Value>,
    pub(crate) managed: Option<Vec<Value>>,
    pub(crate) boundary: Option<Vec<Value>>,
    /// Over the home account alone.
    pub(crate) scps: Vec<Value>,
    pub(crate) by_people: bool,
    /// Whether a bucket's policy and a role of the other account name the old role.
    pub(crate) is_named_elsewhere: bool,
    pub(crate) seen: Option<Seen>,
}

#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) kind: Kind,
    pub(crate) number: usize,
    /// Numbered versions, where its kind has them.
    pub(crate) versions: usize,
    pub(crate) charter: Option<Declared>,
}

#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) rights: Vec<usize>,
    pub(crate) is_brokered: bool,
    pub(crate) is_of_class: bool,
    pub(crate) has_long_name: bool,
    pub(crate) has_model: bool,
}

/// A trail: who asked what, and whether it went through.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) has_coverage: bool,
    pub(crate) calls: Vec<Call>,
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `None`: no agent can be named.
    pub(crate) agent: Option<usize>,
    pub(crate) request: usize,
    pub(crate) went_through: bool,
}

impl Agent {
    pub(crate) fn arn(&self) -> String {
        answers::arn(self)
    }

    fn charter_name(&self, declared: &Declared) -> String {
        let name = format!("agent-{}", self.number);
        if declared.has_long_name {
            // With `-task` behind it, AWS's 64 characters.
            return format!("{name}-{}", "n".repeat(58 - name.len()));
        }
        name
    }

    fn charter(&self, declared: &Declared) -> String {
        let mode = if declared.is_brokered {
            "brokered"
        } else {
            "standing"
        };
        let mut text = format!(
            "agent: {}\nowner: {{ team: t, contact: t@example.com }}\npurpose: Test.\nenvironment: prod\nmode: {mode}\nruns-as: [\"{}\"]\n",
            self.charter_name(declared),
            self.arn()
        );
        if declared.is_of_class {
            text.push_str("class: pair\n");
        }
        if declared.has_model {
            text.push_str(
                "models: [\"arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v1\"]\n",
            );
        }
        text.push_str("tasks:\n  work:\n    for: 20m\n    write:\n");
        for right in &declared.rights {
            let (action, resource) = RIGHTS[*right];
            let _ = writeln!(
                text,
                "      - {{ actions: [\"{action}\"], resources: [\"{resource}\"] }}"
            );
        }
        text
    }
}

impl World {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut files = vec![
            ("organization.json".to_owned(), self.organization()),
            (format!("accounts/{HOME}/iam.json"), self.home()),
            (format!("accounts/{OTHER}/iam.json"), self.other()),
        ];
        files.extend(answers::files(&self.agents, OLD));
        if self.is_named_elsewhere {
            let policy = json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": OLD}, "Action": "s3:GetObject",
                 "Resource": format!("{LEDGER}/*")}]});
            let bucket = json!([{"arn": LEDGER, "type": "AWS::S3::Bucket", "policy": policy}]);
            files.push((format!("accounts/{HOME}/resources.json"), bucket));
        }
        Snapshot::new(files)
    }

    pub(crate) fn charters(&self) -> Charters {
        let texts: Vec<(String, String)> = self
            .agents
            .iter()
            .filter_map(|agent| Some((agent, agent.charter.as_ref()?)))
            .map(|(agent, declared)| (format!("{}.yaml", agent.number), agent.charter(declared)))
            .collect();
        let files = texts
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_bytes()));
        Charters::parse(files).unwrap()
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        let seen = self.seen.as_ref()?;
        let mut text = String::new();
        if seen.has_coverage {
            let head = json!({"coverage": {"from": "2026-08-01T00:00:00Z", "to": "2026-11-01T00:00:00Z",
                "accounts": [HOME], "regions": ["us-east-1"], "selectors": ["management", "AWS::S3::Object",
                "AWS::DynamoDB::Table", "AWS::Lambda::Function", "AWS::SNS::Topic", "AWS::SQS::Queue"]}});
            let _ = writeln!(text, "{head}");
        }
        for call in &seen.calls {
            let (action, resource) = REQUESTS[call.request];
            let agent = call.agent.map(|number| self.agents[number].arn());
            let errors = if call.went_through {
                json!({})
            } else {
                json!({"AccessDenied": 1})
            };
            let sure = if agent.is_some() {
                "certain"
            } else {
                "unknown"
            };
            let line = json!({"account": HOME, "role": OLD, "session": "s", "agent": agent,
                "how_sure": sure, "action": action, "resource": resource, "count": 1,
                "first": "2026-09-01T00:00:00Z", "last": "2026-09-02T00:00:00Z",
                "errors": errors, "events": []});
            let _ = writeln!(text, "{line}");
        }
        Some(Usage::read("usage.ndjson", text.as_bytes()).unwrap())
    }

    fn organization(&self) -> Value {
        let scps: Vec<Value> = std::iter::once(full_access())
            .chain(self.scps.iter().enumerate().map(|(number, document)| {
                json!({"name": format!("limit-{number}"), "document": document})
            }))
            .collect();
        json!({"management_account": "999988887777", "roots": [{"id": "r-1", "scps": [full_access()],
            "rcps": [], "units": [{"id": "ou-1-work", "name": "Work", "scps": [full_access()], "rcps": [],
                "units": [], "accounts": [
                    {"id": HOME, "name": "home", "scps": scps, "rcps": []},
                    {"id": OTHER, "name": "other", "scps": [full_access()], "rcps": []}]}]}]})
    }

    fn home(&self) -> Value {
        let mut trust: Vec<Value> = answers::services(&self.agents)
            .into_iter()
            .map(|service| json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}))
            .collect();
        if self.by_people {
            trust.push(json!({"Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"AWS": "arn:aws:iam::111122223333:role/engineers"}}));
        }
        let mut role = role(HOME, "old", &json!(trust));
        role["RolePolicyList"] =
            json!([{"PolicyName": "all", "PolicyDocument": document(&self.inline)}]);
        let mut policies = Vec::new();
        let mut attach = |name: &str, statements: &[Value]| {
            let arn = format!("arn:aws:iam::{HOME}:policy/{name}");
            policies.push(json!({"PolicyName": name, "PolicyId": format!("ANPA{name}"), "Arn": arn,
                "Path": "/", "DefaultVersionId": "v1", "AttachmentCount": 1,
                "PermissionsBoundaryUsageCount": 0, "IsAttachable": true,
                "PolicyVersionList": [{"Document": document(statements), "VersionId": "v1", "IsDefaultVersion": true}]}));
            arn
        };
        if let Some(managed) = &self.managed {
            let arn = attach("managed", managed);
            role["AttachedManagedPolicies"] = json!([{"PolicyName": "managed", "PolicyArn": arn}]);
        }
        if let Some(boundary) = &self.boundary {
            let arn = attach("limit", boundary);
            role["PermissionsBoundary"] =
                json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn});
        }
        let engineers = self::role(
            HOME,
            "engineers",
            &json!([{"Effect": "Allow",
            "Principal": {"AWS": HOME}, "Action": "sts:AssumeRole"}]),
        );
        details(&json!([role, engineers]), &json!(policies))
    }

    fn other(&self) -> Value {
        let mut who = vec![json!("arn:aws:iam::444455556666:root")];
        if self.is_named_elsewhere {
            who.push(json!(OLD));
        }
        let helper = role(
            OTHER,
            "helper",
            &json!([{"Effect": "Allow", "Principal": {"AWS": who},
            "Action": "sts:AssumeRole"}]),
        );
        details(&json!([helper]), &json!([]))
    }
}

fn full_access() -> Value {
    json!({"name": "FullAWSAccess", "document": document(&[
        json!({"Effect": "Allow", "Action": "*", "Resource": "*"})])})
}

fn document(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn role(account: &str, name: &str, trust: &Value) -> Value {
    json!({"Path": "/", "RoleName": name, "RoleId": format!("AROAEXAMPLE{}", name.to_uppercase()),
        "Arn": format!("arn:aws:iam::{account}:role/{name}"),
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": trust},
        "InstanceProfileList": [], "AttachedManagedPolicies": [], "Tags": [], "RoleLastUsed": {},
        "RolePolicyList": []})
}

fn details(roles: &Value, policies: &Value) -> Value {
    json!({"UserDetailList": [], "GroupDetailList": [], "Policies": policies,
        "RoleDetailList": roles, "IsTruncated": false})
}

/// A statement of a policy: exact or wide, sometimes a denial, sometimes under a condition.
pub(crate) fn statement() -> impl Strategy<Value = Value> {
    let right = prop::sample::select(RIGHTS.to_vec());
    (right, any::<bool>(), any::<bool>(), 0..8_u8, 0..8_u8).prop_map(
        |((action, resource), wide_action, wide_resource, deny, condition)| {
            let (service, _) = action.split_once(':').unwrap();
            let mut statement = json!({
                "Effect": if deny == 0 { "Deny" } else { "Allow" },
                "Action": if wide_action { format!("{service}:*") } else { action.to_owned() },
                "Resource": if wide_resource { "*" } else { resource },
            });
            match condition {
                0 => statement["Condition"] = json!({"Bool": {"aws:SecureTransport": "true"}}),
                1 => {
                    statement["Condition"] =
                        json!({"StringEquals": {"aws:RequestedRegion": "us-east-1"}})
                }
                _ => {}
            }
            statement
        },
    )
}

/// A ceiling over the home account: a plain denial, or one that names principals.
pub(crate) fn scp() -> impl Strategy<Value = Value> {
    let right = prop::sample::select(RIGHTS.to_vec());
    (right, 0..5_u8).prop_map(|((action, _), who)| {
        let mut deny = json!({"Effect": "Deny", "Action": action, "Resource": "*"});
        match who {
            0 => deny["Condition"] = json!({"ArnNotLike": {"aws:PrincipalArn": OLD}}),
            1 => deny["Condition"] = json!({"ArnLike": {"aws:PrincipalArn": OLD}}),
            2 => {
                deny["Condition"] =
                    json!({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/agents/*"}})
            }
            3 => deny["Condition"] = json!({"Bool": {"aws:SecureTransport": "false"}}),
            _ => {}
        }
        document(&[deny])
    })
}

fn declared() -> impl Strategy<Value = Declared> {
    let rights = prop::collection::vec(0..RIGHTS.len(), 1..4);
    let flags = [
        prop::bool::weighted(0.4),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.5),
    ];
    (rights, flags).prop_map(
        |(rights, [is_brokered, is_of_class, has_long_name, has_model])| {
            // Members of a class get the same rights now and then.
            let rights = if is_of_class {
                vec![rights[0] % 3]
            } else {
                rights
            };
            Declared {
                rights,
                is_brokered,
                is_of_class,
                has_long_name,
                has_model,
            }
        },
    )
}

fn agent() -> impl Strategy<Value = Agent> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    (kind, 0..3_usize, prop::option::weighted(0.8, declared())).prop_map(
        |(kind, versions, charter)| Agent {
            kind,
            number: 0,
            versions,
            charter,
        },
    )
}

fn seen(agents: usize) -> impl Strategy<Value = Seen> {
    let call = (
        prop::option::weighted(0.8, 0..agents),
        0..REQUESTS.len(),
        prop::bool::weighted(0.8),
    );
    (prop::bool::weighted(0.7), prop::collection::vec(call, 0..6)).prop_map(
        |(has_coverage, calls)| Seen {
            has_coverage,
            calls: calls
                .into_iter()
                .map(|(agent, request, went_through)| Call {
                    agent,
                    request,
                    went_through,
                })
                .collect(),
        },
    )
}

/// Worlds with so many agents on one role.
pub(crate) fn world(agents: std::ops::Range<usize>) -> impl Strategy<Value = World> {
    prop::collection::vec(agent(), agents).prop_flat_map(|mut agents| {
        for (number, agent) in agents.iter_mut().enumerate() {
            agent.number = number;
        }
        let statements = || prop::collection::vec(statement(), 1..5);
        (
            statements(),
            prop::option::weighted(0.4, statements()),
            prop::option::weighted(0.4, statements()),
            prop::collection::vec(scp(), 0..3),
            prop::bool::weighted(0.2),
            any::<bool>(),
            prop::option::weighted(0.6, seen(agents.len())),
        )
            .prop_map(
                move |(inline, managed, boundary, scps, by_people, is_named_elsewhere, seen)| {
                    World {
                        agents: agents.clone(),
                        inline,
                        managed,
                        boundary,
                        scps,
                        by_people,
                        is_named_elsewhere,
                        seen,
                    }
                },
            )
    })
}
