//! Asking whether something can be done at all, and in which circumstances.
//!
//! A rule asks about an action on a resource and leaves the circumstances open. If the answer hangs
//! on them, circumstances are made up that let every allowing statement match and no denying one,
//! and the evaluator is asked again: its word counts, never the making up.

use bailiwick_estate::{Id, PrincipalId, Role};
use bailiwick_iam::{
    access::{Find, Region},
    arn::{AccountId, Arn},
    evaluate::{Because, Decision, Outcome},
    layers::{Compiled, LayerKind, Layers},
    policy::{Condition, Effect, Quantifier, Statement, Test},
    request::{Context, Facts, Principal, Request, Values},
};

use super::{View, sample::instance};
use crate::finding::{Evidence, Witness};

/// A request is asked at most this often with circumstances made up.
const ATTEMPTS_MAX: usize = 12;

/// What came of asking.
#[derive(Debug)]
pub(crate) enum Answer {
    Yes(Proof),
    No,
    /// It hangs on this, and no circumstances were found that allow it.
    Unknown(Vec<String>),
}

/// A request that the evaluator allows, in complete circumstances.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    pub request: Request,
    pub because: Vec<Because>,
}

impl Proof {
    pub(crate) fn witness(&self) -> Witness {
        Witness::Request {
            request: Box::new(self.request.clone()),
            because: self.because.clone(),
        }
    }

    pub(crate) fn evidence(&self, view: &View<'_>) -> Vec<Evidence> {
        view.evidence_of(&self.request, &self.because)
    }
}

impl Answer {
    pub(crate) fn proof(self) -> Option<Proof> {
        match self {
            Self::Yes(proof) => Some(proof),
            Self::No | Self::Unknown(_) => None,
        }
    }
}

