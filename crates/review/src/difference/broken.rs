//! What a charter declares and its roles do not allow, with the layer that denies.
//!
//! Identity policies and boundary are compared as sets of requests; so are the SCPs, for requests in
//! the circumstances in which the agent asks. Policies of resources and RCPs are asked for one
//! request of each declared line, so far as the snapshot holds them.

use bailiwick_charter::compile::Closure;
use bailiwick_estate::ResourcePolicy;
use bailiwick_iam::{
    access::{Contained, difference::Line},
    arn::Arn,
    evaluate::{Decision, Outcome},
    layers::{LayerKind, Layers},
    policy::{Effect, Policy, Selection},
    request::{Context, Request},
};

use super::{Books, Broken, LINES_MAX, Reading, held::OfRole};
use crate::{
    plan::{ceiling::asked, compiled},
    view::instance,
};

/// Context that is known of a request by where it is sent, and behind what.
const KNOWN: [&str; 2] = ["aws:requestedregion", "bedrock:inferenceprofilearn"];

/// charter − access.
pub(super) fn broken(reading: &Reading<'_>, closure: &Closure, books: &mut Books) {
    let tasks = || reading.roles.iter().filter(|it| it.is_task_role);
    if tasks().next().is_none() {
        // A standing agent, or one that was not split yet: each role must do for all of its tasks.
        for of_role in &reading.roles {
            in_role(reading, of_role, &closure.declared, books);
        }
        return;
    }
    for (account, declared) in &closure.declared_in {
        match tasks().find(|it| it.split.old.account == *account) {
            Some(of_role) => in_role(reading, of_role, declared, books),
            None => books.unknown.push(format!(
                "no task role of it is in the account {account}, in which its charter declares something"
            )),
        }
    }
}

fn in_role(reading: &Reading<'_>, of_role: &OfRole<'_>, declared: &Policy, books: &mut Books) {
    if declared.statements.is_empty() {
        return;
    }
    let workloads = reading.charter.runs_as.iter();
    let regions = workloads.map(|it| it.region()).filter(|it| !it.is_empty());
    let mut regions: Vec<String> = regions.map(str::to_owned).collect();
    regions.sort();
    regions.dedup();
    let asking = Asking {
        of_role,
        layers: of_role.split.all_layers(),
        regions,
    };
    asking.by_identity(declared, books);
    asking.by_ceilings(declared, books);
    asking.by_resources(declared, books);
}

struct Asking<'r, 'a> {
    of_role: &'r OfRole<'a>,
    layers: Layers,
    regions: Vec<String>,
}

impl Asking<'_, '_> {
    fn by_identity(&self, declared: &Policy, books: &mut Books) {
        let split = &self.of_role.split;
        let layers = split.old_layers();
        let access = split.algebra.access(&layers, None);
        let declared = of_identity(declared.clone());
        let missing = split
            .algebra
            .access(&declared, None)
            .beyond(&access, LINES_MAX);
        if missing.incomplete || missing.more > 0 {
            let name = &split.old.name;
            books.unknown.push(format!(
                "{name} may lack more of what its charter declares than is shown"
            ));
        }
        for mut line in missing.lines {
            line.witness.principal = split.signer();
            let decision = self.decide(&line.witness);
            // The policy of the resource may let it in by itself.
            if decision.outcome != Outcome::Allow {
                let layer = decision.layer;
                self.push(line, layer, books);
            }
        }
    }

    fn by_ceilings(&self, declared: &Policy, books: &mut Books) {
        let split = &self.of_role.split;
        let Some(scps) = self.layers.scp.clone() else {
            return;
        };
        let signer = split.signer();
        let above = Layers {
            identity: of_identity(asked::everything()).identity,
            scp: Some(scps),
            management_account: self.layers.management_account,
            ..Layers::default()
        };
        let named = actions_of(declared);
        let declared = asked::as_asked(declared, &self.regions);
        let declared = of_identity(declared);
        let within = declared.clone();
        let above = split.algebra.access(&above, Some(&signer));
        let declared = split.algebra.access(&declared, Some(&signer));
        if above.contains(&declared) == Contained::Proved {
            return;
        }
        let missing = declared.beyond(&above, LINES_MAX);
        if missing.incomplete || missing.lines.is_empty() {
            books.unknown.push(format!(
                "whether the SCPs over {} deny something declared could not be told",
                split.old.name
            ));
        }
        for mut line in missing.lines {
            line.witness = self.as_sent(&line.witness);
            let of = |action: &str| Request {
                action: action.into(),
                ..line.witness.clone()
            };
            // The line speaks in the words of the SCP; its reader knows those of the charter.
            let mut denied = Vec::new();
            for action in &named {
                let request = of(action);
                if split.decide(&within, &request).outcome != Outcome::Allow {
                    continue;
                }
                let decision = split.decide(&self.layers, &request);
                match decision.outcome {
                    Outcome::ExplicitDeny | Outcome::ImplicitDeny => denied.push(action.clone()),
                    Outcome::Unknown => books.unknown.push(format!(
                        "whether the SCPs over {} deny {action} on {} hangs on {}",
                        split.old.name,
                        request.resource,
                        decision.missing.join(", ")
                    )),
                    Outcome::Allow => {}
                }
            }
            if let Some(first) = denied.first() {
                line.witness = of(first);
                line.actions = denied;
                self.push(line, Some(LayerKind::Scp), books);
            }
        }
    }

