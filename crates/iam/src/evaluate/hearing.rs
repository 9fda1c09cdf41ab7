//! Asking every layer that applies to a request.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{
    layers::{Compiled, LayerKind, Layers, Level, Policies},
    request::{Principal, Request, assumed_role},
    vocabulary::Vocabulary,
};

use super::{
    Because,
    combine::{Sides, Slots},
    group::{Place, Said},
    question::Question,
    truth::{Truth, all, any},
};

/// A request and what every layer that applies to it says.
#[derive(Debug)]
pub(crate) struct Hearing<'a> {
    pub(crate) question: Question<'a>,
    pub(crate) layers: &'a Layers,
    pub(crate) sides: Sides,
    pub(crate) rcp: SmallVec<[Said; 4]>,
    /// Whether resource control policies apply to the service.
    pub(crate) rcp_applies: Truth,
    pub(crate) scp: SmallVec<[Said; 4]>,
    pub(crate) endpoint: Option<Said>,
    pub(crate) resource: Option<Said>,
    pub(crate) resource_kind: LayerKind,
    pub(crate) identity: Option<Said>,
    pub(crate) boundary: Option<Said>,
    pub(crate) session: Option<Said>,
    is_root: bool,
    is_federated_without_session: bool,
}

impl<'a> Hearing<'a> {
    pub(crate) fn new(
        layers: &'a Layers,
        request: &'a Request,
        vocabulary: &'a dyn Vocabulary,
    ) -> Self {
        let is_bounded = layers.boundary.is_some();
        let question = Question::new(request, layers.switches, is_bounded, vocabulary);
        let principal = &request.principal;
        let (is_identified, is_role_or_user) = standing(principal);
        let is_root = matches!(principal, Principal::Root(_));
        let is_role = assumed_role(request).is_some();
        let resource_kind = if is_role {
            LayerKind::Trust
        } else {
            LayerKind::Resource
        };
        let ask = |policies: &Option<Policies>, applies: bool, layer| {
            let policies = policies.as_ref().filter(|_| applies)?;
            Some(Said::by(policies, layer, &question))
        };
        let identity = ask(
            &layers.identity,
            is_identified && !is_root,
            LayerKind::Identity,
        );
        let boundary = ask(&layers.boundary, is_role_or_user, LayerKind::Boundary);
        let session = ask(
            &layers.session,
            is_identified && !is_root,
            LayerKind::Session,
        );
        let endpoint = ask(&layers.endpoint, true, LayerKind::Endpoint);
        let resource = layers.resource.as_ref().map(|compiled| {
            let mut said = Said::NOTHING;
            said.hear(0, compiled, resource_kind, &question);
            said
        });
        let scp = match &layers.scp {
            Some(levels) if scp_applies(layers, &question) => {
                ask_levels(levels, LayerKind::Scp, &question)
            }
            _ => SmallVec::new(),
        };
        let rcp = match &layers.rcp {
            Some(levels) if rcp_may_apply(layers, &question) => {
                ask_levels(levels, LayerKind::Rcp, &question)
            }
            _ => SmallVec::new(),
        };
        let some_rcp_denies = rcp.iter().any(|said| said.deny != Truth::No);
        Self {
            sides: sides(&question, is_role),
            rcp_applies: if some_rcp_denies {
                rcp_applies(&question)
            } else {
                Truth::No
            },
            is_root,
            is_federated_without_session: matches!(principal, Principal::FederatedUser(_))
                && session.is_none(),
            question,
            layers,
            rcp,
            scp,
            endpoint,
            resource,
            resource_kind,
            identity,
            boundary,
            session,
        }
    }

    pub(crate) fn slots(&self) -> Slots {
        let silent = |said: &Option<Said>| said.map_or(Truth::Yes, |said| said.allow.direct);
        let resource = self.resource.unwrap_or(Said::NOTHING).allow;
        Slots {
            deny: any([
                self.rcp_denies(),
                any(self.scp.iter().map(|said| said.deny)),
                any(self.asked_once().map(|(_, said)| said.deny)),
            ]),
            // IAM-002: every level must allow.
            scp: all(self.scp.iter().map(|said| said.allow.direct)),
            // IAM-013: an endpoint's policy is one more that must allow.
            endpoint: self.endpoint.map_or(Truth::Yes, |said| said.allow.at_all()),
            account: resource.account,
            role: resource.role,
            direct: resource.direct,
            identity: self.identity_allows(),
            boundary: silent(&self.boundary),
            session: silent(&self.session),
        }
    }

    /// The layers of one list each, in AWS's order.
    pub(crate) fn asked_once(&self) -> impl Iterator<Item = (LayerKind, Said)> {
        [
            (LayerKind::Endpoint, self.endpoint),
            (self.resource_kind, self.resource),
            (LayerKind::Identity, self.identity),
            (LayerKind::Boundary, self.boundary),
            (LayerKind::Session, self.session),
        ]
        .into_iter()
        .filter_map(|(layer, said)| said.map(|said| (layer, said)))
    }

    pub(crate) fn rcp_denies(&self) -> Truth {
        any(self.rcp.iter().map(|said| said.deny)).and(self.rcp_applies)
    }

    /// The statements that decided, one a layer and level, in AWS's order: a layer's deny, or else
    /// its allow.
    pub(crate) fn deciding(&self) -> SmallVec<[(LayerKind, usize, Place); 8]> {
        let mut deciding = SmallVec::new();
        for (level, said) in self.rcp.iter().enumerate() {
            if let Some(place) = said.denied_by.filter(|_| self.rcp_applies == Truth::Yes) {
                deciding.push((LayerKind::Rcp, level, place));
            }
        }
        for (level, said) in self.scp.iter().enumerate() {
            if let Some(place) = said.denied_by.or(said.allowed_by) {
                deciding.push((LayerKind::Scp, level, place));
            }
        }
        for (layer, said) in self.asked_once() {
            if let Some(place) = said.denied_by.or(said.allowed_by) {
                deciding.push((layer, 0, place));
            }
        }
        deciding
    }

