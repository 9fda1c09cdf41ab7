//! Where the old role is named by others: resource policies, trust policies of other roles, and
//! rights to pass it.
//!
//! What the snapshot holds is patched, in two steps with their way back: first the new roles stand
//! beside the old one, and when nothing runs as that, its name goes. Each is listed as well, for
//! somebody to look at; and so is what a plan cannot patch.

use std::collections::BTreeSet;

use bailiwick_charter::compile::{CompiledRole, Holds};
use bailiwick_estate::{Id, PolicyDocument, PrincipalId, ResourcePolicy};
use bailiwick_iam::{access::Region, arn::Arn, layers::Layers, policy::Selection};
use serde_json::{Value, json};

use super::{
    Moving, Split,
    proofs::{compiled, layers_of},
};
use crate::plan::{Act, Change, Document, Inverse, Obligation, Phase};

/// What to do where the old role is named by others.
#[derive(Default)]
pub(super) struct NamedElsewhere {
    /// Before agents move: the new roles are named beside the old.
    pub(super) before: Vec<Change>,
    /// When nothing uses the old role: its name goes.
    pub(super) after: Vec<Change>,
    pub(super) obligations: Vec<Obligation>,
}

/// Whose document it is.
#[derive(Clone, Copy)]
enum Holder<'a> {
    Resource(&'a Arn),
    /// A role, and the document is its trust policy.
    Trust(&'a Arn),
}

impl Split<'_> {
    /// Resource policies, trust policies and rights to pass it, in which the old role is named.
    pub(super) fn named_elsewhere(&self, moving: &[Moving<'_>]) -> NamedElsewhere {
        let mut found = NamedElsewhere::default();
        let estate = self.sources.estate;
        let resources = estate.resources.values().map(|it| (&it.arn, it.policy));
        let agents = estate
            .agents
            .values()
            .map(|it| (&it.arn, it.resource_policy));
        let mut seen = BTreeSet::new();
        for (arn, policy) in resources.chain(agents) {
            if let ResourcePolicy::Attached(document) = policy
                && seen.insert(document.index())
            {
                self.in_document(Holder::Resource(arn), document, moving, &mut found);
            }
        }
        for role in estate.roles.values().filter(|it| it.arn != self.old.arn) {
            self.in_document(Holder::Trust(&role.arn), role.trust, moving, &mut found);
        }
        for principal in estate.principals().filter(|it| *it != self.principal()) {
            self.passes(principal, moving, &mut found.obligations);
        }
        found
    }

    /// A snapshot does not hold every policy that may name a role.
    pub(super) fn look_elsewhere(&self) -> Obligation {
        Obligation {
            subject: self.old.arn.to_string(),
            what: "before it is deleted, look for its name in policies that the snapshot does not hold: of other accounts, and of resources that were not collected".to_owned(),
            why: "AWS turns the name of a deleted role into a dead id, and what relied on it stops"
                .to_owned(),
        }
    }

    fn in_document(
        &self,
        holder: Holder<'_>,
        document: Id<PolicyDocument>,
        moving: &[Moving<'_>],
        found: &mut NamedElsewhere,
    ) {
        let (old, holds) = (&self.old.arn, holder.holds());
        let Some(policy) = self.sources.estate.policy(document) else {
            let why = "it cannot be read, so whether it names the old role is not known";
            found
                .obligations
                .push(holder.asks(format!("read {holds}, and look for {old}"), why));
            return;
        };
        let text = policy.to_json();
        if let Some(what) = self.beside_its_arn(&text) {
            found.obligations.push(holder.asks(
                format!("look at {holds}, which names {what} of {old}"),
                "a plan cannot say the same of a role that is not there yet",
            ));
        }
        if !text.contains(&format!("\"{old}\"")) {
            return;
        }
        let heirs = self.heirs(holder, moving);
        let text = Document::of(policy).0;
        let of = |heirs: &[String], fate| Document(renamed(text.clone(), old, heirs, fate));
        let was = of(&[], Old::Stays);
        let (during, after) = (of(&heirs, Old::Stays), of(&heirs, Old::Goes));
        let what = format!("look at {holds}, which names {old}");
        let Some(raw) = self.raw(holder) else {
            let why = "no file of the snapshot holds it as AWS gave it, so no step changes it";
            found.obligations.push(holder.asks(what, why));
            return;
        };
        let is_left = |document: &Document| {
            let statements = document.0.get("Statement").and_then(Value::as_array);
            statements.is_some_and(|list| !list.is_empty())
        };
        let why = if after == was {
            "it names the role where a plan cannot tell what should stand in its place".to_owned()
        } else if !is_left(&after) {
            "it names nobody else, and no agent that moves needs it by its charter: take it away by hand"
                .to_owned()
        } else if heirs.is_empty() {
            holder.without_heirs().to_owned()
        } else {
            format!("the plan names {} in its place", heirs.join(", "))
        };
        found.obligations.push(holder.asks(what, why));
        let now = if during == was {
            raw
        } else {
            let why = format!(
                "{holds} names the old role; the new ones stand beside it while agents move"
            );
            found
                .before
                .push(holder.put(Phase::Create, &during, raw, why));
            during.clone()
        };
        if after != during && is_left(&after) {
            let why = "nothing runs as the old role any more".to_owned();
            found
                .after
                .push(holder.put(Phase::Retire, &after, now, why));
        }
    }

    /// What a policy names the old role by, beside its ARN.
    fn beside_its_arn(&self, text: &str) -> Option<&'static str> {
        let (account, name) = (self.old.account, &self.old.name);
        let session = format!(":{account}:assumed-role/{name}/");
        let unique_id = self.old.unique_id.as_deref();
        if text.contains(&session) {
            return Some("sessions");
        }
        unique_id
            .is_some_and(|id| text.contains(id))
            .then_some("the unique id")
    }

    /// The document as AWS gave it.
    fn raw(&self, holder: Holder<'_>) -> Option<Document> {
        let snapshot = self.sources.snapshot;
        match holder {
            Holder::Resource(arn) => snapshot.resource_policy(arn),
            Holder::Trust(arn) => {
                let (_, detail) = snapshot.role_detail(arn)?;
                let trust = detail.get("AssumeRolePolicyDocument")?;
                Some(Document(trust.clone()))
            }
        }
    }

    /// The new roles that declare something on a resource, or that they assume a role.
    fn heirs(&self, holder: Holder<'_>, moving: &[Moving<'_>]) -> Vec<String> {
        let region = match holder {
            Holder::Resource(arn) => Region::new(["*"], [arn.to_string(), format!("{arn}/*")]),
            Holder::Trust(arn) => Region::new(["sts:AssumeRole"], [arn.as_str()]),
        };
        let roles = moving.iter().flat_map(|one| one.compiled.roles());
        let mut heirs: Vec<String> = roles
            .filter(|role| {
                let layers = declared_layers(role);
                let access = self.algebra.access(&layers, None);
                access.find(&region).answer() != Some(false)
            })
            .map(CompiledRole::arn)
            .collect();
        heirs.sort();
        heirs
    }

    /// Principals whose policies name the old role, such as whoever deploys the agents.
    fn passes(&self, principal: PrincipalId, moving: &[Moving<'_>], asked: &mut Vec<Obligation>) {
        let estate = self.sources.estate;
        let names = estate
            .identity_policies(principal)
            .into_iter()
            .filter_map(|document| estate.policy(document))
            .flat_map(|policy| &policy.statements)
            .any(|statement| {
                let resources = statement.resources.as_ref().map(Selection::patterns);
                let resources = resources.unwrap_or_default();
                resources
                    .iter()
                    .any(|it| it.value.0 == self.old.arn.as_str())
            });
        if names && !moving.is_empty() {
            let roles: Vec<String> = moving
                .iter()
                .map(|one| one.compiled.runtime.arn())
                .collect();
            asked.push(Obligation {
                subject: estate.arn(principal).to_string(),
                what: format!("name {} in the place of {}", roles.join(", "), self.old.arn),
                why: "its policies name the old role: to pass it, to assume it or to change it"
                    .to_owned(),
            });
        }
    }
}

impl Holder<'_> {
    fn arn(self) -> String {
        match self {
            Self::Resource(arn) | Self::Trust(arn) => arn.to_string(),
        }
    }

    fn holds(self) -> &'static str {
        match self {
            Self::Resource(_) => "its policy",
            Self::Trust(_) => "its trust policy",
        }
    }

    fn without_heirs(self) -> &'static str {
        match self {
            Self::Resource(_) => {
                "no agent that moves declares anything on it; the name goes with the role"
            }
            Self::Trust(_) => {
                "what a charter compiles to assumes no other role, whatever it declares; the name goes with the role"
            }
        }
    }

    fn asks(self, what: String, why: impl Into<String>) -> Obligation {
        Obligation {
            subject: self.arn(),
            what,
            why: why.into(),
        }
    }

    fn put(self, phase: Phase, document: &Document, was: Document, why: String) -> Change {
        let act = |document: Document| match self {
            Self::Resource(arn) => Act::PutResourcePolicy {
                resource: arn.to_string(),
                document,
            },
            Self::Trust(arn) => Act::UpdateAssumeRolePolicy {
                role: arn.to_string(),
                document,
            },
        };
        Change {
            phase,
            agent: None,
            why,
            act: act(document.clone()),
            inverse: Inverse(act(was)),
        }
    }
}

