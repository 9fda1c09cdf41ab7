//! Plans for made-up estates, judged by the evaluator on requests: what a plan proves holds, what it
//! emits is what AWS takes, and what it does can be undone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_charter::{Charters, compile::Site};
use bailiwick_estate::{Estate, PrincipalId, usage::Usage};
use bailiwick_iam::{
    arn::Arn,
    evaluate::{Outcome, evaluate},
    layers::{Compiled, NamedPolicy},
    policy::Policy,
    request::{Context, Principal, Request},
};
use bailiwick_iam_catalog::builtin;
use bailiwick_review::{
    compiled::CompiledEstate,
    plan::{
        Act, CeilingKind, Claim, Plan, Snapshot, Verdict,
        ceiling::{Asked, Choice, Observed, propose},
        split::{Sources, split},
        tighten::tighten,
    },
};
use proptest::{prelude::*, strategy::ValueTree as _};
use serde_json::{Value, json};

use crate::{
    made::{
        Agent, CIRCUMSTANCES, Call, Declared, HOME, Kind, OLD, REQUESTS, RIGHTS, Right, Seen,
        World, world,
    },
    plans::estate,
};

/// An estate in which requests are decided.
struct Decided<'e> {
    estate: &'e Estate,
    compiled: CompiledEstate<'e>,
}

/// Which layers are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    OwnPolicies,
    Ceilings,
}

impl<'e> Decided<'e> {
    fn of(estate: &'e Estate) -> Self {
        Self {
            estate,
            compiled: CompiledEstate::new(estate, builtin()),
        }
    }

    /// Whether a role may do this, where every resource of another account lets everybody in.
    fn allows(&self, role: &Arn, asked: Right, circumstances: usize, under: Under) -> bool {
        let Some(id) = self.estate.role(role) else {
            return false;
        };
        let mut layers = self.compiled.layers(PrincipalId::Role(id));
        if under == Under::OwnPolicies {
            layers.scp = None;
        }
        let request = request(role, asked, circumstances);
        let elsewhere = request.account_of_resource() != role.account_id();
        layers.resource = elsewhere.then(|| named("open", &open()));
        evaluate(&layers, &request, builtin()).outcome == Outcome::Allow
    }
}

fn request(role: &Arn, (action, resource): Right, circumstances: usize) -> Request {
    let mut request = Request::new(Principal::session(role, "s").unwrap(), action, resource);
    // Tables, topics and the like say whose they are; buckets here are of the role's own account.
    request.context = CIRCUMSTANCES[circumstances]
        .iter()
        .fold(Context::default(), |context, (key, value)| {
            context.with(*key, *value)
        });
    request
}

fn open() -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})
}

fn named(name: &str, document: &Value) -> Arc<Compiled> {
    Arc::new(Compiled::new(NamedPolicy {
        name: name.into(),
        policy: Arc::new(Policy::parse(&document.to_string()).unwrap()),
    }))
}

/// Every request in every circumstance.
fn requests() -> impl Iterator<Item = (Right, usize)> {
    REQUESTS
        .into_iter()
        .flat_map(|right| (0..CIRCUMSTANCES.len()).map(move |at| (right, at)))
}