impl View<'_> {
    /// Whether a role can do this, in whatever circumstances.
    pub(crate) fn role_can(&self, role: Id<Role>, action: &str, resource: &str) -> Answer {
        let arn = self.estate.roles.at(role).arn.clone();
        self.ask(Request::new(Principal::Role(arn), action, resource))
    }

    /// Whether a role can do any of these actions on anything, by its own policies within boundary and
    /// SCPs. A no is proved.
    pub(crate) fn role_can_some(&self, role: Id<Role>, actions: &[String]) -> Answer {
        let principal = Principal::Role(self.estate.roles.at(role).arn.clone());
        let request = Request::new(principal.clone(), "*", "*");
        let known = self.tags(&request);
        let layers = self.compiled.layers(PrincipalId::Role(role));
        let told = known
            .iter()
            .map(|(key, value)| (key.as_str(), Some(value.as_str())));
        let access = self.algebra.access_knowing(&layers, Some(&principal), told);
        match access.find(&Region::new(actions, ["*"])) {
            Find::Found(found) => {
                let mut found = Request {
                    principal,
                    ..*found
                };
                self.tell_owner(&mut found);
                let open = self.decide(&found);
                self.without_pretence(found, &Context::default(), &known, &open)
            }
            Find::Nothing => Answer::No,
            Find::Unknown(why) => Answer::Unknown(vec![why.to_string()]),
        }
    }

    /// Whether a role or a user can do this, in whatever circumstances.
    pub(crate) fn principal_can(
        &self,
        principal: PrincipalId,
        action: &str,
        resource: &str,
    ) -> Answer {
        let arn = self.estate.arn(principal).clone();
        let principal = match principal {
            PrincipalId::Role(_) => Principal::Role(arn),
            PrincipalId::User(_) => Principal::User(arn),
        };
        self.ask(Request::new(principal, action, resource))
    }

    /// Whether this is allowed in some circumstances that agree with those given.
    pub(crate) fn ask(&self, request: Request) -> Answer {
        let layers = self.layers_for(&request);
        self.ask_under(request, &layers)
    }

    /// The statements by which the SCPs over a role deny a request in all circumstances; none where
    /// no SCP allows it. `None` if they do not, or if it cannot be told.
    pub(crate) fn denied_by_scps(
        &self,
        role: &Arn,
        action: &str,
        resource: &str,
    ) -> Option<Vec<Because>> {
        let layers = Layers {
            identity: Some(self.stranger()),
            scp: Some(self.compiled.scps(role.account_id()?)?),
            ..Layers::default()
        };
        let request = Request::new(Principal::Role(role.clone()), action, resource);
        match self.ask_under(request.clone(), &layers) {
            Answer::Yes(_) | Answer::Unknown(_) => None,
            Answer::No => {
                let decision = self.compiled.decide(&layers, &request);
                let denies = |it: &Because| it.effect == Effect::Deny;
                (decision.layer == Some(LayerKind::Scp))
                    .then(|| decision.because.into_iter().filter(denies).collect())
            }
        }
    }

    fn ask_under(&self, mut request: Request, layers: &Layers) -> Answer {
        if request.principal.account().is_some() {
            self.tell_region(&mut request);
        }
        self.tell_owner(&mut request);
        request.context.set_complete(false);
        let open = self.compiled.decide(layers, &request);
        match open.outcome {
            Outcome::ImplicitDeny | Outcome::ExplicitDeny => Answer::No,
            Outcome::Allow => self.settle(request, layers, &open),
            Outcome::Unknown => self.search(request, layers, &open),
        }
    }

    /// Whether this is allowed in exactly the circumstances given.
    pub(crate) fn ask_exactly(&self, mut request: Request) -> Answer {
        self.tell_owner(&mut request);
        let decision = self.decide(&request);
        match decision.outcome {
            Outcome::ImplicitDeny | Outcome::ExplicitDeny => Answer::No,
            Outcome::Allow => Answer::Yes(proof(request, decision)),
            Outcome::Unknown => Answer::Unknown(missing(&decision)),
        }
    }

    /// Whether this is allowed in exactly the circumstances given; a no only if no others that agree
    /// with them would change it. Nothing is made up in between.
    pub(crate) fn ask_plainly(&self, request: Request) -> Answer {
        let mut open = request.clone();
        open.context.set_complete(false);
        match self.ask_exactly(request) {
            Answer::Yes(proof) => Answer::Yes(proof),
            Answer::No | Answer::Unknown(_) => self.ask_exactly(open),
        }
    }

    /// The same request with nothing left open: what is allowed whatever the circumstances is
    /// allowed in these too.
    fn settle(&self, mut request: Request, layers: &Layers, open: &Decision) -> Answer {
        request.context.set_complete(true);
        match self.compiled.decide(layers, &request) {
            complete if complete.outcome == Outcome::Allow => Answer::Yes(proof(request, complete)),
            _ => Answer::Unknown(missing(open)),
        }
    }

    fn search(&self, request: Request, layers: &Layers, open: &Decision) -> Answer {
        if !open.unreadable.is_empty() {
            return Answer::Unknown(missing(open));
        }
        let known = self.tags(&request);
        let candidates = candidates(layers, open);
        for attempt in candidates.iter().take(ATTEMPTS_MAX) {
            let mut tried = request.clone();
            tried.context.set_complete(true);
            for (key, value) in &known {
                tried.context.set(key.clone(), value.clone());
            }
            for (effect, statement) in attempt {
                match effect {
                    Effect::Allow => self.satisfy(statement, &mut tried),
                    Effect::Deny => self.evade(statement, &mut tried),
                }
            }
            let decision = self.compiled.decide(layers, &tried);
            if decision.outcome == Outcome::Allow {
                return Answer::Yes(proof(tried, decision));
            }
        }
        self.prove(request, layers, &known, open)
    }

    /// Asks the algebra, which looks at all circumstances at once.
    fn prove(
        &self,
        request: Request,
        layers: &Layers,
        known: &[(String, String)],
        open: &Decision,
    ) -> Answer {
        let told = known
            .iter()
            .map(|(key, value)| (key.as_str(), Some(value.as_str())));
        let access = self
            .algebra
            .access_knowing(layers, Some(&request.principal), told);
        let mut region = Region::new([request.action.as_str()], [request.resource.as_str()]);
        for (key, values) in request.context.iter() {
            region = region.among(key, values.iter());
        }
        match access.find(&region) {
            Find::Found(found) => {
                let found = Request {
                    principal: request.principal,
                    ..*found
                };
                self.without_pretence(found, &request.context, known, open)
            }
            // What the resource's own policy grants is no part of this access.
            Find::Nothing if layers.resource.is_none() => Answer::No,
            Find::Nothing | Find::Unknown(_) => Answer::Unknown(missing(open)),
        }
    }

    /// A request that the algebra found, if it is allowed without the keys that nobody may make up:
    /// whose organisation, whose tags. Where it hangs on them, so does the answer.
    fn without_pretence(
        &self,
        mut found: Request,
        given: &Context,
        known: &[(String, String)],
        open: &Decision,
    ) -> Answer {
        let is_told = |key: &str| {
            is_set(given, key) || known.iter().any(|(name, _)| name.eq_ignore_ascii_case(key))
        };
        let made_up: Vec<_> = found
            .context
            .iter()
            .map(|(key, _)| key.to_owned())
            .filter(|key| is_given(key) && !is_told(key))
            .collect();
        for key in &made_up {
            found.context.remove(key);
        }
        match self.decide(&found) {
            decision if decision.outcome == Outcome::Allow => Answer::Yes(proof(found, decision)),
            _ if made_up.is_empty() => Answer::Unknown(missing(open)),
            _ => Answer::Unknown(made_up),
        }
    }

    /// Adds to a request what the estate tells of it: the tags of who asks and of what is asked for,
    /// its region, and whose the resource is. What was given stays.
    pub fn tell(&self, request: &mut Request) {
        self.tell_region(request);
        for (key, value) in self.tags(request) {
            if !is_set(&request.context, &key) {
                request.context.set(key, value);
            }
        }
        self.tell_owner(request);
    }

    /// A call goes to the region of its resource.
    fn tell_region(&self, request: &mut Request) {
        let Ok(arn) = request.resource.parse::<Arn>() else {
            return;
        };
        let told = !matches!(
            request.context.facts("aws:RequestedRegion"),
            Facts::Absent | Facts::Unknown
        );
        if !told && !arn.region().is_empty() {
            request.context.set("aws:RequestedRegion", arn.region());
        }
    }

    /// The tags of the principal and of the resource, as condition keys.
    fn tags(&self, request: &Request) -> Vec<(String, String)> {
        let principal = request
            .principal
            .role()
            .or(request.principal.arn())
            .and_then(|arn| self.estate.principal(arn));
        let mut known = Vec::new();
        let tags = principal.map(|it| match it {
            PrincipalId::Role(role) => &self.estate.roles.at(role).tags,
            PrincipalId::User(user) => &self.estate.users.at(user).tags,
        });
        for (key, value) in tags.into_iter().flatten() {
            known.push((format!("aws:PrincipalTag/{key}"), value.clone()));
        }
        let tags = request
            .resource
            .parse()
            .ok()
            .and_then(|arn| self.tags_of(&arn));
        for (key, value) in tags.into_iter().flatten() {
            known.push((format!("aws:ResourceTag/{key}"), value.clone()));
        }
        known
    }

    /// Makes a statement match, as far as its conditions can be met.
    fn satisfy(&self, statement: &Statement, request: &mut Request) {
        let account = request.principal.account();
        for condition in &statement.conditions {
            if is_given(&condition.key.value) || is_set(&request.context, &condition.key.value) {
                continue;
            }
            if let Some(value) = matching(condition, account) {
                self.set(condition, value, &mut request.context);
            }
        }
    }

    /// Keeps a statement from matching, if one of its conditions can be broken.
    fn evade(&self, statement: &Statement, request: &mut Request) {
        let account = request.principal.account();
        for condition in &statement.conditions {
            let key = &condition.key.value;
            if is_given(key) {
                continue;
            }
            let absent_holds = holds_when_absent(condition);
            if !absent_holds {
                if !is_set(&request.context, key) {
                    return;
                }
                continue;
            }
            if is_set(&request.context, key) {
                continue;
            }
            if let Some(value) = breaking(condition, account) {
                self.set(condition, value, &mut request.context);
                return;
            }
        }
    }

    fn set(&self, condition: &Condition, value: String, context: &mut Context) {
        let key = &condition.key.value;
        let several = self
            .catalog
            .condition_key(key)
            .is_ok_and(|key| key.multi_valued());
        if several || condition.operator.quantifier.is_some() {
            context.set(key.clone(), Values::Many(vec![value]));
        } else {
            context.set(key.clone(), value);
        }
    }
}

