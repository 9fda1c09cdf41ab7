//! What is asked for: requests in the circumstances in which an agent makes them.

use std::collections::BTreeMap;

use bailiwick_iam::{
    json::{Span, Spanned},
    policy::{ActionPattern, Effect, Policy, ResourcePattern, Selection, Statement, Test, Version},
};

use super::limit::When as _;

/// Every action on every resource.
pub(crate) fn everything() -> Policy {
    Policy {
        version: Version::V2012,
        id: None,
        statements: vec![Statement {
            sid: None,
            effect: Effect::Allow,
            principals: None,
            actions: Selection::Only(vec![Spanned::made(ActionPattern("*".to_owned()))]),
            resources: Some(Selection::Only(vec![Spanned::made(ResourcePattern(
                "*".to_owned(),
            ))])),
            conditions: Vec::new(),
            span: Span::default(),
        }],
    }
}

/// The policy, each statement in the circumstances in which the agent asks.
pub(crate) fn as_asked(policy: &Policy, regions: &[String]) -> Policy {
    let profiles: Vec<String> = policy
        .statements
        .iter()
        .flat_map(resources)
        .filter(|resource| resource.contains("inference-profile/"))
        .map(str::to_owned)
        .collect();
    let mut statements = Vec::new();
    for statement in &policy.statements {
        if statement.effect == Effect::Deny {
            statements.push(statement.clone());
            continue;
        }
        let mut by_place: BTreeMap<Place, Vec<String>> = BTreeMap::new();
        for resource in resources(statement) {
            for place in Place::of(resource, regions, &profiles) {
                by_place.entry(place).or_default().push(resource.to_owned());
            }
        }
        if by_place.is_empty() {
            statements.push(statement.clone());
        }
        for (place, resources) in by_place {
            let patterns = resources
                .into_iter()
                .map(|it| Spanned::made(ResourcePattern(it)));
            statements.push(place.asked(Statement {
                resources: Some(Selection::Only(patterns.collect())),
                ..statement.clone()
            }));
        }
    }
    Policy {
        statements,
        ..policy.clone()
    }
}

/// The resources a statement lists; none where it lists those that it leaves out.
fn resources(statement: &Statement) -> impl Iterator<Item = &str> {
    let listed = match &statement.resources {
        Some(Selection::Only(patterns)) => patterns.as_slice(),
        Some(Selection::AllBut(_)) | None => &[],
    };
    listed.iter().map(|pattern| pattern.value.0.as_str())
}

/// Where a request for a resource goes, and behind what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Empty: anywhere.
    regions: Vec<String>,
    /// Not empty: behind one of these inference profiles.
    profiles: Vec<String>,
}

impl Place {
    fn of(resource: &str, own: &[String], profiles: &[String]) -> Vec<Self> {
        let written = resource.split(':').nth(3).unwrap_or_default();
        let is_one = !written.is_empty() && !written.contains(['*', '?']);
        let at = |regions: &[String]| Self {
            regions: regions.to_vec(),
            profiles: Vec::new(),
        };
        let is_model = resource.contains(":foundation-model/");
        let is_elsewhere = is_one && !own.iter().any(|region| region == written);
        let routed = Self {
            regions: if is_one {
                vec![written.to_owned()]
            } else {
                Vec::new()
            },
            profiles: profiles.to_vec(),
        };
        let has_profile = is_model && !profiles.is_empty();
        match (is_one, has_profile) {
            (true, true) if is_elsewhere => vec![routed],
            (true, _) => vec![at(&[written.to_owned()])],
            (false, true) => vec![at(own), routed],
            (false, false) => vec![at(own)],
        }
    }

    fn asked(self, mut statement: Statement) -> Statement {
        if !self.regions.is_empty() {
            statement = statement.when(Test::StringEquals, "aws:RequestedRegion", &self.regions);
        }
        if !self.profiles.is_empty() {
            statement =
                statement.when(Test::ArnLike, "bedrock:InferenceProfileArn", &self.profiles);
        }
        statement
    }
}
