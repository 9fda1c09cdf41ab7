//! Whether a call may be made: by the evaluator that the product itself decides with.

use std::sync::Arc;

use bailiwick_iam::evaluate::{Outcome, evaluate};
use bailiwick_iam::layers::{Compiled, Layers};
use bailiwick_iam::request::{Context, Request};
use bailiwick_iam::vocabulary::NoVocabulary;

use super::refusal::Refusal;
use super::time;
use super::world::{Caller, World};

/// A call to be decided.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
    /// The policy of the resource: a role's trust policy.
    pub(super) trust: Option<Arc<Compiled>>,
    /// What this action alone tells.
    pub(super) context: Context,
}

impl<'a> Ask<'a> {
    pub(super) fn new(action: &'a str, resource: &'a str) -> Self {
        Self {
            action,
            resource,
            trust: None,
            context: Context::default(),
        }
    }
}

/// Refuses what is not allowed. What cannot be decided is not allowed.
///
/// Each session policy must allow it by itself: those that were laid on later narrow, and the
/// evaluator takes the policies of one layer together.
pub(super) fn decide(world: &World, caller: &Caller, ask: &Ask<'_>) -> Result<(), Refusal> {
    let mut request = Request::new(caller.principal.clone(), ask.action, ask.resource);
    request.context = circumstances(world, caller, ask.context.clone());
    let layers = Layers {
        identity: Some(caller.identity.as_slice().into()),
        boundary: caller.boundary.as_ref().map(|it| [Arc::clone(it)].into()),
        resource: ask.trust.clone(),
        ..Layers::default()
    };
    let session_policies = caller.session.iter().flat_map(|it| &it.policies);
    let narrowed = session_policies.map(|policy| Layers {
        session: Some([Arc::clone(&policy.compiled)].into()),
        ..layers.clone()
    });
    let allows = |layers: &Layers| match evaluate(layers, &request, &NoVocabulary).outcome {
        Outcome::Allow => true,
        Outcome::ImplicitDeny | Outcome::ExplicitDeny | Outcome::Unknown => false,
    };
    if std::iter::once(layers.clone())
        .chain(narrowed)
        .all(|it| allows(&it))
    {
        return Ok(());
    }
    Err(Refusal::denied(&caller.arn(), ask.action, ask.resource))
}

/// What AWS says of every call.
fn circumstances(world: &World, caller: &Caller, context: Context) -> Context {
    let mut context = context
        .with("aws:CurrentTime", time::written(world.now()))
        .with("aws:EpochTime", world.now().to_string())
        .with("aws:userid", caller.user_id.as_str())
        .with("aws:SecureTransport", "true");
    let Some(session) = &caller.session else {
        return context;
    };
    context.set("aws:TokenIssueTime", time::written(session.issued));
    if let Some(identity) = &session.source_identity {
        context.set("aws:SourceIdentity", identity.as_str());
    }
    for (key, value) in &session.tags {
        context.set(format!("aws:PrincipalTag/{key}"), value.as_str());
    }
    context
}