fn proof(request: Request, decision: Decision) -> Proof {
    Proof {
        request,
        because: decision.because.into_vec(),
    }
}

/// What an unknown answer hangs on.
fn missing(decision: &Decision) -> Vec<String> {
    let keys = decision.missing.iter().cloned();
    let policies = decision
        .unreadable
        .iter()
        .map(|it| format!("the {} policy {}: {}", it.layer, it.policy, it.why));
    keys.chain(policies).collect()
}

type Attempt<'l> = Vec<(Effect, &'l Statement)>;

/// For each identity statement that may allow it: that one and all other statements that matter.
fn candidates<'l>(layers: &'l Layers, open: &Decision) -> Vec<Attempt<'l>> {
    let matter: Vec<_> = open
        .because
        .iter()
        .filter_map(|because| Some((because, statement_of(layers, because)?)))
        .collect();
    let is_grant = |because: &Because| {
        because.effect == Effect::Allow
            && matches!(
                because.layer,
                LayerKind::Identity | LayerKind::Resource | LayerKind::Trust
            )
    };
    let others: Vec<_> = matter
        .iter()
        .filter(|(because, _)| !is_grant(because))
        .map(|(because, statement)| (because.effect, *statement))
        .collect();
    let grants = matter.iter().filter(|(because, _)| is_grant(because));
    let all = matter
        .iter()
        .map(|(because, statement)| (because.effect, *statement))
        .collect();
    let mut attempts: Vec<Attempt<'l>> = grants
        .map(|(because, statement)| {
            let mut attempt = vec![(because.effect, *statement)];
            attempt.extend(others.iter().copied());
            attempt
        })
        .collect();
    attempts.insert(0, all);
    attempts
}

