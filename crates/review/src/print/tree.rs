//! A document between policy and text: its members keep their order, and some values are said in
//! the printer's own language.

use bailiwick_iam::{
    json::{Kind, Node},
    policy::Policy,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    Text(String),
    Number(u64),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
    /// A reference or a call, as the language writes it.
    Spoken(String),
}

impl Tree {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn map<const N: usize>(members: [(&str, Self); N]) -> Self {
        let named = |(name, value): (&str, Self)| (name.to_owned(), value);
        Self::Map(members.into_iter().map(named).collect())
    }

    /// The policy, in the order in which it is printed as JSON.
    pub(super) fn of(policy: &Policy) -> Self {
        let text = policy.to_json();
        Node::parse(&text).map_or_else(|_| Self::text(text.clone()), |node| Self::of_node(&node))
    }

    // Our own JSON: what cannot be read of it does not occur, and would be empty.
    fn of_node(node: &Node<'_>) -> Self {
        match node.kind() {
            Kind::Object => {
                let members = node.members().unwrap_or_default();
                let members = members.into_iter();
                Self::Map(
                    members
                        .map(|it| (it.name.into_owned(), Self::of_node(&it.value)))
                        .collect(),
                )
            }
            Kind::List => {
                let elements = node.elements().unwrap_or_default();
                Self::List(elements.iter().map(Self::of_node).collect())
            }
            Kind::String | Kind::Number | Kind::Bool | Kind::Null => {
                Self::Text(node.scalar().unwrap_or_default())
            }
        }
    }

    /// The same, with each text for which the language has a word of its own replaced by it.
    pub(super) fn spoken(self, say: &dyn Fn(&str) -> Option<String>) -> Self {
        match self {
            Self::Text(text) => say(&text).map_or(Self::Text(text), Self::Spoken),
            Self::List(items) => {
                Self::List(items.into_iter().map(|item| item.spoken(say)).collect())
            }
            Self::Map(members) => {
                let members = members.into_iter();
                Self::Map(members.map(|(name, it)| (name, it.spoken(say))).collect())
            }
            other @ (Self::Number(_) | Self::Spoken(_)) => other,
        }
    }
}
