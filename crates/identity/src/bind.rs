//! Which charter a proved identity stands for.

use std::collections::BTreeMap;

use bailiwick_authority::json::Value;
use bailiwick_charter::{Charter, DeclaredIdentity, DeclaredRole};

use crate::issuer::pointed;
use crate::proof::{Proved, ProvedRole, Subject};

/// Why a proved identity stands for no agent that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbound {
    /// No charter claims it.
    #[error("no charter claims the identity that was proved")]
    NoCharter,
    /// More than one does: then it tells none of them from the others.
    #[error(
        "{charters} charters claim the identity that was proved, so it proves none of them; give each agent an identity of its own"
    )]
    Shared { charters: usize },
    /// It stands for another agent.
    #[error("the identity that was proved is another agent's")]
    OtherAgent,
    /// The proof shows the role by its name alone: one that was deleted and made again would pass
    /// for it.
    #[error(
        "the role has the right name, and this proof does not show its unique id; prove it with a signature, or let the authority take the name for it"
    )]
    RoleIdNotShown,
    /// The charter names the role by its name alone.
    #[error(
        "the role has the right name, and the charter does not say its unique id; add `id: AROA…` to the charter's `role`, as `aws iam get-role` shows it, or give the authority a snapshot that tells it (`--estate`)"
    )]
    RoleIdNotDeclared,
    /// The charter says the subject's name, and not what tells it from another of that name.
    #[error(
        "the subject has the right name, and the charter does not say its `{claim}`: one that is made again under the name would pass for it; add the claim to the charter's `identity`"
    )]
    NotPinned { claim: String },
    /// Another role had the name before, or has it now.
    #[error(
        "the role has the right name and another unique id: it was deleted and made again since the charter was written; certify the new one and change the charter's `role.id`"
    )]
    OtherRoleId,
}

impl Unbound {
    /// The reason as a stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCharter => "identity_unknown",
            Self::Shared { .. } => "identity_shared",
            Self::OtherAgent => "identity_of_another",
            Self::RoleIdNotShown => "role_id_not_shown",
            Self::RoleIdNotDeclared => "role_id_not_declared",
            Self::NotPinned { .. } => "identity_not_pinned",
            Self::OtherRoleId => "role_id_differs",
        }
    }
}

/// How a charter takes an identity.
enum Claim {
    Holds,
    NameOnly(Unbound),
    Not,
}

/// The charter of `agent`, if the identity stands for it and for nobody else.
///
/// Agents of one class whose charters say the same of everything that counts may share an identity:
/// whichever of them asks, the same is allowed.
///
/// # Errors
/// If it stands for nobody, for several, or for another.
pub fn bind<'c>(
    charters: impl IntoIterator<Item = &'c Charter>,
    proved: &Proved,
    agent: &str,
) -> Result<&'c Charter, Unbound> {
    let mut held: Vec<&Charter> = Vec::new();
    let mut named: Vec<(&Charter, Unbound)> = Vec::new();
    for charter in charters {
        match claim(charter, &proved.subject) {
            Claim::Holds => held.push(charter),
            Claim::NameOnly(why) => named.push((charter, why)),
            Claim::Not => {}
        }
    }
    // Whoever names the role shares it, whether or not the id is right there.
    let all = held.iter().copied();
    let all: Vec<&Charter> = all.chain(named.iter().map(|(it, _)| *it)).collect();
    let Some((first, others)) = all.split_first() else {
        return Err(Unbound::NoCharter);
    };
    if !others.iter().all(|other| is_alike(first, other)) {
        return Err(Unbound::Shared {
            charters: all.len(),
        });
    }
    let is_asked_for = |charter: &&Charter| charter.agent.as_str() == agent;
    if let Some(charter) = held.into_iter().find(is_asked_for) {
        return Ok(charter);
    }
    let named = named.into_iter().find(|(charter, _)| is_asked_for(charter));
    Err(named.map_or(Unbound::OtherAgent, |(_, why)| why))
}

