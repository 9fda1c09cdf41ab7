//! What one set of layers allows that another does not.

use bailiwick_estate::{Id, PrincipalId, Role};
use bailiwick_iam::{
    access::{Access, Contained, Find, Region, group_equal},
    arn::AccountId,
    layers::Layers,
    policy::{Effect, Policy, Selection},
    request::{Principal, Request},
};

use super::{Answer, Proof, View, is_wild, sample::instance};

/// Whether one role may do something that another may not.
#[derive(Debug)]
pub(crate) enum More {
    Yes(Proof),
    /// Proved.
    No,
    /// Why it could not be told.
    Unknown(String),
}

impl View<'_> {
    /// Whether `wider` may do something that `narrower` may not. What the statements name is tried
    /// first, because a reader knows it again; what they do not show, the algebra finds or rules out.
    pub(crate) fn more_than(&self, wider: Id<Role>, narrower: Id<Role>) -> More {
        if let Some(proof) = self.named_more(wider, narrower) {
            return More::Yes(proof);
        }
        let layers = |role| self.compiled.layers(PrincipalId::Role(role));
        let (wide, narrow) = (layers(wider), layers(narrower));
        let wide = self.algebra.access(&wide, None);
        match self.algebra.access(&narrow, None).contains(&wide) {
            Contained::Proved => More::No,
            Contained::Refuted(request) => self.told_of(wider, *request),
            Contained::Unknown(why) => More::Unknown(why.to_string()),
        }
    }

    /// A request that the policies of a role allow, as the role itself would make it.
    fn told_of(&self, role: Id<Role>, mut request: Request) -> More {
        request.principal = Principal::Role(self.estate.roles.at(role).arn.clone());
        let what = format!("{} on {}", request.action, request.resource);
        match self.ask_exactly(request) {
            Answer::Yes(proof) => More::Yes(proof),
            Answer::No => More::Unknown(format!(
                "its own policies allow {what}, which something else denies"
            )),
            Answer::Unknown(missing) => {
                More::Unknown(format!("{what} hangs on {}", missing.join(", ")))
            }
        }
    }

    /// Something that `wider` may do and `narrower` may not, among what the statements of the one
    /// name, each tried with one request.
    fn named_more(&self, wider: Id<Role>, narrower: Id<Role>) -> Option<Proof> {
        let account = self.estate.roles.at(wider).account;
        self.grants(wider)
            .flat_map(|(_, _, statement)| {
                statement
                    .actions
                    .patterns()
                    .iter()
                    .map(move |action| (action, statement))
            })
            .find_map(|(action, statement)| {
                let action = self.some_action(&action.value.0)?;
                let resource = self.some_resource(&action, statement.resources.as_ref(), account);
                let proof = self.role_can(wider, &action, &resource).proof()?;
                match self.role_can(narrower, &action, &resource) {
                    Answer::No => Some(proof),
                    Answer::Yes(_) | Answer::Unknown(_) => None,
                }
            })
    }

    /// An action of the catalog that the pattern stands for, the deepest-cutting first.
    pub(crate) fn some_action(&self, pattern: &str) -> Option<String> {
        if !is_wild(pattern) {
            return Some(pattern.to_owned());
        }
        let known = self.expanded(pattern);
        known.first().map(|it| it.name.clone())
    }

    /// A resource that a statement names, for an action.
    pub(crate) fn some_resource(
        &self,
        action: &str,
        resources: Option<&Selection<bailiwick_iam::policy::ResourcePattern>>,
        account: AccountId,
    ) -> String {
        let anything = || {
            self.catalog
                .action(action)
                .map_or_else(|_| "*".to_owned(), |it| self.any_resource(it, account))
        };
        match resources {
            Some(Selection::Only(patterns)) => patterns
                .iter()
                .filter(|it| it.value.0 != "*")
                .find_map(|it| instance(&it.value.0, account))
                .unwrap_or_else(anything),
            Some(Selection::AllBut(_)) | None => anything(),
        }
    }

    /// Whether it is proved that nothing but SCPs limits what a principal may do.
    pub(crate) fn is_unlimited(&self, principal: PrincipalId) -> bool {
        let layers = Layers {
            scp: None,
            ..self.compiled.layers(principal)
        };
        self.algebra.access(&layers, None).is_everything() == Contained::Proved
    }

    /// Whether it is proved that a boundary takes nothing away: it allows every action on every
    /// resource in all circumstances.
    pub(crate) fn removes_nothing(&self, principal: PrincipalId) -> bool {
        let Some(boundary) = self.compiled.layers(principal).boundary else {
            return false;
        };
        let layers = Layers {
            identity: Some(boundary),
            ..Layers::default()
        };
        let access = self.algebra.access(&layers, None);
        access.is_everything() == Contained::Proved
    }

    /// The roles of which it is proved that they may do exactly the same, however their policies are
    /// worded: groups of two and more, by place. Roles that may do nothing are no copies.
    pub(crate) fn copies(&self, roles: &[Id<Role>]) -> Vec<Vec<usize>> {
        let access = |role: &Id<Role>| {
            let layers = self.compiled.layers(PrincipalId::Role(*role));
            self.algebra.access(&layers, None)
        };
        let all: Vec<Access<'_>> = roles.iter().map(access).collect();
        let mut groups = group_equal(&all).groups;
        groups.retain(|group| {
            let first = group.first().and_then(|at| all.get(*at));
            let may_something =
                |access: &Access<'_>| !matches!(access.find(&Region::everything()), Find::Nothing);
            group.len() > 1 && first.is_some_and(may_something)
        });
        groups
    }
}

/// Whether a policy says no more than that everything is allowed.
pub(crate) fn allows_everything(policy: &Policy) -> bool {
    let denies = policy.statements.iter().any(|it| it.effect == Effect::Deny);
    let is_all = |pattern: &str| matches!(pattern, "*" | "*:*" | "arn:*");
    let open = policy.statements.iter().any(|it| {
        let Selection::Only(actions) = &it.actions else {
            return false;
        };
        let Some(Selection::Only(resources)) = &it.resources else {
            return false;
        };
        it.effect == Effect::Allow
            && it.conditions.is_empty()
            && actions.iter().any(|it| is_all(&it.value.0))
            && resources.iter().any(|it| is_all(&it.value.0))
    });
    open && !denies
}
