//! Where the words stand that a decision rests on.

use bailiwick_estate::{Id, Levels, PolicyDocument, PrincipalId, ResourcePolicy, source::Place};
use bailiwick_iam::{
    arn::{AccountId, Arn},
    evaluate::Because,
    layers::LayerKind,
    policy::Statement,
    request::Request,
};

use super::{View, allows_everything, holder_of_policy};
use crate::finding::Evidence;

/// The longest text shown as evidence; the file has the rest.
const TEXT_LENGTH_MAX: usize = 300;

/// A text cut to what a reader takes in, with a sign that it was.
fn short(text: &str) -> String {
    let mut letters = text.chars();
    let start: String = letters.by_ref().take(TEXT_LENGTH_MAX).collect();
    if letters.next().is_none() {
        start
    } else {
        format!("{start}…")
    }
}

impl View<'_> {
    /// A place, and the words that stand there.
    pub(crate) fn evidence(&self, place: &Place, text: &str) -> Evidence {
        Evidence {
            source: self.estate.sources.at(place.source).name.clone(),
            pointer: format!("{}:{}", place.line, place.column),
            text: short(text),
        }
    }

    /// A statement where it stands.
    pub(crate) fn statement(&self, document: Id<PolicyDocument>, index: usize) -> Evidence {
        let place = self.estate.statement_place(document, index);
        let name = &self.estate.policies.at(document).name;
        let said = self
            .estate
            .policy(document)
            .and_then(|policy| policy.statements.get(index))
            .map(written)
            .unwrap_or_default();
        self.evidence(&place, &format!("{name}: {said}"))
    }

    /// The statements that decided a request, where they stand.
    ///
    /// What grants comes first: a ceiling that lets a request pass tells a reader little.
    #[must_use]
    pub fn evidence_of(&self, request: &Request, because: &[Because]) -> Vec<Evidence> {
        let (ceilings, grants): (Vec<_>, Vec<_>) =
            because.iter().partition(|it| is_ceiling(it.layer));
        grants
            .into_iter()
            .chain(ceilings)
            .filter_map(|it| {
                let document = self.document_of(request, it)?;
                // A ceiling that lets everything pass explains nothing.
                let idle = it.layer == LayerKind::Scp
                    && self.estate.policy(document).is_some_and(allows_everything);
                (!idle).then(|| self.statement(document, it.statement))
            })
            .collect()
    }

    /// The document that a decision speaks of.
    fn document_of(&self, request: &Request, because: &Because) -> Option<Id<PolicyDocument>> {
        let named = |documents: Vec<Id<PolicyDocument>>| {
            documents
                .into_iter()
                .find(|&it| *self.estate.policies.at(it).name == *because.policy)
        };
        let principal = || {
            let role = request.principal.role();
            self.estate.principal(role.or(request.principal.arn())?)
        };
        match because.layer {
            LayerKind::Identity => named(self.estate.identity_policies(principal()?)),
            LayerKind::Boundary => named(self.estate.boundary(principal()?).into_iter().collect()),
            LayerKind::Scp => {
                let account = request.principal.account()?;
                named(documents(self.estate.scp_levels(account)))
            }
            LayerKind::Rcp => {
                let account = request.account_of_resource()?;
                named(documents(self.estate.rcp_levels(account)))
            }
            LayerKind::Trust | LayerKind::Resource => {
                let arn: Arn = request.resource.parse().ok()?;
                let holder = holder_of_policy(&arn).unwrap_or(arn);
                match self.estate.resource_policy(&holder) {
                    ResourcePolicy::Attached(document) => Some(document),
                    ResourcePolicy::None | ResourcePolicy::Unknown => None,
                }
            }
            LayerKind::Endpoint | LayerKind::Session => None,
        }
    }

    /// The account of a principal's or resource's ARN, where it says one.
    pub(crate) fn account_in(&self, arn: &Arn) -> Option<AccountId> {
        arn.account_id().or_else(|| {
            self.estate
                .principal(arn)
                .map(|it: PrincipalId| self.estate.account_of(it))
        })
    }
}

fn documents(levels: Levels) -> Vec<Id<PolicyDocument>> {
    match levels {
        Levels::Known(levels) => levels.into_iter().flat_map(|it| it.policies).collect(),
        Levels::Exempt | Levels::Unknown => Vec::new(),
    }
}

/// A statement on one line.
fn written(statement: &Statement) -> String {
    serde_json::to_string(statement).unwrap_or_default()
}

fn is_ceiling(layer: LayerKind) -> bool {
    match layer {
        LayerKind::Rcp | LayerKind::Scp | LayerKind::Endpoint | LayerKind::Boundary => true,
        LayerKind::Resource | LayerKind::Trust | LayerKind::Identity | LayerKind::Session => false,
    }
}
