//! How AWS puts the layers together.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
//! and, across accounts,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>.

use super::{Outcome, truth::Truth};

/// Which sides must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sides {
    /// A service, an identity provider's user, or nobody: only the resource's policy can allow.
    // IAM-011, IAM-036
    ResourceAlone,
    /// One account: either side suffices.
    // IAM-005
    Either,
    /// One account, but the resource must let the account's policies count: roles and KMS keys.
    // IAM-005
    EitherIfTheResourceDelegates,
    /// Two accounts: both must allow, whatever kind of resource carries the policy.
    // IAM-006, IAM-041
    Both,
}

/// What each part of the answer says. A layer that does not exist says yes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    pub(crate) deny: Truth,
    pub(crate) scp: Truth,
    pub(crate) endpoint: Truth,
    /// What the resource's policy grants to the account, to the role, and directly.
    pub(crate) account: Truth,
    pub(crate) role: Truth,
    pub(crate) direct: Truth,
    pub(crate) identity: Truth,
    pub(crate) boundary: Truth,
    pub(crate) session: Truth,
}

impl Slots {
    pub(crate) const COUNT: usize = 9;

    pub(crate) fn each(&self) -> [Truth; Self::COUNT] {
        let Self {
            deny,
            scp,
            endpoint,
            account,
            role,
            direct,
            identity,
            boundary,
            session,
        } = *self;
        [
            deny, scp, endpoint, account, role, direct, identity, boundary, session,
        ]
    }

    pub(crate) fn from_each(each: [Truth; Self::COUNT]) -> Self {
        let [
            deny,
            scp,
            endpoint,
            account,
            role,
            direct,
            identity,
            boundary,
            session,
        ] = each;
        Self {
            deny,
            scp,
            endpoint,
            account,
            role,
            direct,
            identity,
            boundary,
            session,
        }
    }

    /// Whether the resource's policy names the one who asks, in whatever way.
    pub(crate) fn resource_side(&self) -> Truth {
        self.account.or(self.role).or(self.direct)
    }

    // IAM-001, IAM-043
    pub(crate) fn outcome(&self, sides: Sides) -> Outcome {
        if self.deny == Truth::Yes {
            return Outcome::ExplicitDeny;
        }
        let allowed = self.granted(sides).and(self.scp).and(self.endpoint);
        match (allowed, self.deny) {
            // Whether something denies as well changes nothing.
            (Truth::No, _) => Outcome::ImplicitDeny,
            (Truth::Yes, Truth::No) => Outcome::Allow,
            (Truth::Yes | Truth::Maybe, _) => Outcome::Unknown,
        }
    }

    fn granted(&self, sides: Sides) -> Truth {
        let limits = self.boundary.and(self.session);
        let principal_side = self.identity.and(limits);
        // IAM-007, IAM-008: what is granted to a role is limited as the role is; what is granted to
        // a user, a session or everyone is not.
        let resource_grant = self.direct.or(self.role.and(limits));
        match sides {
            Sides::ResourceAlone => self.direct,
            Sides::Either => resource_grant.or(principal_side),
            Sides::EitherIfTheResourceDelegates => {
                resource_grant.or(principal_side.and(self.resource_side()))
            }
            Sides::Both => principal_side.and(self.resource_side()),
        }
    }
}