fn statement_of<'l>(layers: &'l Layers, because: &Because) -> Option<&'l Statement> {
    let in_policies = |policies: &'l [std::sync::Arc<Compiled>]| {
        policies
            .iter()
            .find(|it| *it.name() == because.policy)
            .and_then(|it| it.policy()?.statements.get(because.statement))
    };
    let in_levels = |levels: &'l Option<std::sync::Arc<[bailiwick_iam::layers::Level]>>| {
        levels
            .as_deref()?
            .iter()
            .find_map(|level| in_policies(&level.policies))
    };
    match because.layer {
        LayerKind::Identity => in_policies(layers.identity.as_deref()?),
        LayerKind::Boundary => in_policies(layers.boundary.as_deref()?),
        LayerKind::Session => in_policies(layers.session.as_deref()?),
        LayerKind::Endpoint => in_policies(layers.endpoint.as_deref()?),
        LayerKind::Scp => in_levels(&layers.scp),
        LayerKind::Rcp => in_levels(&layers.rcp),
        LayerKind::Resource | LayerKind::Trust => layers
            .resource
            .as_ref()?
            .policy()?
            .statements
            .get(because.statement),
    }
}

/// Whether the key follows from who asks or for what, so that nobody may make it up.
fn is_given(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    [
        "aws:principal",
        "aws:userid",
        "aws:username",
        "aws:resourceaccount",
        "aws:resourceorg",
        "aws:sourceorg",
    ]
    .iter()
    .any(|given| key.starts_with(given))
}

fn is_set(context: &Context, key: &str) -> bool {
    matches!(context.facts(key), Facts::Values(_))
}

