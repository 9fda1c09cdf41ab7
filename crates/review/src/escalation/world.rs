//! The estate as the paths see it: every policy digested, every principal's rights ready to be
//! asked.

use std::{cell::RefCell, sync::Arc};

use bailiwick_estate::{Content, Estate, Id, Levels, PolicyDocument, PrincipalId, Role, Tags};
use bailiwick_iam::{
    arn::{AccountId, Arn},
    evaluate::Outcome,
    layers::{Compiled, Layers},
    policy::{Effect, Selection},
    request::{Principal, Request, Values},
};

use rustc_hash::FxHashSet;

use super::{
    alike::{Alikeness, Telling, is_about_target},
    circumstance::{Asked, Moment, Scene, context},
    digest::{Actions, Digest, Vocabulary},
    everything::{Prover, Texts},
    glob,
    holder::{Added, Everything, Holder, Rights, written},
    index::Inventory,
    path::{Book, builtin},
    question::{Answer, Question},
    scenario::REGION,
};
use crate::compiled::CompiledEstate;

#[derive(Debug)]
pub(crate) struct World<'e> {
    pub(crate) estate: &'e Estate,
    pub(crate) compiled: CompiledEstate<'e>,
    pub(crate) book: &'static Book,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) inventory: Inventory<'e>,
    /// By the index of the document.
    digests: Vec<Digest>,
    pub(crate) alikeness: RefCell<Alikeness>,
    /// Paths of which a holder may not make some call that is not about whom it gains: by the id
    /// of the path, and whether things were assumed to exist.
    pub(crate) barred: RefCell<FxHashSet<(Holder, &'static str, bool)>>,
    prover: Prover<'e>,
    moment: Moment,
    written: Option<Arc<Compiled>>,
    no_tags: Tags,
}

/// A call that a holder would make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'c> {
    pub(crate) action: &'c str,
    pub(crate) resource: &'c str,
    pub(crate) region: &'c str,
    pub(crate) asked: Asked<'c>,
    /// Keys that the path itself settles: their value, or that they are absent.
    pub(crate) fixed: &'c [(&'c str, Option<&'c str>)],
}

impl<'e> World<'e> {
    pub(crate) fn new(compiled: CompiledEstate<'e>, moment: Moment) -> Self {
        let book = builtin();
        let vocabulary = Vocabulary::of(book);
        let estate = compiled.estate();
        let digests = estate.policies.ids().map(|id| match compiled.document(id) {
            Some(document) => document
                .policy()
                .map(|policy| Digest::of(policy, &vocabulary))
                .unwrap_or_else(Digest::unreadable),
            None => Digest::unreadable(),
        });
        Self {
            estate,
            book,
            inventory: Inventory::of(estate),
            digests: digests.collect(),
            vocabulary,
            alikeness: RefCell::default(),
            barred: RefCell::default(),
            prover: Prover::new(compiled.vocabulary()),
            moment,
            written: written(),
            no_tags: Tags::new(),
            compiled,
        }
    }

    pub(crate) fn digest(&self, document: Id<PolicyDocument>) -> Option<&Digest> {
        self.digests.get(document.index())
    }

    pub(crate) fn tags_of(&self, principal: PrincipalId) -> &Tags {
        match principal {
            PrincipalId::Role(role) => &self.estate.roles.at(role).tags,
            PrincipalId::User(user) => &self.estate.users.at(user).tags,
        }
    }

    /// What a holder's policies say.
    pub(crate) fn rights(&self, holder: Holder) -> Rights {
        let principal = holder.principal;
        let mut identity = self.estate.identity_policies(principal);
        if let Added::Group(group) = holder.added {
            let group = self.estate.groups.at(group);
            identity.extend(group.inline.iter().chain(&group.attached));
        }
        let mut layers = self.compiled.layers(principal);
        layers.identity = Some(self.compiled.policies(identity.iter().copied()));
        let account = self.estate.account_of(principal);
        let limits = self.limits(principal, account);
        let mut rights = Rights {
            holder,
            account,
            signer: self.compiled.signer(principal),
            conditional: self.conditional(&identity, &limits),
            limits,
            allows: self.allowed(&identity),
            everything: Everything::No,
            all_of_account: Everything::No,
            layers,
            identity,
            shed: Vec::new(),
        };
        if holder.added == Added::Anything {
            self.write_anything(&mut rights);
        }
        self.weigh(&mut rights);
        rights
    }

