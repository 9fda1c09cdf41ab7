//! One call under a grant: decided by the authority, recorded, and only then answered.

use std::sync::Arc;

use bailiwick_authority::{
    Answer as Judged, Call, CallError, Judgement, Standing, Target, json::Value,
};
use bailiwick_broker::{Cause, Ruling, Verdict, port::Place};
use bailiwick_ledger::{Action, Entry};
use serde_json::json;
use tracing::Instrument as _;

use super::{Answer, flow, member, question};
use crate::{
    front::{Asked, put},
    gateway::{Gateway, World},
    metrics::Decided,
    problem::{Kind, Problem},
    token::Held,
    traces,
};

/// What the type of a resource says that is called.
const TOOL: &str = "tool";
const AWS: &str = "aws";

/// What is done to a tool.
const CALLS: [&str; 2] = ["call", "tools/call"];

/// Decides. There is always an answer: what cannot be read or recorded is a denial.
pub(super) async fn decide<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
    held: &Held,
    evaluation: &Value,
) -> Answer {
    let call = match call(held, evaluation) {
        Ok(call) => call,
        Err(problem) => {
            gateway.metrics.decided(Decided::Deny);
            let entry = Entry {
                reason_code: problem.reason.clone(),
                action: unread_action(evaluation),
                ..about(asked.entry("decision"), held)
            };
            gateway.broker.record_denial(denied(entry, &problem)).await;
            let mut answer = Answer::unread(&problem);
            if let (Some(code), Some(reason)) = (problem.reason, answer.context.get_mut("reason")) {
                put(reason, "code", code);
            }
            return answer;
        }
    };
    let named = call.named();
    let tool = match (&named.server, &named.tool, &named.resource) {
        (Some(server), Some(tool), None) => format!("{server}/{tool}"),
        (_, tool, _) => tool.clone().unwrap_or_default(),
    };
    let span = traces::decision(&traces::Asks {
        agent: &held.agent,
        task: &held.task,
        grant: &held.grant,
        tool: &tool,
        flow: call.flow.as_ref(),
    });
    let answer = judged(gateway, asked, held, &call)
        .instrument(span.clone())
        .await;
    traces::decided(&span, answer.decision, &answer.context);
    answer
}

async fn judged<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
    held: &Held,
    call: &Call,
) -> Answer {
    let rules = gateway.rules();
    let authority = &rules.authority;
    // What the request says of itself is on the record of a denial that comes before a judgement.
    let before = Entry {
        // For a denial that comes before anybody looked at the arguments.
        action: Some(call.named()),
        flow: call.flow.clone(),
        ..about(asked.entry("decision"), held)
    };
    let ruling = gateway
        .broker
        .decide(&held.grant, &before, |grant, now_ms| {
            let standing = Standing {
                agent: grant.agent.clone(),
                task: grant.task.clone(),
                charter: grant.charter.clone(),
                body: grant.body.clone(),
                history: grant.history.clone(),
            };
            let judgement = authority.judge(&standing, call, now_ms);
            let said = judgement.entry();
            let entry = Entry {
                reason_code: said.reason_code,
                decision: said.decision,
                action: said.action,
                ..before.clone()
            };
            match judgement.history() {
                Some(history) => Verdict::Allow {
                    history: history.to_bytes(),
                    entry,
                    value: judgement,
                },
                None => Verdict::Deny {
                    entry,
                    value: judgement,
                },
            }
        })
        .await;
    told(gateway, ruling)
}

fn told<W: World>(gateway: &Gateway<W>, ruling: Ruling<Judgement>) -> Answer {
    match ruling {
        Ruling::Allowed(recorded) => {
            gateway.metrics.decided(Decided::Allow);
            let place = recorded.places().first().copied();
            let judgement = recorded.into_value();
            Answer {
                decision: true,
                context: context("allowed", None, &judgement.policies, place),
            }
        }
        Ruling::Denied(denied) => {
            let code = denied.cause.code();
            match denied.cause {
                Cause::Authority(judgement) => by_authority(gateway, &judgement, denied.place),
                Cause::NotRecorded(error) => {
                    gateway.metrics.decided(Decided::Fault);
                    tracing::error!(%error, "a call is denied because it cannot be recorded");
                    let message = "it cannot be recorded, so it may not happen";
                    Answer {
                        decision: false,
                        context: context(code, Some(message.into()), &[], denied.place),
                    }
                }
                cause
                @ (Cause::NoGrant | Cause::State(_) | Cause::Deadline | Cause::Stopped(_)) => {
                    gateway.metrics.decided(Decided::Deny);
                    Answer {
                        decision: false,
                        context: context(code, Some(in_words(&cause)), &[], denied.place),
                    }
                }
            }
        }
    }
}

fn in_words(cause: &Cause<Judgement>) -> String {
    match cause {
        Cause::NoGrant => "there is no such grant".into(),
        Cause::State(state) => format!("the grant is {state}"),
        Cause::Deadline => "the grant's time is up".into(),
        Cause::Stopped(_) => "an operator stopped it".into(),
        Cause::Authority(judgement) => judgement.code().into(),
        Cause::NotRecorded(error) => error.to_string(),
    }
}

