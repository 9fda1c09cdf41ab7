//! What a principal can become: the paths from one set of rights to another, hop by hop.
//!
//! A hop is taken only on *effective* permissions: identity, boundary and SCPs together, with
//! conditions and resource scope, and the trust of the role that is gained. What the caller of a
//! request chooses (the name of a new function, its tags, the Region) is chosen to its advantage;
//! what the snapshot does not tell (its network, its second factor) stays unknown.
//!
//! ```no_run
//! use bailiwick_review::escalation;
//! # fn example(estate: &bailiwick_estate::Estate) -> Result<(), serde_json::Error> {
//! let graph = escalation::graph(estate, bailiwick_iam_catalog::builtin());
//! for reach in graph.reaches() {
//!     println!("{}", serde_json::to_string(&reach)?);
//! }
//! # Ok(())
//! # }
//! ```

mod glob;
mod path;

use bailiwick_estate::{Estate, PrincipalId};
use bailiwick_iam::{arn::Arn, evaluate::Because, request::Request};
use bailiwick_iam_catalog::Catalog;
use serde::Serialize;

/// What one principal can become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reach {
    pub principal: Arn,
    /// Whether it is, or can become, an administrator.
    pub admin: Admin,
    /// It is proved that its own effective permissions hold every action on every resource.
    pub direct: bool,
    /// Whom it can become, each by every one-hop path and else by a shortest one. A principal that
    /// widens its own rights reaches itself.
    pub reaches: Vec<Reached>,
}

/// Whether a principal is an administrator or can become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Admin {
    No,
    /// It hangs on something the snapshot does not tell.
    Unknown,
    /// Every hop is proved, except that something must exist which the snapshot does not list.
    Potential,
    Yes,
}

/// One principal that can be reached, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reached {
    pub principal: Arn,
    pub hops: Vec<Hop>,
}

/// One step, with its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// The id of the path taken, such as `iam-001`.
    pub path: String,
    pub from: Arn,
    pub to: Arn,
    /// One request for each call the path needs, and the statements that allow it.
    pub because: Vec<Proof>,
    /// What must be so and the snapshot does not tell; `None` if all is proved.
    pub assumes: Option<String>,
    /// The smallest change that breaks this hop.
    pub cut: String,
}

/// A request that is allowed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    pub request: Request,
    pub statements: Vec<Because>,
}

/// What every principal of an estate can become.
#[derive(Debug)]
pub struct Graph<'e> {
    estate: &'e Estate,
}

/// Finds out who can become an administrator. What else each principal can become is found when it
/// is asked for.
#[must_use]
pub fn graph<'e>(estate: &'e Estate, _catalog: &'e Catalog<'static>) -> Graph<'e> {
    Graph { estate }
}

impl Graph<'_> {
    /// What every principal can become, users and roles, by ARN.
    pub fn reaches(&self) -> impl Iterator<Item = Reach> + '_ {
        let mut principals: Vec<_> = self.estate.principals().collect();
        principals.sort_by_key(|&principal| self.estate.arn(principal));
        principals
            .into_iter()
            .map(|principal| self.reach(principal))
    }

    /// What a principal can become, with proofs.
    #[must_use]
    pub fn reach(&self, principal: PrincipalId) -> Reach {
        Reach {
            principal: self.estate.arn(principal).clone(),
            admin: self.admin(principal),
            direct: self.is_direct(principal),
            reaches: Vec::new(),
        }
    }

    /// Whether a principal is, or can become, an administrator.
    #[must_use]
    pub fn admin(&self, _principal: PrincipalId) -> Admin {
        Admin::Unknown
    }

    /// Whether it is proved that a principal holds every action on every resource.
    #[must_use]
    pub fn is_direct(&self, _principal: PrincipalId) -> bool {
        false
    }

    /// A shortest way to an administrator; empty if it is one, `None` if there is none.
    #[must_use]
    pub fn way_to_admin(&self, _principal: PrincipalId) -> Option<Vec<Hop>> {
        None
    }
}