    /// Finds out whether rights hold everything, and whether they would without SCPs.
    fn weigh(&self, rights: &mut Rights) {
        let boundary = rights.layers.boundary.is_some();
        let boundary = boundary.then(|| self.estate.boundary(rights.holder.principal));
        // What hangs on who asks is asked about each; so is what AWS's own roles are exempt from.
        let is_alike = rights.conditional.is_empty() && !rights.signer.is_service_linked();
        let texts = is_alike.then(|| Texts::of(self.estate, &rights.identity, boundary.flatten()));
        let texts = texts.map(|texts| match rights.holder.added {
            Added::Anything => texts.with_written(),
            Added::Nothing | Added::Group(_) => texts,
        });
        let ask = |layers: &Layers, texts| {
            let signer = &rights.signer;
            self.prover.everything(layers, signer, texts)
        };
        let all_of_account = if rights.layers.scp.is_some() {
            let unlimited = Layers {
                scp: None,
                ..rights.layers.clone()
            };
            ask(&unlimited, texts.clone())
        } else {
            ask(&rights.layers, texts.clone())
        };
        let is_limited = rights.layers.scp.is_some() && all_of_account != Everything::No;
        let everything = if is_limited {
            let texts = texts.map(|texts| texts.under_scps_of(rights.account));
            ask(&rights.layers, texts)
        } else {
            all_of_account
        };
        rights.all_of_account = all_of_account;
        rights.everything = everything;
    }

    /// Whether the policies over a call ask for tags of the caller.
    fn asks_for_tags(
        &self,
        rights: &Rights,
        resource_policy: Option<Id<PolicyDocument>>,
        action: &str,
    ) -> bool {
        let documents = rights.conditional.iter().copied().chain(resource_policy);
        let digests = documents.filter_map(|it| self.digest(it));
        let mut keys = digests.flat_map(|digest| digest.keys(self.vocabulary.known(action)));
        keys.any(|(key, _)| key.starts_with("aws:principaltag/"))
    }

    /// Whether somebody may give a holder such tags as are needed: itself, or whoever assumes the
    /// role and tags the session.
    fn retags(&self, rights: &Rights) -> bool {
        let (action, by_session) = match rights.holder.principal {
            PrincipalId::User(_) => ("iam:TagUser", false),
            PrincipalId::Role(role) => ("iam:TagRole", self.sessions_are_tagged(role)),
        };
        let arn = self.estate.arn(rights.holder.principal).as_str();
        let mut request = Request::new(rights.signer.clone(), action, arn);
        request.context.set_complete(false);
        let by_itself = match self.compiled.decide(&rights.layers, &request).outcome {
            Outcome::Allow | Outcome::Unknown => true,
            Outcome::ImplicitDeny | Outcome::ExplicitDeny => false,
        };
        by_itself || by_session
    }

    /// Whether the trust policy of a role lets somebody tag its sessions.
    fn sessions_are_tagged(&self, role: Id<Role>) -> bool {
        let trust = self.estate.policy(self.estate.roles.at(role).trust);
        trust.is_none_or(|trust| {
            let mut statements = trust.statements.iter();
            statements.any(|it| {
                it.effect == Effect::Allow
                    && match &it.actions {
                        Selection::Only(patterns) => patterns
                            .iter()
                            .any(|it| glob::matches(&it.value.0, "sts:TagSession")),
                        Selection::AllBut(patterns) => !patterns
                            .iter()
                            .any(|it| glob::matches(&it.value.0, "sts:TagSession")),
                    }
            })
        })
    }

    fn allowed(&self, identity: &[Id<PolicyDocument>]) -> Actions {
        let mut allowed = Actions::default();
        for digest in identity
            .iter()
            .filter_map(|&document| self.digest(document))
        {
            allowed.join(digest.allows);
        }
        allowed
    }

    fn limits(&self, principal: PrincipalId, account: AccountId) -> Vec<Id<PolicyDocument>> {
        let mut limits = match self.estate.scp_levels(account) {
            Levels::Known(levels) => levels.into_iter().flat_map(|it| it.policies).collect(),
            Levels::Exempt | Levels::Unknown => Vec::new(),
        };
        limits.extend(self.estate.boundary(principal));
        limits
    }

    fn conditional(
        &self,
        identity: &[Id<PolicyDocument>],
        limits: &[Id<PolicyDocument>],
    ) -> Vec<Id<PolicyDocument>> {
        let has_keys = |document: &Id<PolicyDocument>| {
            self.digest(*document).is_some_and(Digest::is_conditional)
        };
        let documents = identity.iter().chain(limits).copied();
        documents.filter(has_keys).collect()
    }

    /// What tells one principal from another of the same account to an action of a holder, if it
    /// is no more than resource patterns, tags and the boundary.
    pub(crate) fn telling(&self, rights: &Rights, action: &str) -> Option<Telling> {
        let action = self.vocabulary.known(action)?;
        let documents = rights.identity.iter().chain(&rights.limits);
        let mut telling = Telling::default();
        for digest in documents.filter_map(|&it| self.digest(it)) {
            let keys = digest.keys(Some(action)).map(|(key, _)| key);
            telling
                .keys
                .extend(keys.filter(|key| is_about_target(key)).map(Into::into));
            telling
                .patterns
                .extend(digest.scopes(action).map(Into::into));
        }
        telling.patterns.remove("*");
        let plain = |pattern: &str| !pattern.contains('$') && pattern.matches(':').count() == 5;
        telling
            .patterns
            .iter()
            .all(|it| plain(it))
            .then_some(telling)
    }

