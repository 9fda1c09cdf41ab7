//! Spans for whoever collects traces, with the attributes of OpenTelemetry's conventions for HTTP and
//! for generative AI.
//!
//! They have a target and a level of their own, so that nobody pays for them who does not collect
//! them. No argument, no token and no text of a prompt is in them.

use bailiwick_ledger::Flow;
use tracing::{Span, field::Empty};

use crate::route::Route;

/// The target of every span here.
pub const TRACES: &str = "bailiwick::traces";

/// A request that is answered.
pub(crate) fn request(route: &Route, request_id: &str) -> Span {
    let span = tracing::trace_span!(
        target: TRACES,
        "request",
        otel.name = Empty,
        otel.kind = "server",
        http.request.method = route.verb.name(),
        http.route = route.path,
        http.response.status_code = Empty,
        bailiwick.request.id = request_id,
    );
    if !span.is_disabled() {
        let name = format!("{} {}", route.verb.name(), route.path);
        span.record("otel.name", name.as_str());
    }
    span
}

pub(crate) fn answered(span: &Span, status: u16) {
    span.record("http.response.status_code", status);
}

/// What is decided about.
pub(crate) struct Asks<'a> {
    pub(crate) agent: &'a str,
    pub(crate) task: &'a str,
    pub(crate) grant: &'a str,
    /// `ledger/post`, or `s3:GetObject`.
    pub(crate) tool: &'a str,
    pub(crate) flow: Option<&'a Flow>,
}

/// A call that is decided, as the conventions name the execution of a tool.
pub(crate) fn decision(asks: &Asks<'_>) -> Span {
    let span = tracing::trace_span!(
        target: TRACES,
        "decision",
        otel.name = Empty,
        gen_ai.operation.name = "execute_tool",
        gen_ai.tool.name = asks.tool,
        "gen_ai.tool.type" = "function",
        gen_ai.agent.name = asks.agent,
        gen_ai.conversation.id = Empty,
        "error.type" = Empty,
        bailiwick.task = asks.task,
        bailiwick.grant.id = asks.grant,
        bailiwick.decision = Empty,
        bailiwick.reason = Empty,
        bailiwick.record.seq = Empty,
    );
    if !span.is_disabled() {
        let name = format!("execute_tool {}", asks.tool);
        span.record("otel.name", name.as_str());
        if let Some(session) = asks.flow.and_then(|flow| flow.session.as_deref()) {
            span.record("gen_ai.conversation.id", session);
        }
    }
    span
}

/// How it was decided. A denial is an answer, and no error; what could not be recorded is one.
pub(crate) fn decided(span: &Span, decision: bool, context: &serde_json::Value) {
    if span.is_disabled() {
        return;
    }
    let code = context.pointer("/reason/code");
    let code = code.and_then(serde_json::Value::as_str).unwrap_or_default();
    let word = match (decision, code) {
        (true, _) => "allow",
        (false, "approval_required") => "step_up",
        (false, _) => "deny",
    };
    span.record("bailiwick.decision", word);
    span.record("bailiwick.reason", code);
    if let Some(seq) = context
        .pointer("/record/seq")
        .and_then(serde_json::Value::as_u64)
    {
        span.record("bailiwick.record.seq", seq);
    }
    let is_fault = matches!(
        code,
        "queue_full" | "closing" | "contended" | "store_unavailable"
    );
    if is_fault {
        span.record("error.type", code);
    }
}
