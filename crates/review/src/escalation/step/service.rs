//! Steps to a role through a service that trusts it: the role is passed, or something that exists
//! already runs as it.

use std::{collections::BTreeSet, ops::ControlFlow};

use bailiwick_estate::{Id, PrincipalId, Role};
use bailiwick_iam::arn::Arn;

use super::{From, Goal, Step, Sure, Tally, Visit, surer};
use crate::escalation::{
    alike::{Alike, Refused, Taken, class_and_trust},
    circumstance::Asked,
    holder::Holder,
    index::Existing,
    path::{Gives, Inbound, Need, On, Path, Template},
    question::Answer,
    scenario::{Scenario, suggested},
    world::Call,
};

const PASS: &str = "iam:PassRole";

/// The most things of a type that are tried where any will do.
const EXISTING_MAX: usize = 16;

/// What a path finds to exist, or takes to exist.
#[derive(Debug, Clone)]
enum Found<'x> {
    /// The path needs nothing to exist.
    Nothing,
    Listed(&'x Existing<'x>),
    /// One of a type, which the snapshot does not list.
    Unlisted {
        kind: &'x str,
        arn: String,
    },
}

/// The calls of a path that are not about the role: where, on what, and with what proofs.
#[derive(Debug, Clone)]
struct Setting {
    region: String,
    /// The ARN for which the service will assume the role.
    source: Option<String>,
    tally: Tally,
}

/// A role of the caller's account, passed to a service that trusts it.
pub(crate) fn passed_role(
    from: From<'_, '_>,
    path: &'static Path,
    goal: &Goal<'_, '_>,
    visit: Visit<'_>,
) -> ControlFlow<()> {
    let world = from.world;
    let alike = Alike::of(world, from.rights, [Some(PASS)]);
    let passable = passable(from, path, goal, &alike);
    let wanted = passable.into_iter().filter(|&role| {
        let principal = PrincipalId::Role(role);
        let target = world.estate.roles.at(role);
        let profiled = !path.instance_profile || !target.instance_profiles.is_empty();
        profiled && !from.is(principal) && (goal.wants)(Holder::of(principal))
    });
    let roles: Vec<_> = wanted.collect();
    if roles.is_empty() {
        return ControlFlow::Continue(());
    }
    let settings = from.settings_once(path, goal.takes_assumptions());
    let mut refused = Refused::new();
    let mut taken = Taken::of(goal);
    for role in roles {
        let to = Holder::of(PrincipalId::Role(role));
        let kind = class_and_trust(world, &alike, role).map(|it| (it, (goal.privileged)(to)));
        if refused.covers(kind.as_ref()) {
            continue;
        }
        if let Some(sure) = taken.sure(kind.as_ref()) {
            visit(Step::bare(path, to, sure))?;
            continue;
        }
        let tally = from.passing(path, role, &settings, goal);
        match tally.filter(|it| goal.is_sure_enough(it)) {
            Some(tally) => {
                taken.add(kind, tally.sure());
                visit(tally.step(path, to))?;
            }
            None => refused.add(kind),
        }
    }
    ControlFlow::Continue(())
}

/// The roles that trust the path's services and that the caller's statements may let it pass, in the
/// order of the estate. Of those that they cannot tell apart one is looked at.
fn passable(
    from: From<'_, '_>,
    path: &'static Path,
    goal: &Goal<'_, '_>,
    alike: &Alike,
) -> Vec<Id<Role>> {
    let world = from.world;
    let may = |role: &Id<Role>| {
        let arn = &world.estate.roles.at(*role).arn;
        world.may(from.rights, PASS, arn.as_str())
    };
    let account = from.rights.account;
    let Some(parts) = alike.parts(goal.index, account, &path.services) else {
        let trusting = goal.index.trusting(account, &path.services);
        return trusting.iter().copied().filter(may).collect();
    };
    let passable = parts
        .into_iter()
        .filter(|part| part.first().is_some_and(may));
    let mut roles: Vec<_> = passable.flat_map(|part| part.to_vec()).collect();
    roles.sort_unstable();
    roles
}