    /// The number of a role's trust policy among all texts; `None` if nobody knows what it says.
    pub(crate) fn trust_text(&self, role: Id<Role>) -> Option<usize> {
        let trust = self.estate.roles.at(role).trust;
        match self.estate.policies.at(trust).content {
            Content::Read(text) => Some(text.index()),
            Content::Unreadable { .. } | Content::Missing => None,
        }
    }

    /// Whether a role's trust policy says the same of every role of an account that has it.
    pub(crate) fn is_blind_to_target(&self, role: Id<Role>) -> bool {
        let trust = self.estate.roles.at(role).trust;
        let digest = self.digest(trust);
        digest.is_some_and(|digest| digest.keys(None).all(|(key, _)| !is_about_target(key)))
    }

    /// Adds a policy that allows everything; then, where that suffices, takes away what limits it:
    /// its other policies, if they deny something, and its boundary.
    fn write_anything(&self, rights: &mut Rights) {
        let Some(written) = &self.written else {
            return;
        };
        let own = rights.layers.identity.clone().unwrap_or_default();
        let with_own = own.iter().cloned().chain([Arc::clone(written)]);
        rights.layers.identity = Some(with_own.collect());
        rights.allows = Actions::ALL;
        let arn = self.estate.arn(rights.holder.principal).clone();
        let limits = match rights.holder.principal {
            PrincipalId::User(_) => [
                "iam:DeleteUserPolicy",
                "iam:DetachUserPolicy",
                "iam:DeleteUserPermissionsBoundary",
            ],
            PrincipalId::Role(_) => [
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:DeleteRolePermissionsBoundary",
            ],
        };
        let [delete, detach, unbound] = limits;
        let mut denied = rights.identity.iter().filter_map(|&it| self.digest(it));
        if denied.any(|digest| digest.denies) && self.shed(rights, &[delete, detach], &arn) {
            rights.layers.identity = Some([Arc::clone(written)].into());
            rights.identity.clear();
        }
        if rights.layers.boundary.is_some() && self.shed(rights, &[unbound], &arn) {
            rights.layers.boundary = None;
        }
    }

    fn shed(&self, rights: &mut Rights, actions: &[&str], on: &Arn) -> bool {
        let mut proofs = Vec::new();
        for action in actions {
            let call = Call {
                action,
                resource: on.as_str(),
                region: REGION,
                asked: Asked::Tagged(self.tags_of(rights.holder.principal)),
                fixed: &[],
            };
            match self.ask(rights, &rights.layers, call) {
                Answer::Yes(proof) => proofs.push(proof),
                Answer::No | Answer::Unknown(_) => return false,
            }
        }
        rights.shed.extend(proofs);
        true
    }

    /// Whether some statement of the identity layer may allow a call. Saves asking, never decides.
    pub(crate) fn may(&self, rights: &Rights, action: &str, resource: &str) -> bool {
        if rights.holder.added == Added::Anything {
            return true;
        }
        let Some(action) = self.vocabulary.known(action) else {
            return true;
        };
        let digests = rights.identity.iter().filter_map(|&it| self.digest(it));
        let mut patterns = digests.flat_map(|digest| digest.resources_of(action));
        patterns.any(|pattern| match pattern {
            None => true,
            Some(pattern) => {
                let vague = pattern.contains("${") || pattern.split(':').count() < 6;
                vague || glob::matches(pattern, resource)
            }
        })
    }