/// Whether a pattern with stars, such as an ARN of a policy, takes in a text.
fn takes_in(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

impl Declared {
    fn holds(&self, (action, resource): Right) -> bool {
        self.rights.iter().any(|right| {
            let (declared, pattern) = RIGHTS[*right];
            declared == action && takes_in(pattern, resource)
        })
    }
}

/// What a plan makes for one of its units: new roles, and who moves to them.
#[derive(Default)]
struct Unit {
    roles: Vec<Arn>,
    agents: Vec<usize>,
}

fn units(plan: &Plan, world: &World) -> BTreeMap<String, Unit> {
    let mut units: BTreeMap<String, Unit> = BTreeMap::new();
    for change in &plan.changes {
        let Some(name) = &change.agent else { continue };
        let unit = units.entry(name.clone()).or_default();
        match &change.act {
            Act::CreateRole { role, .. } => unit.roles.push(role.parse().unwrap()),
            Act::UpdateAgentRole { agent, .. } => {
                let at = world.agents.iter().position(|it| it.arn() == agent.arn);
                unit.agents.push(at.unwrap());
            }
            _ => {}
        }
    }
    units
}

/// Whether the platform's baseline of a unit names a request.
fn is_baseline(plan: &Plan, unit: &str, (action, resource): Right) -> bool {
    plan.baseline.iter().any(|right| {
        right.agent == unit
            && right.actions.iter().any(|it| it == action)
            && right.resources.iter().any(|it| takes_in(it, resource))
    })
}

fn verdict(plan: &Plan, claim: Claim, subject: &str) -> Option<Verdict> {
    let mut proofs = plan.proofs.iter();
    let proof = proofs.find(|it| it.claim == claim && it.subject == subject);
    proof.map(|it| it.proven.verdict())
}

fn is_proved(plan: &Plan, claim: Claim, subject: &str) -> bool {
    verdict(plan, claim, subject) == Some(Verdict::Proved)
}

/// What AWS takes of names and sizes, counted here from AWS's own pages and not by the lint.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
fn within_limits(plan: &Plan) -> Result<(), TestCaseError> {
    let length = |document: &bailiwick_review::plan::Document| document.0.to_string().len();
    let mut inline: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for change in &plan.changes {
        match &change.act {
            Act::CreatePolicy { policy, document } => {
                prop_assert!(policy.rsplit('/').next().unwrap().len() <= 128, "{policy}");
                prop_assert!(length(document) <= 6_144, "{policy}");
            }
            Act::CreateRole { role, trust, .. } => {
                prop_assert!(role.rsplit('/').next().unwrap().len() <= 64, "{role}");
                prop_assert!(length(trust) <= 2_048, "{role}");
            }
            Act::UpdateAssumeRolePolicy { role, document } => {
                prop_assert!(length(document) <= 2_048, "{role}");
            }
            Act::PutRolePolicy {
                role,
                name,
                document,
            } => {
                let of_role = inline.entry(role).or_default();
                of_role.insert(name, length(document));
                prop_assert!(of_role.values().sum::<usize>() <= 10_240, "{role}");
            }
            Act::CreateCeiling {
                ceiling,
                name,
                document,
            } => {
                let most = match ceiling {
                    CeilingKind::Scp => 10_240,
                    CeilingKind::Rcp => 5_120,
                };
                prop_assert!(length(document) <= most, "{name}");
            }
            _ => {}
        }
    }
    Ok(())
}

/// The estate after the plan, and that its inverse leads back.
fn applied(before: &Snapshot, plan: &Plan) -> Result<Snapshot, TestCaseError> {
    let after = before
        .apply(plan)
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    let back = after
        .apply(&plan.inverse(after.hash()))
        .map_err(|error| TestCaseError::fail(format!("back: {error}")))?;
    prop_assert!(back == *before, "the way back leads elsewhere");
    Ok(after)
}

struct Given {
    world: World,
    snapshot: Snapshot,
    charters: Charters,
    usage: Option<Usage>,
}

impl Given {
    fn of(world: World) -> Self {
        Self {
            snapshot: world.snapshot(),
            charters: world.charters(),
            usage: world.usage(),
            world,
        }
    }

    fn sources<'a>(&'a self, estate: &'a Estate) -> Sources<'a> {
        Sources {
            estate,
            catalog: builtin(),
            snapshot: &self.snapshot,
            charters: &self.charters,
            usage: self.usage.as_ref(),
        }
    }
}

fn check_split(world: World) -> Result<(), TestCaseError> {
    let given = Given::of(world);
    let world = &given.world;
    let before = estate(&given.snapshot);
    let old: Arn = OLD.parse().unwrap();
    let plan = split(given.sources(&before), &old)
        .map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(&Plan::parse(&plan.to_json().unwrap()).unwrap(), &plan);
    within_limits(&plan)?;
    let after_snapshot = applied(&given.snapshot, &plan)?;
    let after = estate(&after_snapshot);
    let (before, after) = (Decided::of(&before), Decided::of(&after));
    let units = units(&plan, world);
    check_who_needs_the_old_role(world, &plan, &given.snapshot, &after_snapshot)?;
    for (name, unit) in &units {
        prop_assert!(!unit.roles.is_empty(), "{name} moves to no role");
        check_unit(world, &plan, (name.as_str(), unit), (&before, &after))?;
    }
    Ok(())
}

/// A role that others need stays as it is; one that nobody needs goes, and nobody is left on it.
fn check_who_needs_the_old_role(
    world: &World,
    plan: &Plan,
    before: &Snapshot,
    after: &Snapshot,
) -> Result<(), TestCaseError> {
    let old: Arn = OLD.parse().unwrap();
    let detail = |snapshot: &Snapshot| snapshot.role_detail(&old).map(|(_, it)| it.clone());
    if is_proved(plan, Claim::OldRoleIsFree, OLD) {
        prop_assert!(!world.by_people, "people may assume it");
        prop_assert!(detail(after).is_none());
        let estate = estate(after);
        for agent in estate.agents.values() {
            let live = agent.roles.iter().filter(|role| {
                let mut versions = role.versions.iter();
                versions.any(|version| version.is_live())
            });
            for role in live {
                prop_assert!(
                    role.role.arn != old,
                    "{} still runs as the old role",
                    agent.arn
                );
            }
        }
    } else {
        prop_assert_eq!(detail(after), detail(before));
    }
    Ok(())
}

fn check_unit(
    world: &World,
    plan: &Plan,
    (name, unit): (&str, &Unit),
    (before, after): (&Decided<'_>, &Decided<'_>),
) -> Result<(), TestCaseError> {
    let old: Arn = OLD.parse().unwrap();
    let charters: Vec<Option<&Declared>> = unit
        .agents
        .iter()
        .map(|at| world.agents[*at].charter.as_ref())
        .collect();
    let declared = |right: Right| charters.iter().flatten().any(|it| it.holds(right));
    let is_declared = charters.iter().all(Option::is_some);
    if !is_declared {
        for claim in [Claim::NewInCharter, Claim::CharterInNew] {
            prop_assert_eq!(verdict(plan, claim, name), Some(Verdict::Unknown));
        }
    }
    for (right, at) in requests() {
        let had = |under| before.allows(&old, right, at, under);
        let baseline = is_baseline(plan, name, right);
        let allowing = |under| {
            let mut roles = unit.roles.iter();
            roles.any(|role| after.allows(role, right, at, under))
        };
        let (new, new_below) = (allowing(Under::OwnPolicies), allowing(Under::Ceilings));
        if is_proved(plan, Claim::NewInOld, name) {
            prop_assert!(
                !new || baseline || had(Under::OwnPolicies),
                "{name} gains {right:?} {at}"
            );
            prop_assert!(
                !new_below || baseline || had(Under::Ceilings),
                "{name} gains {right:?} {at} that a ceiling denied the old role"
            );
        }
        if is_proved(plan, Claim::NewInCharter, name) {
            prop_assert!(
                !new || baseline || declared(right),
                "{name} has {right:?} undeclared"
            );
        }
        if is_proved(plan, Claim::CharterInNew, name) {
            prop_assert!(!declared(right) || new, "{name} lacks {right:?} {at}");
            // What worked below the ceilings still does.
            prop_assert!(
                !declared(right) || !had(Under::Ceilings) || new_below,
                "{name} loses {right:?} {at} to a ceiling that spared the old role"
            );
        }
    }
    check_observed(world, plan, (name, unit), after)
}

/// What was seen of an agent and is declared goes on: in the circumstances of the trail, which are
/// those without a condition against them.
fn check_observed(
    world: &World,
    plan: &Plan,
    (name, unit): (&str, &Unit),
    after: &Decided<'_>,
) -> Result<(), TestCaseError> {
    let Some(seen) = &world.seen else {
        return Ok(());
    };
    if !seen.has_coverage {
        prop_assert!(!is_proved(plan, Claim::ObservedInNew, name));
    }
    if !is_proved(plan, Claim::ObservedInNew, name) {
        return Ok(());
    }
    for call in seen.calls.iter().filter(|call| call.went_through) {
        let right = REQUESTS[call.request];
        let own = call.agent.filter(|at| unit.agents.contains(at));
        let charter = own.and_then(|at| world.agents[at].charter.as_ref());
        if charter.is_some_and(|declared| declared.holds(right)) {
            let mut roles = unit.roles.iter();
            prop_assert!(
                roles.any(|role| after.allows(role, right, 0, Under::OwnPolicies)),
                "{name} loses {right:?}, which it was seen to do"
            );
        }
    }
    Ok(())
}

fn check_tighten(world: World) -> Result<(), TestCaseError> {
    let given = Given::of(world);
    let before = estate(&given.snapshot);
    let arn = given.world.agents[0].arn();
    let Some(agent) = before.agents.values().find(|it| it.arn.as_str() == arn) else {
        return Ok(());
    };
    let Ok(plan) = tighten(given.sources(&before), agent) else {
        return Ok(());
    };
    within_limits(&plan)?;
    let after = estate(&applied(&given.snapshot, &plan)?);
    let (before, after) = (Decided::of(&before), Decided::of(&after));
    let old: Arn = OLD.parse().unwrap();
    let made = &given.world.agents[0];
    let of = |claim| {
        let mut proofs = plan.proofs.iter();
        proofs
            .find(|it| it.claim == claim)
            .map(|it| it.proven.verdict())
    };
    // Tightening may leave too much, and never adds.
    prop_assert_ne!(of(Claim::NewInOld), Some(Verdict::Refuted));
    for (right, at) in requests() {
        for under in [Under::OwnPolicies, Under::Ceilings] {
            let had = before.allows(&old, right, at, under);
            let has = after.allows(&old, right, at, under);
            if of(Claim::NewInOld) == Some(Verdict::Proved) {
                prop_assert!(!has || had, "{right:?} {at} is new");
            }
            let declares = made.charter.as_ref().is_some_and(|it| it.holds(right));
            if of(Claim::CharterInNew) == Some(Verdict::Proved) && declares && had {
                prop_assert!(has, "{right:?} {at} is declared and lost");
            }
            let was_seen = given
                .world
                .seen
                .iter()
                .flat_map(|seen| &seen.calls)
                .any(|call| call.went_through && REQUESTS[call.request] == right);
            if of(Claim::ObservedInNew) == Some(Verdict::Proved) && was_seen && declares && had {
                prop_assert!(has, "{right:?} {at} was seen, is declared and lost");
            }
            if of(Claim::RemovedIsUnused) == Some(Verdict::Proved) && was_seen && had {
                prop_assert!(has, "{right:?} {at} was seen, and is called unused");
            }
        }
    }
    Ok(())
}

fn check_ceiling(world: World) -> Result<(), TestCaseError> {
    let given = Given::of(world);
    let before = estate(&given.snapshot);
    let site = Site {
        organization: Some("o-made123456".to_owned()),
        ..Site::default()
    };
    let observed = given.usage.as_ref().map(Observed::of).unwrap_or_default();
    let asked = Asked {
        estate: &before,
        charters: &given.charters,
        site: &site,
        observed: &observed,
        units: &[],
        choice: &Choice::All,
        admins: &["arn:aws:iam::*:role/admins/*".to_owned()],
        pipelines: &["arn:aws:iam::*:role/pipeline".to_owned()],
    };
    let proposal = propose(&asked).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let plan = proposal.plan(given.snapshot.hash());
    within_limits(&plan)?;
    let after_snapshot = applied(&given.snapshot, &plan)?;
    let after = estate(&after_snapshot);
    let compiled = CompiledEstate::new(&after, builtin());
    let attached: BTreeSet<&str> = plan
        .changes
        .iter()
        .filter_map(|change| match &change.act {
            Act::AttachCeiling { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    for agent in &given.world.agents {
        let Some(declared) = &agent.charter else {
            continue;
        };
        let mut charters = given.charters.iter();
        let arn: Arn = agent.arn().parse().unwrap();
        let charter = charters.find(|it| it.runs_as.contains(&arn)).unwrap();
        if !is_proved(&plan, Claim::CeilingBreaksNothing, charter.agent.as_str()) {
            continue;
        }
        let role = if declared.is_brokered {
            charter.task_role_arn(HOME.parse().unwrap())
        } else {
            format!(
                "arn:aws:iam::{HOME}:role{}{}",
                charter.role_path(),
                charter.agent
            )
        };
        for right in REQUESTS.into_iter().filter(|right| declared.holds(*right)) {
            let mut request = request(&role.parse().unwrap(), right, 3);
            request.context.set("aws:RequestedRegion", "us-east-1");
            request.context.set("aws:PrincipalOrgID", "o-made123456");
            request.context.set("aws:SecureTransport", "true");
            let mut layers = bailiwick_iam::layers::Layers {
                identity: Some(
                    [named(
                        "everything",
                        &json!({"Version": "2012-10-17", "Statement": [
                    {"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
                    )]
                    .into(),
                ),
                scp: compiled.scps(HOME.parse().unwrap()),
                ..Default::default()
            };
            layers.resource = Some(named("open", &open()));
            let owner = request.account_of_resource().unwrap();
            layers.rcp = compiled.rcps(owner);
            let decision = evaluate(&layers, &request, builtin());
            let denies = decision.because.iter().any(|it| {
                it.effect == bailiwick_iam::policy::Effect::Deny && attached.contains(&*it.policy)
            });
            prop_assert!(
                !denies,
                "{} is denied {right:?}: {:?}",
                charter.agent,
                decision.because
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(96)))]

    #[test]
    fn what_a_split_proves_the_evaluator_finds(world in world(1..5)) {
        check_split(world)?;
    }

    #[test]
    fn what_a_tightening_proves_the_evaluator_finds(world in world(1..2)) {
        check_tighten(world)?;
    }

    #[test]
    fn what_a_ceiling_proves_the_evaluator_finds(world in world(1..4)) {
        check_ceiling(world)?;
    }
}

/// What the old policy allows under a condition, and a charter and a trail without one.
#[test]
fn a_tightening_keeps_what_both_sides_allow_under_the_conditions_of_both() {
    let declared = Declared {
        rights: vec![0],
        is_brokered: false,
        is_of_class: false,
        has_long_name: false,
        has_model: false,
    };
    let tls = json!({"Bool": {"aws:SecureTransport": "true"}});
    for resource in ["arn:aws:s3:::a/*", "arn:aws:s3:::a/in/*"] {
        let world = World {
            agents: vec![Agent {
                kind: Kind::Harness,
                number: 0,
                versions: 0,
                charter: Some(declared.clone()),
            }],
            inline: vec![
                json!({"Effect": "Allow", "Action": "s3:*", "Resource": resource, "Condition": tls}),
            ],
            managed: None,
            boundary: None,
            scps: Vec::new(),
            by_people: false,
            is_named_elsewhere: false,
            seen: Some(Seen {
                has_coverage: true,
                calls: vec![Call {
                    agent: None,
                    request: 1,
                    went_through: true,
                }],
            }),
        };
        let given = Given::of(world);
        let before = estate(&given.snapshot);
        let agent = before.agents.values().next().unwrap();
        let plan = tighten(given.sources(&before), agent).unwrap();
        let after = estate(&given.snapshot.apply(&plan).unwrap());
        let after = Decided::of(&after);
        let old = OLD.parse().unwrap();
        let reads = |at| after.allows(&old, REQUESTS[1], at, Under::OwnPolicies);
        assert!(reads(0) && !reads(1), "{resource}: {:#?}", plan.changes);
        let writes = ("s3:PutObject", "arn:aws:s3:::a/in/x");
        assert!(
            !after.allows(&old, writes, 0, Under::OwnPolicies),
            "{resource}"
        );
    }
}

/// A property that no case meets is no property: these worlds have something to prove and something
/// to refute of every claim, and plans of which something cannot be told.
#[test]
fn the_made_worlds_meet_every_claim_proved_and_refuted() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let worlds = world(1..5);
    let mut met = BTreeSet::new();
    for _ in 0..96 {
        let given = Given::of(worlds.new_tree(&mut runner).unwrap().current());
        let before = estate(&given.snapshot);
        let plan = split(given.sources(&before), &OLD.parse().unwrap()).unwrap();
        met.extend(plan.proofs.iter().map(|it| (it.claim, it.proven.verdict())));
    }
    for (claim, verdict) in [
        (Claim::NewInOld, Verdict::Proved),
        (Claim::NewInOld, Verdict::Refuted),
        (Claim::NewInCharter, Verdict::Proved),
        (Claim::CharterInNew, Verdict::Proved),
        (Claim::CharterInNew, Verdict::Refuted),
        (Claim::CharterInNew, Verdict::Unknown),
        (Claim::ObservedInNew, Verdict::Proved),
        (Claim::ObservedInNew, Verdict::Unknown),
        (Claim::ChartersEqual, Verdict::Refuted),
        (Claim::OldRoleIsFree, Verdict::Proved),
        (Claim::OldRoleIsFree, Verdict::Refuted),
        (Claim::WithinLimits, Verdict::Proved),
    ] {
        assert!(
            met.contains(&(claim, verdict)),
            "no plan has `{claim}` {verdict:?}"
        );
    }
}

/// So many, or as many as `PROPTEST_CASES` says.
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}