/// The role that something in the caller's account runs as.
pub(crate) fn bound_role(
    from: From<'_, '_>,
    path: &'static Path,
    goal: &Goal<'_, '_>,
    visit: Visit<'_>,
) -> ControlFlow<()> {
    let mut shown: BTreeSet<Id<Role>> = BTreeSet::new();
    let world = from.world;
    for existing in world
        .inventory
        .of_kinds(from.rights.account, &path.existing)
    {
        let Some(role) = existing.role else {
            continue;
        };
        let to = Holder::of(PrincipalId::Role(role));
        if from.is(to.principal) || shown.contains(&role) || !(goal.wants)(to) {
            continue;
        }
        let Some(tally) = from.taking_over(path, existing, role) else {
            continue;
        };
        if goal.is_sure_enough(&tally) {
            shown.insert(role);
            visit(tally.step(path, to))?;
        }
    }
    if !goal.takes_assumptions() || from.is_barred(path, true) {
        return ControlFlow::Continue(());
    }
    let trusting = goal.index.trusting(from.rights.account, &path.services);
    let roles = trusting.iter().copied().filter(|&role| {
        let to = Holder::of(PrincipalId::Role(role));
        let new = !from.is(to.principal) && !shown.contains(&role);
        new && (goal.wants)(to) && (goal.privileged)(to)
    });
    let roles: Vec<_> = roles.collect();
    if roles.is_empty() {
        return ControlFlow::Continue(());
    }
    let settings = from.unlisted_once(path);
    let mut refused = Refused::new();
    let mut taken = Taken::of(goal);
    for role in roles {
        if settings.is_empty() || !goal.takes_assumptions() {
            break;
        }
        let trust = world.trust_text(role);
        if refused.covers(trust.as_ref()) {
            continue;
        }
        let to = Holder::of(PrincipalId::Role(role));
        if let Some(sure) = taken.sure(trust.as_ref()) {
            visit(Step::bare(path, to, sure))?;
            continue;
        }
        let tally = from.trusted(path, role, &settings);
        match tally.filter(|it| goal.is_sure_enough(it)) {
            Some(tally) => {
                taken.add(trust, tally.sure());
                visit(tally.step(path, to))?;
            }
            None => refused.add(trust),
        }
    }
    ControlFlow::Continue(())
}

