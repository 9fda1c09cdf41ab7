//! The smallest change that breaks a step.

use std::sync::Arc;

use bailiwick_iam::{
    evaluate::{Because, Outcome},
    layers::{Compiled, LayerKind, Layers, NamedPolicy},
    policy::{Effect, Policy, Selection},
};

use super::{Proof, holder::Rights, path::On, step::Step, world::World};

/// Says, in a sentence, what to change so that a holder cannot take a step; checked by asking again.
///
/// Taking one action out of the one statement that names it is the smallest change. Where an action
/// is allowed by a wildcard, or twice, a denial of that one request is.
pub(crate) fn cut(world: &World<'_>, rights: &Rights, step: &Step) -> String {
    let mut proofs: Vec<&Proof> = step
        .proofs
        .iter()
        .filter(|proof| proof.request.principal == rights.signer)
        .collect();
    proofs.sort_by_key(|proof| about_target(step, proof));
    let removals = proofs
        .iter()
        .filter_map(|proof| removal(world, rights, proof));
    if let Some(removal) = removals.into_iter().next() {
        return removal;
    }
    match proofs.first() {
        Some(proof) => denial(world, rights, proof),
        None => format!(
            "settle first whether {}",
            step.assumes.as_deref().unwrap_or("the step is allowed")
        ),
    }
}

/// The calls about the one who is gained come first: without them, the others do no harm.
fn about_target(step: &Step, proof: &Proof) -> bool {
    let mut needs = step.path.needs.iter();
    let need = needs.find(|need| need.action.eq_ignore_ascii_case(&proof.request.action));
    !need.is_none_or(|need| match need.on {
        On::Target | On::Oneself | On::Group | On::Policy | On::Existing => true,
        On::Nothing | On::Thing(_) => false,
    })
}

fn removal(world: &World<'_>, rights: &Rights, proof: &Proof) -> Option<String> {
    let allowing = proof
        .statements
        .iter()
        .find(|it| it.effect == Effect::Allow)?;
    match allowing.layer {
        LayerKind::Identity => removal_of_action(world, rights, proof, allowing),
        LayerKind::Trust | LayerKind::Resource => removal_of_trust(world, rights, proof),
        LayerKind::Rcp
        | LayerKind::Scp
        | LayerKind::Endpoint
        | LayerKind::Boundary
        | LayerKind::Session => None,
    }
}

fn removal_of_action(
    world: &World<'_>,
    rights: &Rights,
    proof: &Proof,
    allowing: &Because,
) -> Option<String> {
    let action = &proof.request.action;
    let identity = rights.layers.identity.as_ref()?;
    let (place, policy) = identity.iter().enumerate().find(|(_, it)| {
        let statement = it
            .policy()
            .and_then(|it| it.statements.get(allowing.statement));
        *it.name() == allowing.policy && statement.is_some()
    })?;
    let changed = Arc::new(without(policy.policy()?, allowing.statement, action)?);
    let changed = Compiled::new(NamedPolicy {
        name: Arc::clone(policy.name()),
        policy: changed,
    });
    let mut policies: Vec<_> = identity.iter().cloned().collect();
    *policies.get_mut(place)? = Arc::new(changed);
    let layers = Layers {
        identity: Some(policies.into()),
        ..rights.layers.clone()
    };
    let gone = !is_allowed(world, layers, proof);
    let statement = match &allowing.sid {
        Some(sid) if !sid.is_empty() => format!("statement {sid}"),
        Some(_) | None => format!("statement {}", allowing.statement),
    };
    gone.then(|| {
        format!(
            "remove {action} from {statement} of the policy {}",
            allowing.policy
        )
    })
}

/// The policy without one action in one statement, if the statement names it as such.
fn without(policy: &Policy, statement: usize, action: &str) -> Option<Policy> {
    let mut policy = policy.clone();
    let named = policy.statements.get_mut(statement)?;
    let Selection::Only(patterns) = &mut named.actions else {
        return None;
    };
    let before = patterns.len();
    patterns.retain(|pattern| !pattern.value.0.eq_ignore_ascii_case(action));
    let after = patterns.len();
    if after == before {
        return None;
    }
    if after == 0 {
        policy.statements.remove(statement);
    }
    Some(policy)
}

fn removal_of_trust(world: &World<'_>, rights: &Rights, proof: &Proof) -> Option<String> {
    // Without the trust policy's word nothing is left that would allow it.
    let outcome = world
        .compiled
        .decide(&rights.layers, &proof.request)
        .outcome;
    let name = world.estate.arn(rights.holder.principal);
    let role = &proof.request.resource;
    let gone = outcome != Outcome::Allow;
    gone.then(|| format!("take {name} out of the trust policy of {role}"))
}

fn denial(world: &World<'_>, rights: &Rights, proof: &Proof) -> String {
    let (action, resource) = (&proof.request.action, &proof.request.resource);
    let name = world.estate.arn(rights.holder.principal);
    let sentence = format!("deny {name} {action} on {resource}");
    let checked = denying(action, resource).is_some_and(|deny| {
        let identity = rights
            .layers
            .identity
            .iter()
            .flat_map(|it| it.iter().cloned());
        let layers = Layers {
            identity: Some(identity.chain([Arc::new(deny)]).collect()),
            ..rights.layers.clone()
        };
        !is_allowed(world, layers, proof)
    });
    if checked {
        sentence
    } else {
        format!("{sentence}, in an SCP")
    }
}

fn denying(action: &str, resource: &str) -> Option<Compiled> {
    let document = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": action, "Resource": resource}],
    });
    let policy = Policy::parse(&document.to_string()).ok()?;
    Some(Compiled::new(NamedPolicy {
        name: "denial".into(),
        policy: Arc::new(policy),
    }))
}

fn is_allowed(world: &World<'_>, layers: Layers, proof: &Proof) -> bool {
    let layers = match proof.request.resource.parse() {
        Ok(arn) if proof.request.action == "sts:AssumeRole" => {
            world.compiled.at_resource(layers, &arn)
        }
        Ok(_) | Err(_) => layers,
    };
    world.compiled.decide(&layers, &proof.request).outcome == Outcome::Allow
}