    /// The request as the agent sends it: what is not known of its circumstances stays open.
    fn as_sent(&self, witness: &Request) -> Request {
        let mut request = self.request(&witness.action, &witness.resource);
        for (key, values) in witness.context.iter().filter(|(key, _)| is_known(key)) {
            request.context.set(key, values.clone());
        }
        request
    }

    fn by_resources(&self, declared: &Policy, books: &mut Books) {
        let split = &self.of_role.split;
        for statement in &declared.statements {
            let (Selection::Only(actions), Some(Selection::Only(resources))) =
                (&statement.actions, &statement.resources)
            else {
                continue;
            };
            if statement.effect == Effect::Deny {
                continue;
            }
            for resource in resources {
                let Some(name) = instance(&resource.value.0, split.old.account) else {
                    continue;
                };
                let mut denied: Option<(LayerKind, Line)> = None;
                for action in actions {
                    let request = self.request(&action.value.0, &name);
                    match self.at_resource(&request) {
                        Told::Fine => {}
                        Told::Hangs(keys) => books.unknown.push(format!(
                            "whether {name} lets {} do {} hangs on {}",
                            split.old.name,
                            action.value.0,
                            keys.join(", ")
                        )),
                        Told::Denied(layer) => {
                            let line = denied.get_or_insert_with(|| {
                                let line = Line {
                                    actions_except: Vec::new(),
                                    resources_except: Vec::new(),
                                    actions: Vec::new(),
                                    resources: vec![resource.value.0.clone()],
                                    keys: Vec::new(),
                                    witness: request.clone(),
                                };
                                (layer, line)
                            });
                            line.1.actions.push(action.value.0.clone());
                        }
                    }
                }
                if let Some((layer, line)) = denied {
                    self.push(line, Some(layer), books);
                }
            }
        }
    }

    /// What the resource's own policy and the RCPs over it add to what the role may do.
    fn at_resource(&self, request: &Request) -> Told {
        let split = &self.of_role.split;
        let own = split.decide(&split.old_layers(), request);
        if own.outcome != Outcome::Allow {
            return Told::Fine;
        }
        let known = request.resource.parse::<Arn>().is_ok_and(|arn| {
            let policy = split.sources.estate.resource_policy(&arn);
            matches!(policy, ResourcePolicy::Attached(_))
        });
        let decision = self.decide(request);
        match (decision.outcome, decision.layer) {
            (Outcome::Allow, _) => Told::Fine,
            (Outcome::Unknown, _) if known => Told::Hangs(decision.missing),
            (
                Outcome::ExplicitDeny | Outcome::ImplicitDeny,
                Some(layer @ (LayerKind::Resource | LayerKind::Rcp)),
            ) if known || layer == LayerKind::Rcp => Told::Denied(layer),
            // Another layer's word was heard before, and nobody is blamed for a policy not read.
            (Outcome::ExplicitDeny | Outcome::ImplicitDeny | Outcome::Unknown, _) => Told::Fine,
        }
    }

    fn request(&self, action: &str, resource: &str) -> Request {
        let mut request = Request::new(self.of_role.split.signer(), action, resource);
        request.context = Context::incomplete();
        let written = resource.split(':').nth(3).unwrap_or_default();
        let own = self.regions.first().map_or("", String::as_str);
        let region = if written.is_empty() { own } else { written };
        if !region.is_empty() {
            request.context.set("aws:RequestedRegion", region);
        }
        request
    }

    fn decide(&self, request: &Request) -> Decision {
        let split = &self.of_role.split;
        let layers = match request.resource.parse::<Arn>() {
            Ok(arn) => split.at_resource(self.layers.clone(), &arn),
            Err(_) => self.layers.clone(),
        };
        split.decide(&layers, request)
    }

    fn push(&self, line: Line, layer: Option<LayerKind>, books: &mut Books) {
        let role = self.of_role.split.old.arn.to_string();
        let is_told = |it: &Broken| {
            let same = it.role == role && it.line.resources == line.resources;
            same && line
                .actions
                .iter()
                .all(|action| it.line.actions.contains(action))
        };
        if !books.broken.iter().any(is_told) {
            books.broken.push(Broken { role, line, layer });
        }
    }
}

/// What is known of one declared request at its resource.
enum Told {
    Fine,
    Denied(LayerKind),
    Hangs(Vec<String>),
}

fn is_known(key: &str) -> bool {
    KNOWN.iter().any(|known| key.eq_ignore_ascii_case(known))
}

/// The actions that a policy names.
fn actions_of(policy: &Policy) -> Vec<String> {
    let statements = policy.statements.iter();
    let patterns = statements.flat_map(|it| it.actions.patterns());
    let mut actions: Vec<String> = patterns.map(|it| it.value.0.clone()).collect();
    actions.sort();
    actions.dedup();
    actions
}

fn of_identity(policy: Policy) -> Layers {
    Layers {
        identity: Some([compiled("declared", policy)].into()),
        ..Layers::default()
    }
}
