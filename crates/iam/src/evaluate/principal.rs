//! Whether a `Principal` element speaks of the one who asks, and how: by name, by role, or by
//! account.

use crate::{
    layers::LayerKind,
    policy::{Effect, PrincipalPattern, Selection},
    request::{Facts, Principal, Values},
};

use super::{
    question::Question,
    truth::{Truth, any},
};

/// `Principal` or `NotPrincipal` of one statement.
#[derive(Debug, Clone)]
pub(crate) struct PrincipalTest {
    excluding: bool,
    patterns: Box<[PrincipalPattern]>,
}

/// How a resource's policy names the one who asks; what the grant is worth depends on it.
// IAM-005, IAM-007, IAM-008
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Naming {
    /// By account: the account's own policies may allow.
    Account,
    /// By role: the session is limited by its boundary and its session policy.
    Role,
    /// By name, or as everyone: not limited by what its boundary and session leave out.
    Direct,
}

/// How far a statement speaks of the one who asks, for each way of naming.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub(crate) account: Truth,
    pub(crate) role: Truth,
    pub(crate) direct: Truth,
}

impl Named {
    pub(crate) const NOT: Self = Self {
        account: Truth::No,
        role: Truth::No,
        direct: Truth::No,
    };

    pub(crate) fn at_all(self) -> Truth {
        any([self.direct, self.role, self.account])
    }

    fn add(&mut self, naming: Naming, truth: Truth) {
        let slot = match naming {
            Naming::Account => &mut self.account,
            Naming::Role => &mut self.role,
            Naming::Direct => &mut self.direct,
        };
        *slot = slot.or(truth);
    }

    fn directly(truth: Truth) -> Self {
        Self {
            direct: truth,
            ..Self::NOT
        }
    }
}

impl PrincipalTest {
    pub(crate) fn new(selection: &Selection<PrincipalPattern>) -> Self {
        let patterns = selection.patterns().iter();
        Self {
            excluding: selection.is_excluding(),
            patterns: patterns.map(|pattern| pattern.value.clone()).collect(),
        }
    }

    /// How a statement of a resource's policy names the one who asks.
    pub(crate) fn names(&self, effect: Effect, question: &Question<'_>) -> Named {
        if self.excluding {
            return Named::directly(match effect {
                Effect::Allow => self.leaves_in(question),
                Effect::Deny => !self.spares(question),
            });
        }
        let mut named = Named::NOT;
        for pattern in &self.patterns {
            if let Some((naming, truth)) = naming(pattern, question) {
                named.add(naming, truth);
            }
        }
        named
    }

    /// `Allow` with `NotPrincipal`: everybody who is not named in any way, anonymous callers too.
    // IAM-010
    fn leaves_in(&self, question: &Question<'_>) -> Truth {
        let named = self.patterns.iter();
        !any(named.map(|pattern| naming(pattern, question).map_or(Truth::No, |(_, truth)| truth)))
    }

    /// `Deny` with `NotPrincipal`: only those are spared who are named by account and by role and
    /// by session. Nobody with a boundary is.
    // IAM-010
    fn spares(&self, question: &Question<'_>) -> Truth {
        let everyone = self.patterns.contains(&PrincipalPattern::Everyone);
        let principal = &question.request.principal;
        let is_bounded = match principal {
            Principal::User(_) | Principal::Role(_) | Principal::Session(_) => question.is_bounded,
            Principal::Root(_)
            | Principal::FederatedUser(_)
            | Principal::Provider(_)
            | Principal::Service(_)
            | Principal::Anonymous => false,
        };
        if everyone || is_bounded {
            return (everyone && !is_bounded).into();
        }
        let mut named = Named::NOT;
        for pattern in &self.patterns {
            if let Some((naming, truth)) = naming(pattern, question) {
                named.add(naming, truth);
            }
        }
        let Named {
            account,
            role,
            direct,
        } = named;
        match principal {
            Principal::Root(_) => account,
            Principal::User(_) | Principal::FederatedUser(_) => account.and(direct),
            Principal::Role(_) => account.and(role),
            Principal::Session(_) => account.and(role).and(direct),
            Principal::Provider(_) | Principal::Service(_) => direct,
            Principal::Anonymous => Truth::No,
        }
    }

