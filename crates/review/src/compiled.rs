//! The estate's policies, compiled once and put into layers.
//!
//! Every question about a principal begins here, so that a thousand roles with one managed policy
//! compile it once.

use std::{collections::BTreeMap, fmt, sync::Arc};

use bailiwick_estate::{Content, Estate, Id, Levels, PolicyDocument, PrincipalId, ResourcePolicy};
use bailiwick_iam::{
    arn::{AccountId, Arn},
    evaluate::{Decision, evaluate},
    layers::{Compiled, Layers, Level, NamedPolicy, Policies},
    policy::Policy,
    request::{Principal, Request},
    vocabulary::Vocabulary,
};

/// The session name that stands for any session of a role.
pub const SESSION: &str = "session";

/// An estate with its policies ready to decide. Cheap to clone.
#[derive(Clone)]
pub struct CompiledEstate<'e> {
    estate: &'e Estate,
    vocabulary: &'e dyn Vocabulary,
    /// By the index of the document.
    documents: Arc<[Arc<Compiled>]>,
    scps: Arc<Ceilings>,
    rcps: Arc<Ceilings>,
}

/// By account; `None` where nothing limits it.
type Ceilings = BTreeMap<AccountId, Option<Arc<[Level]>>>;

impl<'e> CompiledEstate<'e> {
    #[must_use]
    pub fn new(estate: &'e Estate, vocabulary: &'e dyn Vocabulary) -> Self {
        let documents = estate
            .policies
            .values()
            .map(|document| Arc::new(compile(estate, document)))
            .collect();
        let mut compiled = Self {
            estate,
            vocabulary,
            documents,
            scps: Arc::default(),
            rcps: Arc::default(),
        };
        let ceilings = |levels: &dyn Fn(AccountId) -> Levels| {
            let accounts = estate.accounts.keys();
            let over = |&account| (account, compiled.ceiling(levels(account)));
            Arc::new(accounts.map(over).collect())
        };
        let scps = ceilings(&|account| estate.scp_levels(account));
        let rcps = ceilings(&|account| estate.rcp_levels(account));
        compiled.scps = scps;
        compiled.rcps = rcps;
        compiled
    }

    #[must_use]
    pub fn estate(&self) -> &'e Estate {
        self.estate
    }

    #[must_use]
    pub fn vocabulary(&self) -> &'e dyn Vocabulary {
        self.vocabulary
    }

    #[must_use]
    pub fn document(&self, id: Id<PolicyDocument>) -> Option<&Arc<Compiled>> {
        self.documents.get(id.index())
    }

    /// The layers that limit a principal wherever it asks: identity, boundary and SCPs.
    #[must_use]
    pub fn layers(&self, principal: PrincipalId) -> Layers {
        let account = self.estate.account_of(principal);
        Layers {
            identity: Some(self.policies(self.estate.identity_policies(principal))),
            boundary: self
                .estate
                .boundary(principal)
                .map(|boundary| self.policies([boundary])),
            scp: self.scps.get(&account).cloned().flatten(),
            management_account: self.management_account(),
            ..Layers::default()
        }
    }

    /// The SCPs over an account's principals, from the root down; `None` where none binds.
    #[must_use]
    pub fn scps(&self, account: AccountId) -> Option<Arc<[Level]>> {
        self.scps.get(&account).cloned().flatten()
    }

    /// The RCPs over an account's resources, from the root down; `None` where none binds.
    #[must_use]
    pub fn rcps(&self, account: AccountId) -> Option<Arc<[Level]>> {
        self.rcps.get(&account).cloned().flatten()
    }

    /// These layers, with what the resource asked for adds: its policy and the RCPs over it.
    ///
    /// A resource of which nobody asked for the policy adds none: the answer is the one that the
    /// identity side gives.
    #[must_use]
    pub fn at_resource(&self, mut layers: Layers, resource: &Arn) -> Layers {
        layers.resource = match self.estate.resource_policy(resource) {
            ResourcePolicy::Attached(policy) => self.document(policy).cloned(),
            ResourcePolicy::None | ResourcePolicy::Unknown => None,
        };
        // The ARN of a bucket names no account; whoever collected it does.
        let listed = || {
            let listed = self.estate.resource(resource)?;
            self.estate.resources.at(listed).account
        };
        let owner = resource.account_id().or_else(listed);
        layers.rcp = owner.and_then(|owner| self.rcps.get(&owner).cloned().flatten());
        layers.management_account = self.management_account();
        layers
    }

    /// Who signs the requests of a principal: the user, or a session of the role.
    #[must_use]
    pub fn signer(&self, principal: PrincipalId) -> Principal {
        let arn = self.estate.arn(principal).clone();
        match principal {
            PrincipalId::User(_) => Principal::User(arn),
            PrincipalId::Role(_) => {
                Principal::session(&arn, SESSION).unwrap_or(Principal::Role(arn))
            }
        }
    }

    pub fn decide(&self, layers: &Layers, request: &Request) -> Decision {
        evaluate(layers, request, self.vocabulary)
    }

    pub fn policies(&self, ids: impl IntoIterator<Item = Id<PolicyDocument>>) -> Policies {
        ids.into_iter()
            .filter_map(|id| self.document(id).cloned())
            .collect()
    }

    fn management_account(&self) -> Option<AccountId> {
        let organization = self.estate.organization.as_ref()?;
        Some(organization.management_account)
    }

    /// An estate without an organisation has no ceilings; an organisation that does not list an
    /// account leaves its ceilings unknown.
    fn ceiling(&self, levels: Levels) -> Option<Arc<[Level]>> {
        match levels {
            Levels::Exempt => None,
            Levels::Known(levels) => Some(
                levels
                    .into_iter()
                    .map(|level| Level {
                        target: level.target.into(),
                        policies: self.policies(level.policies),
                    })
                    .collect(),
            ),
            Levels::Unknown => {
                self.estate.organization.as_ref()?;
                let why = "the organisation does not list this account";
                let unknown = Arc::new(Compiled::unreadable("organization.json", why));
                Some(
                    [Level {
                        target: "account".into(),
                        policies: [unknown].into(),
                    }]
                    .into(),
                )
            }
        }
    }
}

impl fmt::Debug for CompiledEstate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompiledEstate")
            .field("documents", &self.documents.len())
            .finish_non_exhaustive()
    }
}

fn compile(estate: &Estate, document: &PolicyDocument) -> Compiled {
    let name: Arc<str> = document.name.as_ref().into();
    match &document.content {
        Content::Read(text) => {
            let policy = Arc::clone(&estate.texts.at(*text).policy);
            Compiled::new(NamedPolicy { name, policy })
        }
        Content::Unreadable { why } => Compiled::unreadable(name, why.as_ref()),
        Content::Missing => match well_known(document.arn.as_ref()) {
            Some(policy) => Compiled::new(NamedPolicy { name, policy }),
            None => Compiled::unreadable(name, "no file holds it"),
        },
    }
}

/// What AWS's own administrator policy says, for snapshots that name it and leave it out.
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AdministratorAccess.html
fn well_known(arn: Option<&Arn>) -> Option<Arc<Policy>> {
    const ADMINISTRATOR: &str =
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let arn = arn?;
    let is_administrator = arn.account() == "aws" && arn.resource() == "policy/AdministratorAccess";
    is_administrator
        .then(|| Policy::parse(ADMINISTRATOR).ok().map(Arc::new))
        .flatten()
}
