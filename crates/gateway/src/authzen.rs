//! AuthZEN 1.0: evaluations and searches.
//!
//! Whoever shows a grant token is decided by the grant ([`crate::authzen::granted`]); an operator's
//! enforcement point is answered by the policies. Either way the answer is recorded before it is
//! given.

mod granted;
mod search;

use std::sync::Arc;

use bailiwick_authority::{
    json::Value,
    policies::{Deed, Opinion, Party, Policies, Question},
};
use bailiwick_broker::port::Change;
use bailiwick_ledger::{Action, Decision, Effect, Entry, Flow};
use serde_json::json;

pub(crate) use self::search::{search_action, search_resource, search_subject};
use crate::{
    caller::Caller,
    front::{Asked, Reply},
    gateway::{Gateway, World},
    metrics::Decided,
    problem::{Kind, Problem},
    shapes,
};

/// Evaluations in one request.
const EVALUATIONS_MAX: usize = 256;

/// The answer to one evaluation, recorded.
struct Answer {
    decision: bool,
    context: serde_json::Value,
}

impl Answer {
    fn body(&self) -> serde_json::Value {
        json!({ "decision": self.decision, "context": self.context })
    }

    /// The answer to an evaluation that cannot be read: a denial, and no record, as nothing was
    /// asked.
    fn unread(problem: &Problem) -> Self {
        let mut reason = json!({ "code": "malformed", "message": problem.detail });
        if let (Some(reason), Some(pointer)) = (reason.as_object_mut(), &problem.pointer) {
            reason.insert("pointer".into(), pointer.as_str().into());
        }
        Self {
            decision: false,
            context: json!({ "reason": reason }),
        }
    }
}

pub(crate) async fn evaluate<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let answers = decide(
        gateway,
        asked,
        std::slice::from_ref(&asked.body),
        Semantic::All,
    )
    .await?;
    let answer = answers.first().ok_or_else(no_answer)?;
    Ok(Reply::json(&answer.body()))
}

/// How a list is gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Semantic {
    All,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Semantic {
    fn of(body: &Value) -> Self {
        let said = body
            .get("options")
            .and_then(|options| options.get("evaluations_semantic"));
        match said.and_then(Value::text) {
            Some("deny_on_first_deny") => Self::DenyOnFirstDeny,
            Some("permit_on_first_permit") => Self::PermitOnFirstPermit,
            // Its shape was checked: anything else is the default.
            Some(_) | None => Self::All,
        }
    }

    /// Whether this answer is the last.
    fn ends_with(self, decision: bool) -> bool {
        match self {
            Self::All => false,
            Self::DenyOnFirstDeny => !decision,
            Self::PermitOnFirstPermit => decision,
        }
    }
}

pub(crate) async fn evaluate_many<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let listed = match asked.body.get("evaluations") {
        Some(Value::List(listed)) if !listed.is_empty() => listed,
        // Without a list it is the single evaluation, and checked as such.
        Some(_) | None => {
            shapes::EVALUATION.check(asked.body.record().unwrap_or(&Default::default()), "")?;
            return evaluate(gateway, asked).await;
        }
    };
    if listed.len() > EVALUATIONS_MAX {
        let detail = format!("at most {EVALUATIONS_MAX} evaluations in one request");
        return Err(Problem::new(Kind::TooLarge, detail).at("/evaluations"));
    }
    let whole: Vec<Value> = listed.iter().map(|one| filled(one, &asked.body)).collect();
    let answers = decide(gateway, asked, &whole, Semantic::of(&asked.body)).await?;
    let bodies: Vec<_> = answers.iter().map(Answer::body).collect();
    Ok(Reply::json(&json!({ "evaluations": bodies })))
}

/// An evaluation with what it leaves out, taken whole from beside the list.
fn filled(one: &Value, beside: &Value) -> Value {
    let mut members = one.record().cloned().unwrap_or_default();
    for name in ["subject", "action", "resource", "context"] {
        if let (false, Some(value)) = (members.contains_key(name), beside.get(name)) {
            members.insert(name.to_owned(), value.clone());
        }
    }
    Value::Record(members)
}

async fn decide<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
    evaluations: &[Value],
    semantic: Semantic,
) -> Result<Vec<Answer>, Problem> {
    match &asked.caller {
        Caller::Grant(held) => {
            let mut answers = Vec::with_capacity(evaluations.len());
            for evaluation in evaluations {
                let answer = granted::decide(gateway, asked, held, evaluation).await;
                let is_last = semantic.ends_with(answer.decision);
                answers.push(answer);
                if is_last {
                    break;
                }
            }
            Ok(answers)
        }
        Caller::Operator(_) | Caller::Nobody => {
            by_policies(gateway, asked, evaluations, semantic).await
        }
    }
}

async fn by_policies<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
    evaluations: &[Value],
    semantic: Semantic,
) -> Result<Vec<Answer>, Problem> {
    let rules = gateway.rules();
    let mut answers = Vec::with_capacity(evaluations.len());
    let mut entries = Vec::with_capacity(evaluations.len());
    for evaluation in evaluations {
        let answer = match question(evaluation) {
            Err(problem) => Answer::unread(&problem),
            Ok(question) => {
                let opinion = opinion(rules.policies.as_ref(), &question);
                entries.push(entry(asked, &question, &opinion, &rules));
                Answer {
                    decision: opinion.is_allowed,
                    context: context(&opinion),
                }
            }
        };
        let is_last = semantic.ends_with(answer.decision);
        answers.push(answer);
        if is_last {
            break;
        }
    }
    for answer in &answers {
        gateway.metrics.decided(if answer.decision {
            Decided::Allow
        } else {
            Decided::Deny
        });
    }
    if answers.iter().any(|answer| answer.decision) {
        let change = Change {
            ops: Vec::new(),
            entries,
        };
        let recorded = gateway.broker.record(change, answers).await;
        return match recorded {
            Ok(recorded) => Ok(recorded.into_value()),
            Err(error) => {
                gateway.metrics.decided(Decided::Fault);
                Err(crate::kill::not_recorded(&error))
            }
        };
    }
    for entry in entries {
        gateway.broker.record_denial(entry).await;
    }
    Ok(answers)
}

