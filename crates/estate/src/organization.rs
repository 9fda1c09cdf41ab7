//! The organisation: its tree of units and accounts, and the ceilings on the way down.

use bailiwick_iam::arn::AccountId;

use crate::{arena::Id, document::PolicyDocument, principal::Tags, source::Place};

/// An AWS organisation.
#[derive(Debug, Clone)]
pub struct Organization {
    /// `o-…`, if the snapshot says.
    pub id: Option<String>,
    pub management_account: AccountId,
    pub roots: Vec<Unit>,
    pub place: Place,
}

/// The root or an organisational unit.
#[derive(Debug, Clone)]
pub struct Unit {
    /// `r-…` or `ou-…`.
    pub id: String,
    /// Roots may have none.
    pub name: Option<String>,
    pub ceilings: Ceilings,
    pub units: Vec<Self>,
    pub accounts: Vec<Member>,
    pub place: Place,
}

/// An account in the tree.
#[derive(Debug, Clone)]
pub struct Member {
    pub id: AccountId,
    pub name: Option<String>,
    pub tags: Tags,
    pub ceilings: Ceilings,
    pub place: Place,
}

/// The policies attached to one node of the tree.
#[derive(Debug, Clone, Default)]
pub struct Ceilings {
    pub scps: Vec<Id<PolicyDocument>>,
    /// `RCPFullAWSAccess` is implied and need not be listed.
    pub rcps: Vec<Id<PolicyDocument>>,
}

/// The ceilings that bind an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Levels {
    /// From the root to the account, one an ancestor and one for the account itself.
    Known(Vec<Level>),
    /// The management account: no SCP binds its principals, no RCP its resources.
    Exempt,
    /// No organisation was given, or it does not list this account.
    Unknown,
}

/// One node on the way from the root to an account. Its policies are ORed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// `r-…`, `ou-…` or the account id.
    pub target: String,
    pub name: Option<String>,
    pub policies: Vec<Id<PolicyDocument>>,
}

impl Organization {
    /// Whether this is an id of an organisation: `o-` and ten to 32 letters and digits.
    // https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html
    #[must_use]
    pub fn is_id(text: &str) -> bool {
        text.strip_prefix("o-").is_some_and(|rest| {
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            (10..=32).contains(&rest.len()) && rest.bytes().all(is_plain)
        })
    }

    /// One level a node from the root to the account, with the policies that `choose` picks there.
    pub(crate) fn levels(
        &self,
        account: AccountId,
        choose: impl Fn(&Ceilings) -> &Vec<Id<PolicyDocument>>,
    ) -> Levels {
        if account == self.management_account {
            return Levels::Exempt;
        }
        let Some((units, member)) = self.path_to(account) else {
            return Levels::Unknown;
        };
        let mut levels: Vec<_> = units
            .into_iter()
            .map(|unit| Level {
                target: unit.id.clone(),
                name: unit.name.clone(),
                policies: choose(&unit.ceilings).clone(),
            })
            .collect();
        levels.push(Level {
            target: account.to_string(),
            name: member.name.clone(),
            policies: choose(&member.ceilings).clone(),
        });
        Levels::Known(levels)
    }

    /// The units from the root down to an account, and the account. `None`: it is not listed.
    #[must_use]
    pub fn path_to(&self, account: AccountId) -> Option<(Vec<&Unit>, &Member)> {
        self.roots.iter().find_map(|root| root.path_to(account))
    }
}

impl Unit {
    // Units nest at most `load::organization::UNIT_DEPTH_MAX` deep.
    fn path_to(&self, account: AccountId) -> Option<(Vec<&Self>, &Member)> {
        if let Some(member) = self.accounts.iter().find(|member| member.id == account) {
            return Some((vec![self], member));
        }
        let (mut path, member) = self.units.iter().find_map(|unit| unit.path_to(account))?;
        path.insert(0, self);
        Some((path, member))
    }
}
