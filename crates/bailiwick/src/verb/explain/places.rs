//! Where the statements of an explanation stand.

use bailiwick_iam::{
    evaluate::Because,
    explain::{Explanation, Rung},
    json::Node,
    layers::LayerKind,
};
use bailiwick_review::view::View;
use serde::Serialize;

use crate::input::Document;

/// Where policies were read from.
pub(super) enum Places<'a> {
    InCase(&'a Document),
    InEstate(&'a View<'a>),
}

/// The place of one statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    pub(super) layer: LayerKind,
    pub(super) policy: String,
    pub(super) statement: usize,
    /// `file:line:column`.
    pub(super) place: String,
    /// What stands there.
    pub(super) text: String,
}

impl Places<'_> {
    /// The places of every statement that the ladder and the decision name.
    pub(super) fn of(&self, explanation: &Explanation) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::new();
        let of_rungs = explanation.ladder.iter().filter_map(|rung| {
            let because = rung.because.as_ref()?;
            Some((because, Some(rung)))
        });
        let of_decision = explanation
            .decision
            .because
            .iter()
            .map(|because| (because, None));
        for (because, rung) in of_rungs.chain(of_decision) {
            let place = match self {
                Self::InCase(document) => in_case(document, because, rung),
                Self::InEstate(view) => in_estate(view, because, explanation),
            };
            if let Some(place) = place.filter(|place| !places.contains(place)) {
                places.push(place);
            }
        }
        places
    }
}

fn in_estate(view: &View<'_>, because: &Because, explanation: &Explanation) -> Option<Place> {
    let evidence = view.evidence_of(&explanation.request, std::slice::from_ref(because));
    let evidence = evidence.into_iter().next()?;
    Some(Place {
        layer: because.layer,
        policy: because.policy.to_string(),
        statement: because.statement,
        place: format!("{}:{}", evidence.source, evidence.pointer),
        text: evidence.text,
    })
}

fn in_case(document: &Document, because: &Because, rung: Option<&Rung>) -> Option<Place> {
    let root = Node::parse(&document.text).ok()?;
    let policy = match because.layer {
        LayerKind::Resource | LayerKind::Trust => member(&root, "resource_policy")?,
        LayerKind::Scp | LayerKind::Rcp => {
            let levels = member(&root, because.layer.name())?.elements().ok()?;
            let target = rung.and_then(|rung| rung.target.as_deref());
            let at = |level: &Node<'_>| {
                target.is_none_or(|target| text(level, "target").is_some_and(|it| it == target))
            };
            let mut levels = levels.into_iter().filter(at);
            levels.find_map(|level| document_of(&member(&level, "policies")?, &because.policy))?
        }
        LayerKind::Identity | LayerKind::Boundary | LayerKind::Session | LayerKind::Endpoint => {
            document_of(&member(&root, because.layer.name())?, &because.policy)?
        }
    };
    let statements = member(&policy, "Statement")?.one_or_more().ok()?;
    let statement = statements.get(because.statement)?;
    let (line, column) = statement.span().line_and_column(&document.text);
    Some(Place {
        layer: because.layer,
        policy: because.policy.to_string(),
        statement: because.statement,
        place: format!("{}:{line}:{column}", document.name),
        text: statement.text().chars().take(300).collect(),
    })
}

fn document_of<'a>(policies: &Node<'a>, name: &str) -> Option<Node<'a>> {
    let policies = policies.elements().ok()?;
    let named = policies
        .into_iter()
        .find(|policy| text(policy, "name").is_some_and(|it| it == name))?;
    member(&named, "document")
}

fn member<'a>(node: &Node<'a>, name: &str) -> Option<Node<'a>> {
    let members = node.members().ok()?;
    members
        .into_iter()
        .find(|member| member.name == name)
        .map(|member| member.value)
}

fn text(node: &Node<'_>, name: &str) -> Option<String> {
    member(node, name)?.string().ok()
}