/// Without policies nothing is allowed.
fn opinion(policies: Option<&Policies>, question: &Question<'_>) -> Opinion {
    match policies {
        Some(policies) => policies.ask(question),
        None => Opinion {
            errors: vec!["no policies are loaded: start the daemon with `--policies`".into()],
            ..Opinion::default()
        },
    }
}

fn context(opinion: &Opinion) -> serde_json::Value {
    let (code, message) = match (opinion.is_allowed, opinion.errors.first()) {
        (true, _) => ("allowed", String::new()),
        (false, Some(error)) => ("not_evaluated", error.clone()),
        (false, None) if opinion.policies.is_empty() => {
            ("no_policy", "no policy permits this".to_owned())
        }
        (false, None) => ("forbidden", "a policy forbids this".to_owned()),
    };
    let mut reason = json!({ "code": code, "policies": opinion.policies });
    if let (Some(reason), false) = (reason.as_object_mut(), message.is_empty()) {
        reason.insert("message".into(), message.into());
    }
    json!({ "reason": reason })
}

fn entry(asked: &Asked, question: &Question<'_>, opinion: &Opinion, rules: &crate::Rules) -> Entry {
    let key = &rules.authority.settings().argument_key;
    let properties = question.action.properties.filter(|some| !some.is_empty());
    let args_hash = properties.map(|properties| {
        let text = Value::Record(properties.clone()).canonical();
        key.hash(text.as_bytes())
    });
    let Party { kind, id, .. } = question.resource;
    let effect = if opinion.is_allowed {
        Effect::Allow
    } else {
        Effect::Deny
    };
    let subject = question.subject;
    Entry {
        on_behalf_of: Some(format!("{}::{}", subject.kind, subject.id)),
        reason_code: (!opinion.errors.is_empty()).then(|| "not_evaluated".to_owned()),
        action: Some(Action {
            tool: Some(question.action.name.to_owned()),
            args_hash,
            resource: Some(format!("{kind}::{id}")),
            ..Action::default()
        }),
        decision: Some(Decision {
            effect,
            policy_ids: opinion.policies.clone(),
            policy_version: rules
                .policies
                .as_ref()
                .map(|known| known.version().to_owned()),
            errors: opinion.errors.clone(),
            obligations: Vec::new(),
        }),
        flow: question
            .context
            .and_then(|context| flow(context.get("flow")?)),
        ..asked.entry("decision")
    }
}

/// The prompt flow, where the caller names it: what it may say is short.
pub(crate) fn flow(value: &Value) -> Option<Flow> {
    const LENGTH_MAX: usize = 256;
    let text = |name: &str| {
        let text = value.get(name)?.text()?;
        (text.len() <= LENGTH_MAX).then(|| text.to_owned())
    };
    let flow = Flow {
        session: text("session"),
        trace: text("trace"),
        turn: match value.get("turn") {
            Some(Value::Long(turn)) => u64::try_from(*turn).ok(),
            Some(_) | None => None,
        },
        prompt_hash: text("prompt_hash"),
    };
    (flow != Flow::default()).then_some(flow)
}

/// What is asked, out of a body of the right shape.
///
/// # Errors
/// If it is not of that shape.
fn question(evaluation: &Value) -> Result<Question<'_>, Problem> {
    let members = evaluation.record();
    let members =
        members.ok_or_else(|| Problem::new(Kind::Malformed, "this is to be an object"))?;
    shapes::EVALUATION.check(members, "")?;
    Ok(Question {
        subject: party(evaluation.get("subject")),
        action: deed(evaluation.get("action")),
        resource: party(evaluation.get("resource")),
        context: evaluation.get("context").and_then(Value::record),
    })
}

// The shapes were checked: what is absent here is optional, or empty.
fn party(value: Option<&Value>) -> Party<'_> {
    Party {
        kind: member(value, "type"),
        id: member(value, "id"),
        properties: properties(value),
    }
}

fn deed(value: Option<&Value>) -> Deed<'_> {
    Deed {
        name: member(value, "name"),
        properties: properties(value),
    }
}

fn member<'v>(value: Option<&'v Value>, name: &str) -> &'v str {
    value
        .and_then(|value| value.get(name)?.text())
        .unwrap_or_default()
}

fn properties(value: Option<&Value>) -> Option<&bailiwick_authority::policies::Members> {
    value.and_then(|value| value.get("properties")?.record())
}

fn no_answer() -> Problem {
    Problem::new(Kind::Internal, "no evaluation was decided")
}

pub(crate) fn discovery<W: World>(gateway: &Gateway<W>, asked: &Asked) -> Reply {
    let base = gateway.base(&asked.host);
    Reply::json(&json!({
        "policy_decision_point": base,
        "access_evaluation_endpoint": format!("{base}/access/v1/evaluation"),
        "access_evaluations_endpoint": format!("{base}/access/v1/evaluations"),
        "search_subject_endpoint": format!("{base}/access/v1/search/subject"),
        "search_resource_endpoint": format!("{base}/access/v1/search/resource"),
        "search_action_endpoint": format!("{base}/access/v1/search/action"),
    }))
}
