//! PERM-02: resources that nobody named.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use bailiwick_iam::policy::{Selection, Statement};
use bailiwick_iam_catalog::AccessLevel;
use rustc_hash::FxHashMap;
use serde_json::json;

use crate::{
    finding::{Evidence, Finding, Fix, Severity},
    rule::{Checked, Claim, Stakes, arns, patch, rule, some_of},
    view::{Known, Missing, Proof, Seat, View, is_telemetry, is_wild},
};

rule! {
    /// Actions that could be limited to some resources are granted on all of them.
    ///
    /// **Sees.** An action that takes a resource and may effectively be used on one that no policy
    /// names: Bailiwick asks for `any-bucketname/any-objectname`, and identity policies, boundary
    /// and SCPs together allow it. Actions that take no resource, listings, and the writing of logs,
    /// metrics and traces are left out; so are statements limited by a resource's tags.
    ///
    /// **Matters.** What an agent was made for is a bucket, a table, a function. On `*` it has
    /// everybody's.
    ///
    /// **Example.** `secretsmanager:GetSecretValue` on `*`; `lambda:InvokeFunction` on `function:*`.
    ///
    /// **Severity.** Medium. High for data, keys, secrets and functions.
    ///
    /// **Remedy.** Put the ARNs in place of the wildcard.
    ///
    /// **References.** AWS Generative AI Lens GENSEC01-BP03; Security Hub KMS.1.
    "PERM-02", "Actions are granted on every resource", Medium, check
}

/// Services whose resources hold data, keys, secrets or code.
const WEIGHTY: [&str; 19] = [
    "aoss",
    "athena",
    "dynamodb",
    "ec2",
    "ecr",
    "es",
    "glue",
    "iam",
    "kms",
    "lambda",
    "rds",
    "rds-data",
    "redshift-data",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
];
/// Of each wildcard, the deepest-cutting actions are tried, at most so many.
const TRIED_MAX: usize = 25;

/// Of each service, so many actions make the case.
const SHOWN_MAX: usize = 2;

fn check(view: &View<'_>) -> Checked {
    let tried = Tried::default();
    Checked::access(view, view.seats(), |seat| look(view, seat, &tried))
}

/// What is tried of each pattern: many roles carry the same policies.
#[derive(Default)]
struct Tried(RefCell<FxHashMap<String, Rc<[String]>>>);

impl Tried {
    /// The actions of a pattern that a policy could have limited, those that weigh most first.
    fn of(&self, view: &View<'_>, pattern: &str) -> Rc<[String]> {
        if let Some(known) = self.0.borrow().get(pattern) {
            return Rc::clone(known);
        }
        let scopable = |action: &&Known| {
            action.has_resources && action.level != AccessLevel::List && !is_telemetry(&action.name)
        };
        let known = view.expanded(pattern);
        let weighty = known.iter().filter(|it| is_weighty(&it.name));
        let light = known.iter().filter(|it| !is_weighty(&it.name));
        let tried = weighty.chain(light).filter(scopable).take(TRIED_MAX);
        let tried: Rc<[String]> = tried.map(|it| it.name.clone()).collect();
        let mut all = self.0.borrow_mut();
        all.insert(pattern.to_owned(), Rc::clone(&tried));
        tried
    }
}