/// What a role may do beyond the platform's baseline, within its boundary.
fn declared_layers(role: &CompiledRole) -> Layers {
    let declared = role
        .policies
        .iter()
        .filter(|it| it.holds != Holds::Baseline);
    let policies = declared.map(|it| compiled(&it.name, it.document.clone()));
    Layers {
        identity: Some(policies.collect()),
        ..layers_of(role)
    }
}

/// What becomes of the old role's own name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Old {
    Stays,
    Goes,
}

/// The policy with these roles wherever it names the old one: as a principal, or in a condition on
/// who asks. A statement that is left without principals goes.
fn renamed(mut policy: Value, old: &Arn, heirs: &[String], fate: Old) -> Value {
    let statements = match policy.get_mut("Statement") {
        Some(Value::Array(list)) => list,
        Some(single) => {
            *single = json!([single.take()]);
            match single.as_array_mut() {
                Some(list) => list,
                None => return policy,
            }
        }
        None => return policy,
    };
    statements.retain_mut(|statement| {
        let is_allow = statement.get("Effect").and_then(Value::as_str) == Some("Allow");
        let has_heirs = !heirs.is_empty();
        for list in asking(statement) {
            // Without heirs the name stays: an empty list would match everybody, or nobody.
            if names(list, old) {
                rename(list, old, heirs, fate == Old::Goes && has_heirs);
            }
        }
        if let Some(spared) = statement.pointer_mut("/NotPrincipal/AWS")
            && names(spared, old)
        {
            rename(spared, old, heirs, fate == Old::Goes && has_heirs);
        }
        let Some(named) = statement.pointer_mut("/Principal/AWS") else {
            return true;
        };
        if !names(named, old) {
            return true;
        }
        // A denial of the old role was meant for whoever has its rights now.
        rename(
            named,
            old,
            heirs,
            fate == Old::Goes && (is_allow || has_heirs),
        );
        let is_empty = named.as_array().is_some_and(Vec::is_empty);
        let principals = statement
            .get_mut("Principal")
            .and_then(Value::as_object_mut);
        match principals {
            Some(principals) if is_empty => {
                principals.remove("AWS");
                !principals.is_empty()
            }
            Some(_) | None => true,
        }
    });
    policy
}

