//! PERM-04: from the agent's rights to an administrator's.

use bailiwick_estate::PrincipalId;

use crate::{
    escalation::{self, Admin},
    finding::{Finding, Fix, Hop, Severity, Witness},
    rule::{Checked, Claim, arns, rule},
    view::{Seat, View},
};

rule! {
    /// An agent's role is an administrator, or can become one.
    ///
    /// **Sees.** A chain of hops from the role to a principal that may do everything, or everything
    /// that the SCPs leave to anybody in its account: assuming roles,
    /// passing one to a service, changing a function's code, editing a policy, making credentials,
    /// running code in an interpreter or a runtime. Each hop is decided on effective permissions,
    /// with its conditions and resources, and carries the requests that take it.
    ///
    /// **Matters.** The rights that count are the ones at the end of the chain. An injected prompt
    /// walks it at machine speed.
    ///
    /// **Example.** `lambda:UpdateFunctionCode` on a function that runs as an administrator.
    ///
    /// **Severity.** Critical. High where a hop needs something that the snapshot does not list.
    ///
    /// **Remedy.** Break the hop that costs least; each names the change that breaks it.
    ///
    /// **References.** MITRE ATT&CK T1548.005, T1098.003; `bailiwick reach`.
    "PERM-04", "An agent can become an administrator", Critical, check
}

fn check(view: &View<'_>) -> Checked {
    Checked::access(view, view.seats(), |seat| look(view, seat))
}

fn look(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let principal = PrincipalId::Role(seat.role);
    let severity = match view.graph().account_admin(principal) {
        Admin::No => return None,
        Admin::Unknown => return untold(view, seat),
        Admin::Potential => Severity::High,
        Admin::Yes => RULE.base,
    };
    match view.graph().way_to_account_admin(principal) {
        Some(hops) if !hops.is_empty() => Some(chain(view, seat, severity, &hops)),
        Some(_) | None => Some(direct(view, seat)),
    }
}

fn untold(view: &View<'_>, seat: &Seat) -> Option<Finding> {
    let role = &view.estate.roles.at(seat.role).name;
    let question = format!("{role} can become an administrator");
    let missing = ["a policy or a condition on the way that the snapshot does not tell"];
    let missing = missing.into_iter().collect();
    RULE.cannot_tell(view, seat, &question, &missing)
}

fn direct(view: &View<'_>, seat: &Seat) -> Finding {
    let role = view.estate.roles.at(seat.role);
    let user = format!("arn:aws:iam::{}:user/any", role.account);
    let proof = view
        .role_can(seat.role, "iam:CreateAccessKey", &user)
        .proof();
    let (witness, evidence) = match proof {
        Some(proof) => (proof.witness(), proof.evidence(view)),
        None => (
            Witness::facts([format!("nothing but SCPs limits what {} may use", role.arn)]),
            vec![view.evidence(&role.place, role.arn.as_str())],
        ),
    };
    RULE.fails(Claim {
        severity: RULE.base,
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!("{} is an administrator", role.name),
        why: "It may use every action on every resource, as far as the SCPs leave it to anybody: \
             whoever steers the agent owns the account."
            .to_owned(),
        witness,
        evidence,
        path: Vec::new(),
        fix: Fix {
            summary: "Detach what grants everything; grant what the agent uses".to_owned(),
            patch: format!("see PERM-01 and PERM-03 for {}", role.name),
        },
        cause: vec!["direct".to_owned()],
    })
}

fn chain(view: &View<'_>, seat: &Seat, severity: Severity, hops: &[escalation::Hop]) -> Finding {
    let role = view.estate.roles.at(seat.role);
    let end = hops
        .last()
        .map_or(role.name.as_str(), |hop| hop.to.resource_name());
    let assumed: Vec<_> = hops
        .iter()
        .filter_map(|hop| hop.assumes.as_deref())
        .collect();
    let assumption = if assumed.is_empty() {
        String::new()
    } else {
        format!(" Proved but for this: {}.", assumed.join("; "))
    };
    let proofs = hops.iter().flat_map(|hop| &hop.because);
    let first = proofs.clone().next();
    let steps: Vec<_> = hops.iter().map(step).collect();
    RULE.fails(Claim {
        severity,
        subject: role.arn.to_string(),
        agents: arns(view, &seat.concerned()),
        title: format!("{} can become {end}, an administrator", role.name),
        why: format!("{}.{assumption}", steps.join("; then ")),
        witness: first.map_or_else(
            || Witness::facts(steps.clone()),
            |proof| Witness::Request {
                request: Box::new(proof.request.clone()),
                because: proof.statements.clone(),
            },
        ),
        evidence: proofs
            .flat_map(|proof| view.evidence_of(&proof.request, &proof.statements))
            .collect(),
        path: hops.iter().map(hop).collect(),
        fix: Fix {
            summary: format!(
                "Break the first hop: {}",
                hops.first().map_or("", |hop| hop.cut.as_str())
            ),
            patch: hops
                .iter()
                .map(|hop| hop.cut.as_str())
                .collect::<Vec<_>>()
                .join("\n"),
        },
        cause: hops
            .iter()
            .map(|hop| format!("{} {}", hop.path, hop.to))
            .collect(),
    })
}

fn actions(hop: &escalation::Hop) -> String {
    let mut actions: Vec<_> = hop
        .because
        .iter()
        .map(|it| it.request.action.as_str())
        .collect();
    actions.dedup();
    actions.join(" + ")
}

fn step(hop: &escalation::Hop) -> String {
    format!(
        "{} becomes {} by {} ({})",
        hop.from.resource_name(),
        hop.to.resource_name(),
        actions(hop),
        hop.path
    )
}

fn hop(hop: &escalation::Hop) -> Hop {
    Hop {
        from: hop.from.to_string(),
        to: hop.to.to_string(),
        by: actions(hop),
        because: hop
            .because
            .iter()
            .flat_map(|it| it.statements.clone())
            .collect(),
    }
}