fn by_authority<W: World>(
    gateway: &Gateway<W>,
    judgement: &Judgement,
    place: Option<Place>,
) -> Answer {
    let message = judgement.reason().map(ToString::to_string);
    let mut context = context(judgement.code(), message, &judgement.policies, place);
    match &judgement.answer {
        Judged::StepUp(obligation) => {
            gateway.metrics.decided(Decided::StepUp);
            let wanted = json!([{
                "id": obligation.request_hash,
                "type": "step-up",
                "approver": obligation.approver,
            }]);
            put(&mut context, "obligations", wanted);
        }
        Judged::Deny(_) | Judged::Allow(_) => gateway.metrics.decided(Decided::Deny),
    }
    Answer {
        decision: false,
        context,
    }
}

fn context(
    code: &str,
    message: Option<String>,
    policies: &[String],
    place: Option<Place>,
) -> serde_json::Value {
    let mut reason = json!({ "code": code });
    if let Some(message) = message {
        put(&mut reason, "message", message);
    }
    if !policies.is_empty() {
        put(&mut reason, "policies", policies);
    }
    let mut context = json!({ "reason": reason });
    if let Some(place) = place {
        let record = json!({ "seq": place.seq, "hash": place.hash.to_string() });
        put(&mut context, "record", record);
    }
    context
}

/// The call that an evaluation asks about.
fn call(held: &Held, evaluation: &Value) -> Result<Call, Problem> {
    let question = question(evaluation)?;
    let refused = |pointer: &str, reason: &str, detail: &str| {
        Err(Problem::new(Kind::Malformed, detail)
            .at(pointer)
            .because(reason))
    };
    // What is asked for must be for whom the token is: two answers to who acts are none.
    let subject = question.subject;
    if subject.kind != "agent" || subject.id != held.agent {
        let detail = "the subject is not the agent whose grant this is";
        return refused("/subject", "subject_mismatch", detail);
    }
    let resource = question.resource;
    let mut call = match resource.kind {
        TOOL if CALLS.contains(&question.action.name) => {
            let args = question.action.properties.cloned().unwrap_or_default();
            Call::tool_of(resource.id, Value::Record(args)).map_err(|error| not_a_call(&error))?
        }
        TOOL => return refused("/action/name", "action_unknown", "a tool is called: `call`"),
        AWS => Call::aws(question.action.name, resource.id),
        _ => {
            let detail = "a grant is for tools (`tool`) and for AWS (`aws`)";
            return refused("/resource/type", "resource_unknown", detail);
        }
    };
    let said = evaluation
        .get("resource")
        .and_then(|resource| resource.get("properties"));
    match &mut call.target {
        Target::Tool { schema, .. } => {
            let pin = member(said, "schema");
            if !pin.is_empty() {
                let read = pin.parse().map_err(|_| {
                    Problem::new(Kind::Malformed, "this is no hash of a schema")
                        .at("/resource/properties/schema")
                        .because("tool_schema_unknown")
                })?;
                *schema = Some(read);
            }
        }
        Target::Aws { account, .. } => {
            let of = member(said, "account");
            if !of.is_empty() {
                let read = of.parse().map_err(|_| {
                    Problem::new(Kind::Malformed, "this is no id of an account")
                        .at("/resource/properties/account")
                        .because("account_unknown")
                })?;
                *account = Some(read);
            }
        }
    }
    call.flow = question
        .context
        .and_then(|context| flow(context.get("flow")?));
    Ok(call)
}

fn not_a_call(error: &CallError) -> Problem {
    let pointer = match error {
        CallError::Name(_) => "/resource/id",
        CallError::Arguments(_) | CallError::NotAnObject { .. } => "/action/properties",
    };
    Problem::new(Kind::Malformed, error.to_string())
        .at(pointer)
        .because("call_unreadable")
}

fn about(mut entry: Entry, held: &Held) -> Entry {
    entry
        .grant
        .get_or_insert_default()
        .id
        .clone_from(&held.grant);
    entry
        .agent
        .get_or_insert_default()
        .id
        .clone_from(&held.agent);
    entry.task.get_or_insert_default().id.clone_from(&held.task);
    entry
}

fn denied(mut entry: Entry, problem: &Problem) -> Entry {
    entry.decision = Some(bailiwick_ledger::Decision {
        effect: bailiwick_ledger::Effect::Deny,
        policy_ids: Vec::new(),
        policy_version: None,
        errors: vec![problem.detail.clone()],
        obligations: Vec::new(),
    });
    entry
}

/// What was named, where it can be told at all; arguments are not.
fn unread_action(evaluation: &Value) -> Option<Action> {
    const LENGTH_MAX: usize = 1_024;
    let short = |of: &str, name: &str| {
        let text = member(evaluation.get(of), name);
        (!text.is_empty() && text.len() <= LENGTH_MAX).then(|| text.to_owned())
    };
    Some(Action {
        tool: short("action", "name"),
        resource: short("resource", "id"),
        ..Action::default()
    })
}