    /// Whether a pattern names a canonical user, of whom nobody knows which account it is.
    pub(crate) fn names_a_canonical_user(&self) -> bool {
        self.patterns
            .iter()
            .any(|pattern| matches!(pattern, PrincipalPattern::CanonicalUser(_)))
    }
}

fn naming(pattern: &PrincipalPattern, question: &Question<'_>) -> Option<(Naming, Truth)> {
    let principal = &question.request.principal;
    match pattern {
        // IAM-007, IAM-011
        PrincipalPattern::Everyone => Some((Naming::Direct, Truth::Yes)),
        // IAM-006
        PrincipalPattern::Account(account) => question
            .principal_account
            .is_some_and(|own| own.as_str() == account)
            .then_some((Naming::Account, Truth::Yes)),
        PrincipalPattern::Aws(text) => by_arn(text, question).map(|naming| (naming, Truth::Yes)),
        PrincipalPattern::Service(name) => match principal {
            Principal::Service(own) => {
                let same = own.eq_ignore_ascii_case(name);
                same.then_some((Naming::Direct, Truth::Yes))
            }
            Principal::Root(_)
            | Principal::User(_)
            | Principal::Role(_)
            | Principal::Session(_)
            | Principal::FederatedUser(_)
            | Principal::Provider(_)
            | Principal::Anonymous => None,
        },
        PrincipalPattern::Federated(name) => match principal {
            Principal::Provider(own) => (own == name).then_some((Naming::Direct, Truth::Yes)),
            Principal::Root(_)
            | Principal::User(_)
            | Principal::Role(_)
            | Principal::Session(_)
            | Principal::FederatedUser(_)
            | Principal::Service(_)
            | Principal::Anonymous => None,
        },
        // The canonical id of an account cannot be told from its number.
        PrincipalPattern::CanonicalUser(_) => question
            .principal_account
            .map(|_| (Naming::Account, Truth::Maybe)),
    }
}

/// How the ARN of a user, a role or a session names the one who asks.
fn by_arn(text: &str, question: &Question<'_>) -> Option<Naming> {
    let is_unique_id = !text.contains(':');
    if is_unique_id {
        return by_unique_id(text, question);
    }
    match &question.request.principal {
        Principal::User(arn) | Principal::FederatedUser(arn) => {
            (arn.as_str() == text).then_some(Naming::Direct)
        }
        Principal::Session(session) => {
            if session.arn().as_str() == text {
                return Some(Naming::Direct);
            }
            is_role(text, question).then_some(Naming::Role)
        }
        Principal::Role(_) => is_role(text, question).then_some(Naming::Role),
        Principal::Root(_)
        | Principal::Provider(_)
        | Principal::Service(_)
        | Principal::Anonymous => None,
    }
}

/// AWS shows the unique id of a principal that was deleted. Whoever has that id now, by what the
/// request says of it, is meant.
fn by_unique_id(text: &str, question: &Question<'_>) -> Option<Naming> {
    let Some(Facts::Values(Values::One(own))) = question.request.context.stated("aws:userid")
    else {
        return None;
    };
    let id = own.split(':').next().unwrap_or(own);
    if id != text {
        return None;
    }
    match &question.request.principal {
        Principal::User(_) => Some(Naming::Direct),
        Principal::Role(_) | Principal::Session(_) => Some(Naming::Role),
        Principal::Root(_)
        | Principal::FederatedUser(_)
        | Principal::Provider(_)
        | Principal::Service(_)
        | Principal::Anonymous => None,
    }
}

/// A role's name is unique in its account, whatever its path; so where the path is not known, the
/// name tells the role.
// IAM-009
fn is_role(text: &str, question: &Question<'_>) -> bool {
    let Some(role) = question.role else {
        return false;
    };
    if question.role_path_is_known {
        return role == text;
    }
    let cut = |arn: &str| {
        let (start, path) = arn.split_once(":role/")?;
        let name = path.rsplit('/').next()?;
        Some((start.to_owned(), name.to_owned()))
    };
    let own = cut(role);
    own.is_some() && own == cut(text)
}

/// Whether a layer's statements name principals at all.
// IAM-012
pub(crate) fn speaks_of_principals(layer: LayerKind) -> bool {
    match layer {
        LayerKind::Resource | LayerKind::Trust => true,
        LayerKind::Identity
        | LayerKind::Boundary
        | LayerKind::Session
        | LayerKind::Scp
        | LayerKind::Rcp
        | LayerKind::Endpoint => false,
    }
}
