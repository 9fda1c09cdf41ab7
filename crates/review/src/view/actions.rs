//! What action patterns stand for, deepest-cutting first.

use std::rc::Rc;

use bailiwick_iam_catalog::AccessLevel;

use super::View;

/// An action of the catalog, as rules weigh it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// `s3:GetObject`
    pub name: String,
    pub level: AccessLevel,
    pub has_resources: bool,
}

impl Known {
    /// Whether it changes something. AWS counts invoking a model as a read.
    pub(crate) fn mutates(&self) -> bool {
        match self.level {
            AccessLevel::Write | AccessLevel::PermissionsManagement | AccessLevel::Tagging => true,
            AccessLevel::Read | AccessLevel::List => false,
        }
    }
}

/// How deep an access level cuts; greater is deeper.
pub(crate) fn depth(level: AccessLevel) -> u8 {
    match level {
        AccessLevel::List => 0,
        AccessLevel::Read => 1,
        AccessLevel::Tagging => 2,
        AccessLevel::Write => 3,
        AccessLevel::PermissionsManagement => 4,
    }
}

impl View<'_> {
    /// The known actions that a pattern stands for; none if the catalog knows none.
    pub(crate) fn expanded(&self, pattern: &str) -> Rc<[Known]> {
        if let Some(known) = self.expanded.borrow().get(pattern) {
            return Rc::clone(known);
        }
        let actions = self.catalog.expand(pattern).unwrap_or_default();
        let mut known: Vec<_> = actions
            .into_iter()
            .map(|action| Known {
                name: action.to_string(),
                level: action.level(),
                has_resources: action.has_resources(),
            })
            .collect();
        known.sort_by(|a, b| {
            depth(b.level)
                .cmp(&depth(a.level))
                .then_with(|| a.name.cmp(&b.name))
        });
        let known: Rc<[Known]> = known.into();
        self.expanded
            .borrow_mut()
            .insert(pattern.to_owned(), Rc::clone(&known));
        known
    }
}
