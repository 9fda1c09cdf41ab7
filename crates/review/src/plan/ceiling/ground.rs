//! What is known of the accounts under one node: what their agents use, and who rules them.

use std::collections::BTreeSet;

use bailiwick_charter::{Charter, compile::Site};
use bailiwick_estate::{Agent, Estate, Levels};
use bailiwick_iam::{
    arn::{AccountId, Arn},
    policy::{Effect, Test},
};

use bailiwick_iam_catalog::builtin;

use super::{Asked, Observed};
use crate::site;

/// What limits are drawn from. Every list is sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ground {
    pub regions: Vec<String>,
    /// Patterns of what may be invoked: models, profiles.
    pub models: Vec<String>,
    /// Of those, the inference profiles.
    pub profiles: Vec<String>,
    /// `anthropic`, `amazon`.
    pub makers: Vec<String>,
    /// Accounts in which a charter says that an agent runs.
    pub accounts: Vec<String>,
    /// Patterns of the principals that a limit exempts.
    pub admins: Vec<String>,
    pub pipelines: Vec<String>,
    pub organization: Option<String>,
    /// What charters read and write in these accounts, of services whose resources heed RCPs.
    pub data: Vec<String>,
}

impl Ground {
    /// The ground under some accounts.
    #[must_use]
    pub fn under(accounts: &BTreeSet<AccountId>, asked: &Asked<'_>) -> Self {
        let mut found = Found::default();
        for charter in asked.charters.iter() {
            found.charter(
                charter,
                accounts,
                &site::site(charter, asked.estate, asked.site),
            );
        }
        let agents = asked.estate.agents.values();
        for agent in agents.filter(|agent| accounts.contains(&agent.account)) {
            found.agent(agent);
        }
        for seen in asked.observed {
            let is_here = seen
                .role
                .account_id()
                .is_some_and(|it| accounts.contains(&it));
            if is_here {
                found.observed(seen);
            }
        }
        let (admins, pipelines) = (asked.admins.to_vec(), asked.pipelines.to_vec());
        let list = |set: BTreeSet<String>| set.into_iter().collect();
        Self {
            regions: list(found.regions),
            models: list(found.models),
            profiles: list(found.profiles),
            makers: list(found.makers),
            accounts: list(found.accounts),
            admins: if admins.is_empty() {
                exempted(accounts, asked.estate)
            } else {
                admins
            },
            pipelines,
            organization: asked.organization().map(str::to_owned),
            data: list(found.data),
        }
    }
}

/// Whom the SCPs that are attached exempt already: the organisation's own word for administrators.
fn exempted(accounts: &BTreeSet<AccountId>, estate: &Estate) -> Vec<String> {
    let mut exempt = BTreeSet::new();
    for &account in accounts {
        let Levels::Known(levels) = estate.scp_levels(account) else {
            continue;
        };
        let documents = levels.into_iter().flat_map(|level| level.policies);
        let policies = documents.filter_map(|document| estate.policy(document));
        let denies = policies
            .flat_map(|policy| &policy.statements)
            .filter(|statement| statement.effect == Effect::Deny);
        for condition in denies.flat_map(|statement| &statement.conditions) {
            let names_principals = condition.key.value.eq_ignore_ascii_case("aws:PrincipalArn");
            let spares = matches!(
                condition.operator.test,
                Test::ArnNotLike | Test::ArnNotEquals | Test::StringNotLike | Test::StringNotEquals
            );
            if names_principals && spares {
                exempt.extend(condition.values.iter().map(|value| value.value.clone()));
            }
        }
    }
    exempt.into_iter().collect()
}

fn heeds_rcps(service: &str) -> bool {
    builtin()
        .service(service)
        .is_ok_and(|service| service.supports_rcp())
}

#[derive(Default)]
struct Found {
    regions: BTreeSet<String>,
    models: BTreeSet<String>,
    profiles: BTreeSet<String>,
    makers: BTreeSet<String>,
    accounts: BTreeSet<String>,
    data: BTreeSet<String>,
}

impl Found {
    fn charter(&mut self, charter: &Charter, accounts: &BTreeSet<AccountId>, site: &Site) {
        let Some(home) = charter.account().or(site.account) else {
            return;
        };
        if !accounts.contains(&home) {
            return;
        }
        self.accounts.insert(home.to_string());
        let regions = charter.runs_as.iter().map(Arn::region);
        self.regions
            .extend(regions.filter(|it| !it.is_empty()).map(str::to_owned));
        for model in charter.models.iter().chain(&site.models) {
            self.model(model.as_str());
        }
        let reaches = charter
            .tasks
            .values()
            .flat_map(|task| task.read.iter().chain(&task.write));
        for resource in reaches.flat_map(|reach| &reach.resources) {
            let is_elsewhere = resource
                .account()
                .and_then(|account| account.parse::<AccountId>().ok())
                .is_some_and(|account| !accounts.contains(&account));
            if !is_elsewhere && resource.service().is_some_and(heeds_rcps) {
                self.data.insert(resource.widened());
            }
        }
    }

    fn agent(&mut self, agent: &Agent) {
        self.regions.extend(agent.region.clone());
        if let Some(model) = &agent.model {
            self.model(model);
        }
    }

    fn observed(&mut self, seen: &Observed) {
        let invokes = [
            "bedrock:InvokeModel",
            "bedrock:InvokeModelWithResponseStream",
        ];
        if invokes
            .iter()
            .any(|it| it.eq_ignore_ascii_case(&seen.action))
        {
            self.model(&seen.resource);
        }
    }

    /// A model or a profile, by its ARN or by the id that an agent's configuration holds.
    fn model(&mut self, text: &str) {
        let arn: Option<Arn> = text.parse().ok();
        // A model's id may hold a colon: `…-v1:0`.
        let (kind, id) = match arn.as_ref().map(Arn::resource) {
            Some(resource) => resource.split_once('/').unwrap_or((resource, "")),
            None => ("", text),
        };
        let parts: Vec<&str> = id.split('.').collect();
        match (kind, parts.as_slice()) {
            ("foundation-model", [maker, ..]) | ("", [maker, _]) => self.maker(maker),
            ("inference-profile" | "", [geography, maker, _, ..]) => {
                self.maker(maker);
                let profile =
                    format!("arn:aws:bedrock:*:*:inference-profile/{geography}.{maker}.*");
                self.profiles.insert(profile.clone());
                self.models.insert(profile);
            }
            ("application-inference-profile" | "inference-profile", _) => {
                self.profiles.insert(text.to_owned());
                self.models.insert(text.to_owned());
            }
            ("", _) => {}
            // A model of the account's own: itself and no other.
            (_, _) => {
                self.models.insert(text.to_owned());
            }
        }
    }

    fn maker(&mut self, maker: &str) {
        let is_a_name = maker
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        if maker.is_empty() || !is_a_name {
            return;
        }
        self.makers.insert(maker.to_owned());
        self.models
            .insert(format!("arn:aws:bedrock:*::foundation-model/{maker}.*"));
    }
}