    /// The statement at a place, with its names.
    pub(crate) fn because(
        &self,
        layer: LayerKind,
        level: usize,
        (policy, statement): Place,
    ) -> Option<Because> {
        let compiled = self.policies(layer, level).get(policy)?;
        let rule = compiled.program()?.rule(statement)?;
        Some(Because {
            layer,
            policy: compiled.name().clone(),
            statement,
            sid: rule.sid.clone(),
            effect: rule.effect,
            depends_on: Vec::new(),
        })
    }

    /// The policies of a layer, or of one level of it.
    pub(crate) fn policies(&self, layer: LayerKind, level: usize) -> &'a [Arc<Compiled>] {
        let layers = self.layers;
        let at_level = |levels: &'a Option<Arc<[Level]>>| {
            let level = levels.as_deref().and_then(|levels| levels.get(level));
            level.map_or(&[][..], |level| &level.policies)
        };
        match layer {
            LayerKind::Rcp => at_level(&layers.rcp),
            LayerKind::Scp => at_level(&layers.scp),
            LayerKind::Endpoint => layers.endpoint.as_deref().unwrap_or_default(),
            LayerKind::Resource | LayerKind::Trust => layers.resource.as_slice(),
            LayerKind::Identity => layers.identity.as_deref().unwrap_or_default(),
            LayerKind::Boundary => layers.boundary.as_deref().unwrap_or_default(),
            LayerKind::Session => layers.session.as_deref().unwrap_or_default(),
        }
    }

    /// The first layer, in AWS's order, that would have to allow and does not.
    pub(crate) fn silent_layer(&self) -> LayerKind {
        let slots = self.slots();
        let is_silent = |truth| truth == Truth::No;
        let needs_resource = match self.sides {
            Sides::ResourceAlone => return self.first_ceiling().unwrap_or(self.resource_kind),
            Sides::Either => false,
            Sides::EitherIfTheResourceDelegates | Sides::Both => true,
        };
        if let Some(ceiling) = self.first_ceiling() {
            return ceiling;
        }
        if needs_resource && is_silent(slots.resource_side()) {
            return self.resource_kind;
        }
        let is_granted_to_role = self.sides != Sides::Both && slots.role != Truth::No;
        if is_silent(slots.identity) && !is_granted_to_role {
            LayerKind::Identity
        } else if is_silent(slots.boundary) {
            LayerKind::Boundary
        } else if is_silent(slots.session) {
            LayerKind::Session
        } else {
            LayerKind::Identity
        }
    }

    fn first_ceiling(&self) -> Option<LayerKind> {
        let slots = self.slots();
        if slots.scp == Truth::No {
            Some(LayerKind::Scp)
        } else if slots.endpoint == Truth::No {
            Some(LayerKind::Endpoint)
        } else {
            None
        }
    }

    fn identity_allows(&self) -> Truth {
        // IAM-001: the root user needs no policy. IAM-008: a federated user has only what its
        // session policy lets through, and without one nothing.
        if self.is_root {
            return Truth::Yes;
        }
        if self.is_federated_without_session {
            return Truth::No;
        }
        self.identity.map_or(Truth::No, |said| said.allow.direct)
    }
}

/// Whether the principal belongs to an account, and whether it is one that can have a boundary.
fn standing(principal: &Principal) -> (bool, bool) {
    match principal {
        Principal::User(_) | Principal::Role(_) | Principal::Session(_) => (true, true),
        Principal::Root(_) | Principal::FederatedUser(_) => (true, false),
        Principal::Provider(_) | Principal::Service(_) | Principal::Anonymous => (false, false),
    }
}

fn ask_levels(levels: &[Level], layer: LayerKind, question: &Question<'_>) -> SmallVec<[Said; 4]> {
    levels
        .iter()
        .map(|level| Said::by(&level.policies, layer, question))
        .collect()
}

// IAM-002
fn scp_applies(layers: &Layers, question: &Question<'_>) -> bool {
    let Some(account) = question.principal_account else {
        return false;
    };
    let is_managing = layers.management_account == Some(account);
    !is_managing && !question.is_service_linked()
}

// IAM-004
fn rcp_may_apply(layers: &Layers, question: &Question<'_>) -> bool {
    let is_managing = layers.management_account.is_some()
        && layers.management_account == question.resource_account;
    let is_retiring = question.action.is("kms:retiregrant");
    !is_managing && !is_retiring && !question.is_service_linked()
}

// IAM-004
fn rcp_applies(question: &Question<'_>) -> Truth {
    const FROM_THE_START: [&str; 5] = ["kms", "s3", "secretsmanager", "sqs", "sts"];
    let service = question.action.service();
    match question.vocabulary().rcp_applies(service) {
        Some(applies) => applies.into(),
        None if FROM_THE_START.contains(&service) => Truth::Yes,
        None => Truth::Maybe,
    }
}

fn sides(question: &Question<'_>, is_role: bool) -> Sides {
    let Some(account) = question.principal_account else {
        return Sides::ResourceAlone;
    };
    if question.resource_account != Some(account) {
        return Sides::Both;
    }
    let is_key = question.action.service() == "kms" && question.resource.last().starts_with("key/");
    if is_role || is_key {
        Sides::EitherIfTheResourceDelegates
    } else {
        Sides::Either
    }
}