fn claim(charter: &Charter, subject: &Subject) -> Claim {
    match subject {
        Subject::Role(shown) => match &charter.role {
            Some(declared) => of_role(declared, shown),
            None => Claim::Not,
        },
        Subject::Token {
            issuer,
            subject,
            claims,
            pins,
        } => strongest(charter.identity.iter().map(|declared| match declared {
            DeclaredIdentity::Token {
                issuer: of,
                subject: named,
                claims: wanted,
            } if of == issuer && named == subject => of_token(wanted, claims, pins),
            DeclaredIdentity::Token { .. } | DeclaredIdentity::Spiffe { .. } => Claim::Not,
        })),
        Subject::Spiffe(id) => {
            let is_named = charter.identity.iter().any(|declared| match declared {
                DeclaredIdentity::Spiffe { spiffe } => spiffe == id,
                DeclaredIdentity::Token { .. } => false,
            });
            if is_named { Claim::Holds } else { Claim::Not }
        }
    }
}

fn strongest(claims: impl Iterator<Item = Claim>) -> Claim {
    let mut strongest = Claim::Not;
    for claim in claims {
        match (&strongest, &claim) {
            (Claim::Holds, _) => {}
            (Claim::NameOnly(_), Claim::Not | Claim::NameOnly(_)) => {}
            (Claim::NameOnly(_), Claim::Holds) | (Claim::Not, _) => strongest = claim,
        }
    }
    strongest
}

/// A token whose claims differ is another subject's; one that a charter does not pin down could be.
fn of_token(wanted: &BTreeMap<String, String>, claims: &Value, pins: &[String]) -> Claim {
    let is_so = |(name, value): (&String, &String)| match pointed(claims, name) {
        Some(Value::Text(text)) => text == value,
        Some(Value::Long(number)) => number.to_string() == *value,
        Some(Value::Bool(truth)) => truth.to_string() == *value,
        Some(Value::Null | Value::Decimal(_) | Value::List(_) | Value::Record(_)) | None => false,
    };
    if !wanted.iter().all(is_so) {
        return Claim::Not;
    }
    let is_pinned = |pin: &&String| {
        let bare = pin.trim_start_matches('/');
        wanted.contains_key(*pin)
            || (!bare.contains('/')
                && (wanted.contains_key(bare) || wanted.contains_key(&format!("/{bare}"))))
    };
    match pins.iter().find(|pin| !is_pinned(pin)) {
        None => Claim::Holds,
        Some(pin) => Claim::NameOnly(Unbound::NotPinned { claim: pin.clone() }),
    }
}

fn of_role(declared: &DeclaredRole, shown: &ProvedRole) -> Claim {
    let arn = &declared.arn;
    let (path, name) = path_and_name(arn.resource());
    // Where the proof tells no path, the name decides: it is unique in an account, whatever its path.
    let is_named = arn.partition() == shown.partition
        && arn.account() == shown.account
        && name == shown.name
        && shown.path.as_deref().is_none_or(|shown| shown == path);
    if !is_named {
        return Claim::Not;
    }
    match (&declared.id, &shown.unique_id) {
        (Some(declared), Some(shown)) if declared == shown => Claim::Holds,
        (Some(_), Some(_)) => Claim::NameOnly(Unbound::OtherRoleId),
        (Some(_) | None, None) if shown.by_name => Claim::Holds,
        (Some(_), None) => Claim::NameOnly(Unbound::RoleIdNotShown),
        (None, Some(_) | None) => Claim::NameOnly(Unbound::RoleIdNotDeclared),
    }
}

/// `role/agents/prod/reader` is `/agents/prod/` and `reader`.
pub(crate) fn path_and_name(resource: &str) -> (String, &str) {
    let resource = resource.strip_prefix("role/").unwrap_or(resource);
    match resource.rsplit_once('/') {
        Some((path, name)) => (format!("/{path}/"), name),
        None => ("/".to_owned(), resource),
    }
}

/// Whether two charters are of one class and allow exactly the same, by the same words.
fn is_alike(one: &Charter, other: &Charter) -> bool {
    one.class.is_some()
        && one.class == other.class
        && one.owner == other.owner
        && one.environment == other.environment
        && one.data == other.data
        && one.mode == other.mode
        && one.models == other.models
        && one.role == other.role
        && one.identity == other.identity
        && one.tasks == other.tasks
}

#[cfg(test)]
mod tests;