    /// The resource patterns with which the identity layer allows an action.
    pub(crate) fn patterns<'s>(
        &'s self,
        rights: &'s Rights,
        action: &str,
    ) -> impl Iterator<Item = &'s str> {
        let action = self.vocabulary.known(action);
        let digests = rights.identity.iter().filter_map(|&it| self.digest(it));
        digests.flat_map(move |digest| {
            let of_action = action.into_iter().flat_map(|it| digest.resources_of(it));
            of_action.flatten()
        })
    }

    /// The Regions that the conditions of a holder's policies speak of.
    pub(crate) fn regions<'s>(&'s self, rights: &'s Rights) -> impl Iterator<Item = &'s str> {
        self.values_of(&rights.conditional, None, "aws:requestedregion")
    }

    fn values_of<'s>(
        &'s self,
        documents: &'s [Id<PolicyDocument>],
        action: Option<usize>,
        key: &str,
    ) -> impl Iterator<Item = &'s str> + use<'s, 'e> {
        let key = key.to_ascii_lowercase();
        let digests = documents.iter().filter_map(|&it| self.digest(it));
        digests
            .flat_map(move |digest| digest.keys(action))
            .filter(move |(it, _)| *it == key)
            .flat_map(|(_, values)| values.iter().map(AsRef::as_ref))
    }

    /// Whether a holder may make a call, in circumstances of its choosing.
    pub(crate) fn ask(&self, rights: &Rights, layers: &Layers, call: Call<'_>) -> Answer {
        self.ask_with(rights, layers, None, call)
    }

    /// The same, where the resource asked for has a policy with conditions of its own.
    pub(crate) fn ask_with(
        &self,
        rights: &Rights,
        layers: &Layers,
        resource_policy: Option<Id<PolicyDocument>>,
        call: Call<'_>,
    ) -> Answer {
        let tags = self.tags_of(rights.holder.principal);
        match self.ask_tagged(rights, layers, resource_policy, call, Some(tags)) {
            Answer::No
                if self.asks_for_tags(rights, resource_policy, call.action)
                    && self.retags(rights) => {}
            told => return told,
        }
        // With the tags that it has it may not. With those that somebody could give it, perhaps.
        match self.ask_tagged(rights, layers, resource_policy, call, None) {
            Answer::No => Answer::No,
            Answer::Yes(_) | Answer::Unknown(_) => Answer::Unknown(vec![
                "aws:PrincipalTag, which may be set as the policy asks".to_owned(),
            ]),
        }
    }

    /// The same, if the holder has these tags; `None`: such as its policies ask for.
    fn ask_tagged(
        &self,
        rights: &Rights,
        layers: &Layers,
        resource_policy: Option<Id<PolicyDocument>>,
        call: Call<'_>,
        tags: Option<&Tags>,
    ) -> Answer {
        let scene = Scene {
            principal: rights.holder.principal,
            tags,
            service: call.action.split(':').next().unwrap_or_default(),
            region: call.region,
            moment: &self.moment,
            asked: call.asked,
        };
        let action = self.vocabulary.known(call.action);
        let own = rights.conditional.iter().copied();
        let documents: Vec<_> = own.chain(resource_policy).collect();
        let digests = documents.iter().filter_map(|&it| self.digest(it));
        let keys = digests.flat_map(|digest| digest.keys(action).map(|(key, _)| key));
        let (context, chosen) = context(keys, call.fixed, scene);
        let mut request = Request::new(rights.signer.clone(), call.action, call.resource);
        request.context = context;
        let values_of = |key: &str| self.values_of(&documents, action, key).collect();
        let question = Question {
            layers,
            request,
            chosen,
        };
        question.answer(&self.compiled, &values_of)
    }

    /// Whether a role trusts a service that acts for a thing in the role's own account.
    pub(crate) fn trusts(&self, role: Id<Role>, service: &str, source: Option<&str>) -> Answer {
        let role = self.estate.roles.at(role);
        let account = role.account.to_string();
        let layers = self.compiled.at_resource(Layers::default(), &role.arn);
        let mut request = Request::new(
            Principal::Service(service.to_owned()),
            "sts:AssumeRole",
            role.arn.as_str(),
        );
        let assume = self.vocabulary.known("sts:AssumeRole");
        let keys = self.digest(role.trust).into_iter();
        for (key, _) in keys.flat_map(|digest| digest.keys(assume)) {
            let value = match key {
                "aws:sourceaccount" => Some(account.as_str()),
                "aws:sourcearn" => source,
                "aws:principalisawsservice" | "aws:securetransport" => Some("true"),
                "aws:principalservicename" => Some(service),
                "aws:currenttime" => Some(self.moment.iso.as_str()),
                _ => None,
            };
            let absent = matches!(key, "sts:externalid" | "aws:viaawsservice");
            match value {
                Some(value) => request.context.set(key, value),
                None if absent => request.context.set(key, Values::Many(Vec::new())),
                None => request.context = std::mem::take(&mut request.context).unknown(key),
            }
        }
        let question = Question {
            layers: &layers,
            request,
            chosen: Vec::new(),
        };
        question.answer(&self.compiled, &|_| Vec::new())
    }

    /// The patterns with which a role's trust policy tells the things it trusts a service for.
    pub(crate) fn sources(&self, role: Id<Role>) -> Vec<&str> {
        let trust = self.estate.roles.at(role).trust;
        let digest = self.digest(trust).into_iter();
        let sources = digest
            .flat_map(|it| it.keys(None))
            .filter(|(key, _)| *key == "aws:sourcearn");
        sources
            .flat_map(|(_, values)| values.iter().map(AsRef::as_ref))
            .collect()
    }

    pub(crate) fn no_tags(&self) -> &Tags {
        &self.no_tags
    }
}
