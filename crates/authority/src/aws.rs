//! A call to AWS, judged by the very policy that its session would have.

use std::sync::Arc;

use bailiwick_charter::compile::{Deadline, SessionError, session_policy};
use bailiwick_iam::arn::AccountId;
use bailiwick_iam::evaluate::{Outcome, evaluate};
use bailiwick_iam::layers::{Compiled, Layers, NamedPolicy};
use bailiwick_iam::request::{Context, Principal, Request};
use bailiwick_iam::vocabulary::{KeyFacts, KeyKind, Vocabulary};

use crate::bound::Bound;
use crate::reason::Reason;
use crate::task::Task;

/// Who may what, on AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    Read,
    Write,
}

/// A call to AWS, taken apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'c> {
    pub(crate) action: &'c str,
    pub(crate) resource: &'c str,
    pub(crate) account: Option<AccountId>,
}

impl Task {
    /// Whether the grant has the right, and which: a write where a write allows it.
    pub(crate) fn right(&self, bound: &Bound, ask: Ask<'_>, now_ms: u64) -> Result<Right, Reason> {
        if !is_action(ask.action) {
            return Err(Reason::NotLiteral { what: "action" });
        }
        if !is_resource(ask.resource) {
            return Err(Reason::NotLiteral { what: "resource" });
        }
        let written = ask.resource.split(':').nth(4);
        let written = written.and_then(|account| account.parse().ok());
        let account = ask.account.or(written).or(self.account);
        let account = account.ok_or(Reason::AccountUnknown)?;
        if written.is_some_and(|written| written != account) {
            return Err(Reason::NotDeclared);
        }
        let may = |task| self.allows(task, bound, ask, account, now_ms);
        if may(&self.writes)? {
            Ok(Right::Write)
        } else if may(&self.declared)? {
            Ok(Right::Read)
        } else {
            Err(Reason::NotDeclared)
        }
    }

    fn allows(
        &self,
        task: &bailiwick_charter::Task,
        bound: &Bound,
        ask: Ask<'_>,
        account: AccountId,
        now_ms: u64,
    ) -> Result<bool, Reason> {
        // The grant's own deadline has been looked at; that of AWS is the same or earlier.
        let now = Deadline::of_unix_seconds(now_ms / 1_000).ok_or(Reason::GrantUnreadable)?;
        let end = Deadline::of_unix_seconds(now.unix_seconds() + 1);
        let end = end.ok_or(Reason::GrantUnreadable)?;
        let home = self.account.unwrap_or(account);
        let policy = match session_policy(task, &bound.parameters, account, home, end) {
            Ok(policy) => policy,
            Err(SessionError::Nothing { .. }) => return Ok(false),
            Err(SessionError::TooLong { .. }) => return Err(Reason::SessionTooLong),
            Err(SessionError::Bind(_)) => return Err(Reason::GrantUnreadable),
        };
        let named = NamedPolicy {
            name: "session".into(),
            policy: Arc::new(policy),
        };
        let layers = Layers {
            identity: Some([Arc::new(Compiled::new(named))].into()),
            ..Layers::default()
        };
        let role = format!("arn:aws:iam::{account}:role/grant");
        let role = role.parse().map_err(|_| Reason::GrantUnreadable)?;
        let mut request = Request::new(Principal::Role(role), ask.action, ask.resource);
        request.resource_account = Some(account);
        request.context = Context::default().with("aws:CurrentTime", now.to_string());
        let decision = evaluate(&layers, &request, &Times);
        Ok(decision.outcome == Outcome::Allow)
    }
}

/// The one key that a session policy asks for.
#[derive(Debug)]
struct Times;

impl Vocabulary for Times {
    fn key(&self, key: &str) -> Option<KeyFacts> {
        key.eq_ignore_ascii_case("aws:CurrentTime")
            .then_some(KeyFacts {
                kind: KeyKind::Date,
                multivalued: false,
            })
    }
}

/// `service:Name`, written out.
pub(crate) fn is_action(text: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.split_once(':')
        .is_some_and(|(service, name)| is_name(service) && is_name(name))
}

/// One resource, or `*` for an action that takes none: nothing in it is read as more than it says,
/// neither by IAM nor by what carries it there.
pub(crate) fn is_resource(text: &str) -> bool {
    if text == "*" {
        return true;
    }
    let is_plain = text.len() <= 2_048
        && text.starts_with("arn:")
        && !text.chars().any(bailiwick_charter::is_hidden)
        && !text.contains(['*', '?', '$', '\\']);
    let has_step = text
        .split(['/', ':'])
        .any(|step| step == "." || step == "..");
    is_plain && !has_step && !hides_a_step(text)
}

/// Whether an escape in it stands for a dot, a separator or an escape.
fn hides_a_step(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["%2e", "%2f", "%5c", "%25", "%00"]
        .iter()
        .any(|escape| text.contains(escape))
}
