//! From the estate to the layers that decide: each document compiled once, when first asked for.

use std::sync::{Arc, OnceLock};

use bailiwick_iam::{
    arn::{AccountId, Arn},
    evaluate::Because,
    layers::{self, Compiled, LayerKind, Layers, NamedPolicy, Policies},
};
use rustc_hash::FxHashMap;

use crate::{
    arena::Id,
    document::{Content, PolicyDocument},
    estate::Estate,
    organization::{Level, Levels},
    principal::{PrincipalId, Role},
    resource::ResourcePolicy,
    source::Place,
};

/// One level of ceilings after another, compiled.
type Ceiling = Option<Arc<[layers::Level]>>;

/// What was compiled so far.
#[derive(Debug, Default)]
pub(crate) struct CompiledOnce {
    documents: Vec<OnceLock<Arc<Compiled>>>,
    /// SCPs and RCPs of the accounts in the estate.
    ceilings: FxHashMap<AccountId, OnceLock<(Ceiling, Ceiling)>>,
}

impl CompiledOnce {
    pub(crate) fn of(documents: usize, accounts: impl Iterator<Item = AccountId>) -> Self {
        Self {
            documents: (0..documents).map(|_| OnceLock::new()).collect(),
            ceilings: accounts.map(|account| (account, OnceLock::new())).collect(),
        }
    }
}

impl Estate {
    /// A document, ready to decide; one that cannot be read or is missing is carried as unknown.
    #[must_use]
    pub fn compiled(&self, document: Id<PolicyDocument>) -> Arc<Compiled> {
        let make = || Arc::new(self.compile(document));
        match self.compiled.documents.get(document.index()) {
            Some(once) => once.get_or_init(make).clone(),
            None => make(),
        }
    }

    /// The layers that bind whatever a principal asks for: its policies, boundary and SCPs.
    ///
    /// Without an organisation there is no SCP layer, and [`Estate::incomplete`] says so. Add the
    /// resource's side with [`Estate::layers_on`].
    #[must_use]
    pub fn layers(&self, principal: PrincipalId) -> Layers {
        let account = self.account_of(principal);
        let organization = self.organization.as_ref();
        Layers {
            identity: Some(self.all_compiled(&self.identity_policies(principal))),
            boundary: self.boundary(principal).map(|it| self.all_compiled(&[it])),
            scp: self.ceilings(account).0,
            management_account: organization.map(|it| it.management_account),
            ..Layers::default()
        }
    }

    /// The layers for a principal and a resource of known account.
    ///
    /// A resource policy that nobody collected is left out: ask [`Estate::resource_policy`] whether
    /// that is so before an answer is taken to be final.
    #[must_use]
    pub fn layers_on(&self, principal: PrincipalId, resource: &Arn) -> Layers {
        self.with_resource(self.layers(principal), resource)
    }

    /// Adds what binds a resource: its policy, and the RCPs over its account.
    #[must_use]
    pub fn with_resource(&self, layers: Layers, resource: &Arn) -> Layers {
        let account = self.account_of_resource(resource);
        let policy = match self.resource_policy(resource) {
            ResourcePolicy::Attached(policy) => Some(self.compiled(policy)),
            ResourcePolicy::None | ResourcePolicy::Unknown => None,
        };
        Layers {
            resource: policy,
            rcp: account.and_then(|account| self.ceilings(account).1),
            ..layers
        }
    }

    #[must_use]
    pub fn trust(&self, role: Id<Role>) -> Arc<Compiled> {
        self.compiled(self.roles.at(role).trust)
    }

    /// The statement that a decision about a principal names: where it stands.
    #[must_use]
    pub fn place_of(
        &self,
        because: &Because,
        principal: PrincipalId,
        resource: Option<&Arn>,
    ) -> Option<Place> {
        let account = self.account_of(principal);
        let candidates: Vec<Id<PolicyDocument>> = match because.layer {
            LayerKind::Identity => self.identity_policies(principal),
            LayerKind::Boundary => self.boundary(principal).into_iter().collect(),
            LayerKind::Scp => in_levels(self.scp_levels(account)),
            LayerKind::Rcp => {
                let of_resource = resource.and_then(|arn| self.account_of_resource(arn));
                in_levels(self.rcp_levels(of_resource.unwrap_or(account)))
            }
            LayerKind::Resource | LayerKind::Trust => match self.resource_policy(resource?) {
                ResourcePolicy::Attached(policy) => vec![policy],
                ResourcePolicy::None | ResourcePolicy::Unknown => Vec::new(),
            },
            LayerKind::Endpoint | LayerKind::Session => Vec::new(),
        };
        let says = |document: &Id<PolicyDocument>| {
            let named = *self.policies.at(*document).name == *because.policy;
            let statement = self
                .policy(*document)
                .and_then(|policy| policy.statements.get(because.statement));
            named
                && statement.is_some_and(|it| {
                    it.effect == because.effect && it.sid.as_deref() == because.sid.as_deref()
                })
        };
        let found = candidates.into_iter().find(says)?;
        Some(self.statement_place(found, because.statement))
    }

    /// Whose a resource is: as its ARN says, or as the estate knows.
    #[must_use]
    pub fn account_of_resource(&self, arn: &Arn) -> Option<AccountId> {
        arn.account_id().or_else(|| {
            let resource = self.resource(arn)?;
            self.resources.at(resource).account
        })
    }

    fn ceilings(&self, account: AccountId) -> (Ceiling, Ceiling) {
        let make = || {
            let scp = self.ceiling(account, self.scp_levels(account), "SCPs");
            let rcp = self.ceiling(account, self.rcp_levels(account), "RCPs");
            (scp, rcp)
        };
        match self.compiled.ceilings.get(&account) {
            Some(once) => once.get_or_init(make).clone(),
            None => make(),
        }
    }

    fn ceiling(&self, account: AccountId, levels: Levels, what: &str) -> Ceiling {
        let compiled = |level: Level| layers::Level {
            target: level.target.into(),
            policies: self.all_compiled(&level.policies),
        };
        match levels {
            Levels::Known(levels) => Some(levels.into_iter().map(compiled).collect()),
            Levels::Exempt => None,
            Levels::Unknown if self.organization.is_none() => None,
            // An organisation that does not list the account may still be over it.
            Levels::Unknown => {
                let why = "organization.json does not list the account";
                let unknown = Compiled::unreadable(format!("{what} of {account}"), why);
                let level = layers::Level {
                    target: account.as_str().into(),
                    policies: [Arc::new(unknown)].into(),
                };
                Some([level].into())
            }
        }
    }

    fn all_compiled(&self, documents: &[Id<PolicyDocument>]) -> Policies {
        documents.iter().map(|&it| self.compiled(it)).collect()
    }

    fn compile(&self, document: Id<PolicyDocument>) -> Compiled {
        let PolicyDocument { name, content, .. } = self.policies.at(document);
        match content {
            Content::Read(text) => Compiled::new(NamedPolicy {
                name: name.as_ref().into(),
                policy: self.texts.at(*text).policy.clone(),
            }),
            Content::Unreadable { why } => Compiled::unreadable(name.as_ref(), why.as_ref()),
            Content::Missing => {
                Compiled::unreadable(name.as_ref(), "its document is in none of the files")
            }
        }
    }
}

fn in_levels(levels: Levels) -> Vec<Id<PolicyDocument>> {
    match levels {
        Levels::Known(levels) => levels.into_iter().flat_map(|it| it.policies).collect(),
        Levels::Exempt | Levels::Unknown => Vec::new(),
    }
}