impl<'f> From<'f, '_> {
    /// The same as `settings`, and none at once where there were none the last time: most holders
    /// that are asked again, about others, lack some call of the path.
    fn settings_once(self, path: &'static Path, assuming: bool) -> Vec<Setting> {
        self.unless_barred(path, assuming, || self.settings(path, assuming, &[]))
    }

    fn unlisted_once(self, path: &'static Path) -> Vec<Setting> {
        self.unless_barred(path, true, || self.unlisted(path, &[]))
    }

    fn unless_barred(
        self,
        path: &'static Path,
        assuming: bool,
        settings: impl FnOnce() -> Vec<Setting>,
    ) -> Vec<Setting> {
        if self.is_barred(path, assuming) {
            return Vec::new();
        }
        let found = settings();
        if found.is_empty() {
            let key = (self.rights.holder, path.id.as_str(), assuming);
            self.world.barred.borrow_mut().insert(key);
        }
        found
    }

    fn is_barred(self, path: &'static Path, assuming: bool) -> bool {
        let key = (self.rights.holder, path.id.as_str(), assuming);
        self.world.barred.borrow().contains(&key)
    }

    /// The ways to make the calls of a path that are not about the role.
    fn settings(self, path: &Path, assuming: bool, sources: &[&str]) -> Vec<Setting> {
        if path.existing.is_empty() {
            return self.settings_with(path, &Found::Nothing, sources);
        }
        let inventory = &self.world.inventory;
        let listed = inventory.of_kinds(self.rights.account, &path.existing);
        let mut settings = Vec::new();
        for existing in listed.take(EXISTING_MAX) {
            settings.extend(self.settings_with(path, &Found::Listed(existing), sources));
        }
        let proved = settings.iter().any(|it| it.tally.sure() == Sure::Proved);
        if !proved && assuming {
            settings.extend(self.unlisted(path, sources));
        }
        settings
    }

    /// The same, with something that the snapshot does not list.
    fn unlisted(self, path: &Path, sources: &[&str]) -> Vec<Setting> {
        let mut settings = Vec::new();
        for kind in path.existing.iter().take(1) {
            let Some(template) = self.world.book.thing_of(kind) else {
                continue;
            };
            for arn in self.unlisted_arns(path, template, sources) {
                if self.is_ruled_out(kind, &arn) {
                    continue;
                }
                let found = Found::Unlisted { kind, arn };
                settings.extend(self.settings_with(path, &found, sources));
                if !settings.is_empty() {
                    break;
                }
            }
        }
        settings
    }

    /// Whether AWS was asked for all things of a kind where this one would be: what it did not list
    /// does not exist.
    fn is_ruled_out(self, kind: &str, arn: &str) -> bool {
        let Some(listing) = listing(kind) else {
            return false;
        };
        let account = self.rights.account;
        arn.parse::<Arn>().is_ok_and(|arn| {
            self.world
                .estate
                .answered_in(account, arn.region(), listing)
        })
    }

    fn unlisted_arns(self, path: &Path, template: &Template, sources: &[&str]) -> Vec<String> {
        let account = self.rights.account.to_string();
        let on_existing = path.needs.iter().filter(|need| need.on == On::Existing);
        let patterns: Vec<&str> = on_existing
            .flat_map(|need| self.world.patterns(self.rights, &need.action))
            .chain(sources.iter().copied())
            .collect();
        let mut arns = Vec::new();
        let places = suggested(
            patterns.iter().copied(),
            &[],
            self.world.regions(self.rights),
        );
        let mut regions: Vec<_> = places.into_iter().map(|it| it.region).collect();
        regions.dedup();
        for region in regions {
            let scenario = Scenario {
                region,
                ..Scenario::default()
            };
            let here = scenario.arns_of_some(
                template,
                self.partition(),
                &account,
                patterns.iter().copied(),
            );
            for arn in here {
                if !arns.contains(&arn) {
                    arns.push(arn);
                }
            }
        }
        arns
    }

    /// The scenarios in which every call that is not about the role is allowed: the plainest, if it
    /// will do; else those that the caller's own patterns suggest.
    fn settings_with(self, path: &Path, found: &Found<'_>, sources: &[&str]) -> Vec<Setting> {
        const SETTINGS_MAX: usize = 4;
        let mut plain = Scenario::default();
        if let Some(region) = region_of(found) {
            plain.region = region;
        }
        if sources.is_empty()
            && let Some(setting) = self.setting(path, found, &plain)
            && setting.tally.missing.is_empty()
        {
            return vec![setting];
        }
        let mut settings = Vec::new();
        let mut scenarios = self.scenarios(path, sources);
        if let Some(region) = region_of(found) {
            for scenario in &mut scenarios {
                scenario.region.clone_from(&region);
            }
            // Of the same names in several Regions, one in this is left.
            let mut names = BTreeSet::new();
            scenarios.retain(|scenario| names.insert(scenario.name.clone()));
        }
        for scenario in scenarios {
            settings.extend(self.setting(path, found, &scenario));
            if settings.len() >= SETTINGS_MAX {
                break;
            }
        }
        settings
    }

    fn scenarios(self, path: &Path, sources: &[&str]) -> Vec<Scenario> {
        let things = path.needs.iter().filter_map(|need| match &need.on {
            On::Thing(thing) => self.world.book.things.get(thing),
            On::Nothing | On::Target | On::Oneself | On::Group | On::Policy | On::Existing => None,
        });
        let mut heads: Vec<&str> = things.map(Template::head).collect();
        heads.dedup();
        let patterns = path
            .needs
            .iter()
            .filter(|need| need.action != PASS)
            .flat_map(|need| self.world.patterns(self.rights, &need.action))
            .chain(sources.iter().copied());
        suggested(patterns, &heads, self.world.regions(self.rights))
    }

    /// The calls of a path that are not about the role, in one scenario.
    fn setting(self, path: &Path, found: &Found<'_>, scenario: &Scenario) -> Option<Setting> {
        let mut tally = Tally::default();
        for need in path.needs.iter().filter(|need| need.action != PASS) {
            let answer = match (&need.on, found) {
                (On::Thing(thing), _) => {
                    self.ask_thing(need, self.world.book.things.get(thing)?, scenario)
                }
                (On::Existing, Found::Listed(existing)) => self.ask_existing(need, existing),
                (On::Existing, Found::Unlisted { arn, .. }) => {
                    self.ask_at(need, arn, &scenario.region, Asked::Existing)
                }
                (On::Nothing, _) => self.ask_at(need, "*", &scenario.region, Asked::Chosen),
                (On::Existing, Found::Nothing)
                | (On::Target | On::Oneself | On::Group | On::Policy, _) => Answer::No,
            };
            tally.add(answer)?;
        }
        if let Found::Unlisted { kind, .. } = found {
            let account = self.rights.account;
            let named = tally.proofs.iter().find(|it| it.request.resource != "*");
            let such_as = named.map_or_else(String::new, |proof| {
                format!(", such as {}", proof.request.resource)
            });
            tally.assume(format!("an {kind} exists in {account}{such_as}"));
        }
        Some(Setting {
            region: scenario.region.clone(),
            source: self.source(path, found, scenario),
            tally,
        })
    }

    fn source(self, path: &Path, found: &Found<'_>, scenario: &Scenario) -> Option<String> {
        let made = || {
            let template = self.world.book.things.get(path.source()?)?;
            let account = self.rights.account.to_string();
            Some(scenario.arn(template, self.partition(), &account))
        };
        let runs = path.gives == Gives::BoundRole;
        match found {
            Found::Listed(existing) if runs => Some(existing.arn.to_string()),
            Found::Unlisted { arn, .. } if runs => Some(arn.clone()),
            Found::Nothing | Found::Listed(_) | Found::Unlisted { .. } => made(),
        }
    }

    fn ask_thing(self, need: &Need, template: &Template, scenario: &Scenario) -> Answer {
        let account = self.rights.account.to_string();
        let partition = self.partition();
        if !template.as_str().contains("{some}") {
            let arn = scenario.arn(template, partition, &account);
            return self.ask_at(need, &arn, &scenario.region, Asked::Chosen);
        }
        let patterns = self.world.patterns(self.rights, &need.action);
        let mut answer = Answer::No;
        for arn in scenario.arns_of_some(template, partition, &account, patterns) {
            match self.ask_at(need, &arn, &scenario.region, Asked::Chosen) {
                Answer::Yes(proof) => return Answer::Yes(proof),
                Answer::No => {}
                unknown @ Answer::Unknown(_) => answer = unknown,
            }
        }
        answer
    }

    fn ask_existing(self, need: &Need, existing: &Existing<'_>) -> Answer {
        // Resources are often listed without their tags; of those nothing is known.
        let asked = if existing.tags.is_empty() {
            Asked::Existing
        } else {
            Asked::Tagged(existing.tags)
        };
        self.ask_at(need, existing.arn.as_str(), existing.arn.region(), asked)
    }

    fn ask_at(self, need: &Need, arn: &str, region: &str, asked: Asked<'_>) -> Answer {
        if !self.world.may(self.rights, &need.action, arn) {
            return Answer::No;
        }
        let call = Call {
            action: &need.action,
            resource: arn,
            region,
            asked,
            fixed: &[],
        };
        self.world.ask(self.rights, &self.rights.layers, call)
    }

    /// Passing a role, in one of the settings, to a service that it trusts there.
    fn passing(
        self,
        path: &Path,
        role: Id<Role>,
        settings: &[Setting],
        goal: &Goal<'_, '_>,
    ) -> Option<Tally> {
        let to = Holder::of(PrincipalId::Role(role));
        let worth_assuming = (goal.privileged)(to);
        let settings: Vec<_> = settings
            .iter()
            .filter(|it| it.tally.assumes.is_empty() || worth_assuming)
            .cloned()
            .collect();
        let mut best = None;
        for setting in &settings {
            let Some(passed) = self.pass(path, role, &setting.region) else {
                continue;
            };
            let tally = passed.join(&setting.tally);
            for service in &path.services {
                let mut tally = tally.clone();
                let trusts = self.world.trusts(role, service, setting.source.as_deref());
                if tally.add(trusts).is_some() {
                    best = surer(best, tally);
                }
            }
            if best
                .as_ref()
                .is_some_and(|it: &Tally| it.sure() == Sure::Proved)
            {
                break;
            }
        }
        best.or_else(|| self.passing_as_trusted(path, role, goal))
    }

    /// The role trusts the service only for things of certain names: then the path takes these.
    fn passing_as_trusted(self, path: &Path, role: Id<Role>, goal: &Goal<'_, '_>) -> Option<Tally> {
        let sources = self.world.sources(role);
        if sources.is_empty() {
            return None;
        }
        let mut best = None;
        for setting in self.settings(path, goal.takes_assumptions(), &sources) {
            let passed = self.pass(path, role, &setting.region)?;
            for service in &path.services {
                let mut tally = passed.clone().join(&setting.tally);
                let trusts = self.world.trusts(role, service, setting.source.as_deref());
                if tally.add(trusts).is_some() {
                    best = surer(best, tally);
                }
            }
        }
        best
    }

    fn pass(self, path: &Path, role: Id<Role>, region: &str) -> Option<Tally> {
        let target = self.world.estate.roles.at(role);
        let mut best = None;
        for service in path.passed_to() {
            let call = Call {
                action: PASS,
                resource: target.arn.as_str(),
                region,
                asked: Asked::Tagged(&target.tags),
                fixed: &[("iam:PassedToService", Some(service))],
            };
            let mut tally = Tally::default();
            let answer = self.world.ask(self.rights, &self.rights.layers, call);
            if tally.add(answer).is_some() {
                best = surer(best, tally);
            }
            if best
                .as_ref()
                .is_some_and(|it: &Tally| it.sure() == Sure::Proved)
            {
                break;
            }
        }
        best
    }

    /// Taking over something that is listed and runs as a role.
    fn taking_over(self, path: &Path, existing: &Existing<'_>, role: Id<Role>) -> Option<Tally> {
        let rejected = path.inbound == Some(Inbound::Iam) && existing.iam_inbound == Some(false);
        if rejected {
            return None;
        }
        let settings = self.settings_with(path, &Found::Listed(existing), &[]);
        let mut tally = self.trusted(path, role, &settings)?;
        let unsaid = path.inbound == Some(Inbound::Iam) && existing.iam_inbound.is_none();
        if unsaid {
            tally.assume(format!("{} is called with IAM credentials", existing.arn));
        }
        Some(tally)
    }

    /// The surest setting in which the role trusts one of the path's services.
    fn trusted(self, path: &Path, role: Id<Role>, settings: &[Setting]) -> Option<Tally> {
        let mut best = None;
        for setting in settings {
            for service in &path.services {
                let mut tally = setting.tally.clone();
                let trusts = self.world.trusts(role, service, setting.source.as_deref());
                if tally.add(trusts).is_some() {
                    best = surer(best, tally);
                }
            }
        }
        best
    }
}

/// The call that lists all things of a kind in a region, of those that snapshots hold.
fn listing(kind: &str) -> Option<&'static str> {
    match kind {
        "AWS::BedrockAgentCore::BrowserCustom" => Some("ListBrowsers"),
        "AWS::BedrockAgentCore::CodeInterpreterCustom" => Some("ListCodeInterpreters"),
        "AWS::BedrockAgentCore::Harness" => Some("ListHarnesses"),
        "AWS::BedrockAgentCore::Runtime" => Some("ListAgentRuntimes"),
        "AWS::Lambda::Function" => Some("ListFunctions"),
        _ => None,
    }
}

fn region_of(found: &Found<'_>) -> Option<String> {
    let region = match found {
        Found::Nothing => return None,
        Found::Listed(existing) => existing.arn.region().to_owned(),
        Found::Unlisted { arn, .. } => arn.parse::<Arn>().ok()?.region().to_owned(),
    };
    (!region.is_empty()).then_some(region)
}