/// Whether the condition holds where its key is absent.
fn holds_when_absent(condition: &Condition) -> bool {
    let operator = condition.operator;
    if operator.test == Test::Null {
        return condition.values.iter().any(|it| it.value == "true");
    }
    match operator.quantifier {
        Some(Quantifier::ForAllValues) => true,
        Some(Quantifier::ForAnyValue) => false,
        None => operator.if_exists || operator.test.is_negated(),
    }
}

/// A value with which the condition holds; `None` where none is needed or none is known.
fn matching(condition: &Condition, account: Option<AccountId>) -> Option<String> {
    if holds_when_absent(condition) {
        return None;
    }
    let value = condition.values.first()?.value.as_str();
    if condition.operator.test == Test::Null {
        return Some("any".to_owned());
    }
    if condition.operator.test.is_negated() {
        return other_than(condition);
    }
    hit(condition.operator.test, value, account)
}

/// A value with which the condition, which holds where its key is absent, does not hold.
fn breaking(condition: &Condition, account: Option<AccountId>) -> Option<String> {
    let value = condition.values.first()?.value.as_str();
    let test = condition.operator.test;
    if test == Test::Null {
        return Some("any".to_owned());
    }
    if test.is_negated() {
        return hit(test, value, account);
    }
    other_than(condition)
}

/// A value that the comparison finds equal to, like, or on the asked side of `value`.
fn hit(test: Test, value: &str, account: Option<AccountId>) -> Option<String> {
    match test {
        Test::StringLike
        | Test::StringNotLike
        | Test::ArnEquals
        | Test::ArnLike
        | Test::ArnNotEquals
        | Test::ArnNotLike => instance(value, account?),
        Test::IpAddress | Test::NotIpAddress => {
            Some(value.split('/').next().unwrap_or(value).to_owned())
        }
        Test::NumericLessThan => Some((value.parse::<i64>().ok()? - 1).to_string()),
        Test::NumericGreaterThan => Some((value.parse::<i64>().ok()? + 1).to_string()),
        Test::DateLessThan => Some("1970-01-02T00:00:00Z".to_owned()),
        Test::DateGreaterThan => Some("2999-01-01T00:00:00Z".to_owned()),
        Test::StringEquals
        | Test::StringNotEquals
        | Test::StringEqualsIgnoreCase
        | Test::StringNotEqualsIgnoreCase => {
            let has_variable = value.contains("${");
            if has_variable {
                instance(value, account?)
            } else {
                Some(value.to_owned())
            }
        }
        Test::NumericEquals
        | Test::NumericNotEquals
        | Test::NumericLessThanEquals
        | Test::NumericGreaterThanEquals
        | Test::DateEquals
        | Test::DateNotEquals
        | Test::DateLessThanEquals
        | Test::DateGreaterThanEquals
        | Test::Bool
        | Test::BinaryEquals => Some(value.to_owned()),
        Test::Null => None,
    }
}

/// A value that is none of the condition's.
fn other_than(condition: &Condition) -> Option<String> {
    let value = condition.values.first()?.value.as_str();
    match condition.operator.test {
        Test::Bool => Some(if value == "true" { "false" } else { "true" }.to_owned()),
        Test::IpAddress | Test::NotIpAddress => Some("192.0.2.1".to_owned()),
        Test::ArnEquals | Test::ArnLike | Test::ArnNotEquals | Test::ArnNotLike => {
            Some("arn:aws:any:us-east-1:000000000000:other".to_owned())
        }
        Test::StringEquals
        | Test::StringNotEquals
        | Test::StringEqualsIgnoreCase
        | Test::StringNotEqualsIgnoreCase
        | Test::StringLike
        | Test::StringNotLike => Some("other".to_owned()),
        Test::NumericEquals
        | Test::NumericNotEquals
        | Test::NumericLessThan
        | Test::NumericLessThanEquals
        | Test::NumericGreaterThan
        | Test::NumericGreaterThanEquals
        | Test::DateEquals
        | Test::DateNotEquals
        | Test::DateLessThan
        | Test::DateLessThanEquals
        | Test::DateGreaterThan
        | Test::DateGreaterThanEquals
        | Test::BinaryEquals
        | Test::Null => None,
    }
}