fn look(view: &View<'_>, seat: &Seat, tried: &Tried) -> Option<Finding> {
    let account = view.estate.roles.at(seat.role).account;
    let mut found: BTreeMap<String, Proof> = BTreeMap::new();
    let mut missing = Missing::default();
    let mut evidence = Vec::new();
    for (document, index, statement) in view.grants(seat.role) {
        if !is_open(statement) {
            continue;
        }
        let before = found.len();
        for pattern in patterns(statement) {
            for action in tried.of(view, pattern).iter() {
                let of_service = found
                    .keys()
                    .filter(|it| service(it) == service(action))
                    .count();
                if of_service >= SHOWN_MAX || found.contains_key(action) {
                    continue;
                }
                let Ok(known) = view.catalog.action(action) else {
                    continue;
                };
                let resource = view.any_resource(known, account);
                if let Some(proof) = missing.proof(view.role_can(seat.role, action, &resource)) {
                    found.insert(action.clone(), proof);
                }
            }
        }
        if found.len() > before {
            evidence.push(view.statement(document, index));
        }
    }
    if found.is_empty() {
        let role = &view.estate.roles.at(seat.role).name;
        let question = format!("{role} may use its actions on every resource");
        return RULE.cannot_tell(view, seat, &question, &missing);
    }
    finding(view, seat, &found, evidence)
}

/// The patterns of a statement's actions. What is not left out is granted; the evaluator says what
/// that is.
fn patterns(statement: &Statement) -> Vec<&str> {
    match &statement.actions {
        Selection::Only(patterns) => patterns.iter().map(|it| it.value.0.as_str()).collect(),
        Selection::AllBut(_) => vec!["*"],
    }
}

/// Whether a statement leaves its resources open, and no tag of theirs decides instead.
fn is_open(statement: &Statement) -> bool {
    let wild = match &statement.resources {
        Some(Selection::Only(patterns)) => patterns.iter().any(|it| is_wild(&it.value.0)),
        Some(Selection::AllBut(_)) => true,
        None => false,
    };
    let tagged = statement.conditions.iter().any(|it| {
        let key = it.key.value.to_ascii_lowercase();
        key.contains("resourcetag/")
    });
    wild && !tagged
}

fn service(action: &str) -> &str {
    action.split_once(':').map_or("", |it| it.0)
}

fn is_weighty(action: &str) -> bool {
    WEIGHTY.contains(&service(action))
}

fn finding(
    view: &View<'_>,
    seat: &Seat,
    found: &BTreeMap<String, Proof>,
    evidence: Vec<Evidence>,
) -> Option<Finding> {
    let role = view.estate.roles.at(seat.role);
    let mut actions: Vec<_> = found.keys().cloned().collect();
    actions.sort_by_key(|action| !is_weighty(action));
    let worst = found.get(actions.first()?)?;
    let weighty = actions.iter().any(|it| is_weighty(it));
    let base = if weighty { Severity::High } else { RULE.base };
    let stakes = Stakes {
        production: view.is_production(seat),
        sensitive: view.touches_sensitive(seat),
        ..Stakes::default()
    };
    let (severity, raised) = stakes.raise(base, Severity::High);
    let services: Vec<_> = {
        let mut services: Vec<_> = found.keys().map(|it| service(it).to_owned()).collect();
        services.dedup();
        services
    };
    Some(RULE.fails(Claim {
        severity,
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!(
            "{} is not limited to resources of {}",
            role.name,
            some_of(&services, 4)
        ),
        why: format!(
            "{} and their like may be used on resources that no policy names, though each could be limited to some.{raised}",
            some_of(&actions, 6)
        ),
        witness: worst.witness(),
        evidence,
        path: Vec::new(),
        fix: Fix {
            summary: "Put the ARNs that the agent works on in place of the wildcard".to_owned(),
            patch: patch(&json!({
                "Effect": "Allow",
                "Action": actions.iter().take(20).collect::<Vec<_>>(),
                "Resource": scoped(view, &actions),
            })),
        },
        cause: services,
    }))
}

/// The ARN formats to fill in.
fn scoped(view: &View<'_>, actions: &[String]) -> Vec<String> {
    let mut formats: Vec<_> = actions
        .iter()
        .filter_map(|action| {
            let action = view.catalog.action(action).ok()?;
            let used = action.resources().next()?;
            let format = used.resource_type().arn_formats().next()?;
            Some(format.as_str().to_owned())
        })
        .collect();
    formats.sort();
    formats.dedup();
    formats
}