/// The values of conditions on the ARN of whoever asks.
fn asking(statement: &mut Value) -> Vec<&mut Value> {
    let operators = statement
        .get_mut("Condition")
        .and_then(Value::as_object_mut);
    let keys = operators
        .into_iter()
        .flat_map(|operators| operators.values_mut())
        .filter_map(Value::as_object_mut)
        .flatten();
    keys.filter(|(key, _)| key.eq_ignore_ascii_case("aws:PrincipalArn"))
        .map(|(_, values)| values)
        .collect()
}

fn listed(values: &Value) -> Vec<String> {
    match values {
        Value::String(one) => vec![one.clone()],
        Value::Array(many) => many
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}

fn names(values: &Value, role: &Arn) -> bool {
    listed(values).iter().any(|it| it == role.as_str())
}

fn rename(values: &mut Value, old: &Arn, heirs: &[String], goes: bool) {
    let was: BTreeSet<String> = listed(values).into_iter().collect();
    let mut list: BTreeSet<String> = was
        .union(&heirs.iter().cloned().collect())
        .cloned()
        .collect();
    if goes {
        list.remove(old.as_str());
    }
    if list != was {
        *values = json!(list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "arn:aws:iam::111122223333:role/old";
    const NEW: &str = "arn:aws:iam::111122223333:role/agents/prod/new";

    #[expect(
        clippy::needless_pass_by_value,
        reason = "a test hands over what it has just made"
    )]
    #[track_caller]
    fn check(statement: Value, heirs: &[&str], during: Value, after: Value) {
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
        let heirs: Vec<String> = heirs.iter().map(|it| (*it).to_owned()).collect();
        let of = |fate| {
            let policy = renamed(policy.clone(), &OLD.parse().unwrap(), &heirs, fate);
            policy["Statement"].clone()
        };
        assert_eq!(of(Old::Stays), during);
        assert_eq!(of(Old::Goes), after);
    }

    fn allow(principals: &Value) -> Value {
        json!({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "s3:GetObject"})
    }

    #[test]
    fn a_new_role_stands_beside_the_old_one_and_then_in_its_place() {
        check(
            allow(&json!(OLD)),
            &[NEW],
            json!([allow(&json!([NEW, OLD]))]),
            json!([allow(&json!([NEW]))]),
        );
    }

    #[test]
    fn a_statement_for_nobody_goes_and_one_for_others_stays() {
        check(
            allow(&json!(OLD)),
            &[],
            json!([allow(&json!(OLD))]),
            json!([]),
        );
        let other = "arn:aws:iam::111122223333:role/other";
        check(
            allow(&json!([OLD, other])),
            &[],
            json!([allow(&json!([OLD, other]))]),
            json!([allow(&json!([other]))]),
        );
        let with_service = |aws: Option<Value>| {
            let mut principal = json!({"Service": "lambda.amazonaws.com"});
            if let Some(aws) = aws {
                principal["AWS"] = aws;
            }
            json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})
        };
        check(
            with_service(Some(json!(OLD))),
            &[],
            json!([with_service(Some(json!(OLD)))]),
            json!([with_service(None)]),
        );
    }

    #[test]
    fn a_denial_that_spared_the_old_role_spares_its_heirs_and_never_everybody() {
        let deny = |spared: Value| {
            json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*",
                "Condition": {"ArnNotEquals": {"aws:PrincipalArn": spared}}})
        };
        check(
            deny(json!(OLD)),
            &[NEW],
            json!([deny(json!([NEW, OLD]))]),
            json!([deny(json!([NEW]))]),
        );
        let as_it_is = json!([deny(json!(OLD))]);
        check(deny(json!(OLD)), &[], as_it_is.clone(), as_it_is);
    }

    #[test]
    fn a_denial_of_the_old_role_binds_its_heirs() {
        let deny = |principals: Value| json!({"Effect": "Deny", "Principal": {"AWS": principals}, "Action": "s3:*"});
        check(
            deny(json!(OLD)),
            &[NEW],
            json!([deny(json!([NEW, OLD]))]),
            json!([deny(json!([NEW]))]),
        );
    }
}
