//! Who asks, and whether they may.

use bailiwick_identity::Person;
use http::{HeaderMap, header, request::Parts};

use crate::{
    door::one,
    gateway::{Gateway, World},
    operator::{Acting, Role},
    problem::{Kind, Problem},
    proof,
    route::{Admits, Route},
    token::{self, Held},
};

/// Tokens of operators begin so. No grant token does.
pub const OPERATOR_TOKEN: &str = "bwo_";

/// Longer than any token of ours.
const AUTHORIZATION_LENGTH_MAX: usize = 12 << 10;

/// Who asks, as far as it was proved.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    Nobody,
    Operator(Acting),
    /// Whoever holds a grant.
    Grant(Held),
}

/// Finds out who asks, and refuses who may not.
///
/// # Errors
/// Unauthenticated, forbidden, or not found where even that there is something is not theirs to
/// know.
pub(crate) async fn identify<W: World>(
    gateway: &Gateway<W>,
    route: &Route,
    parts: &Parts,
    id: &str,
) -> Result<Caller, Problem> {
    match route.admits {
        // Whatever they show is not looked at, so that a stale token hides nothing public; a proof
        // is looked at with the body that it binds.
        Admits::Anyone | Admits::Proof => return Ok(Caller::Nobody),
        Admits::Near if gateway.settings.is_near => return Ok(Caller::Nobody),
        Admits::Near
        | Admits::GrantOr(_)
        | Admits::OwnGrantOr(_)
        | Admits::OwnGrant
        | Admits::HeldGrant
        | Admits::AtLeast(_) => {}
    }
    let caller = who(gateway, parts).await?;
    let needed = match (route.admits, &caller) {
        // What they ask for looks whether the grant still lives.
        (Admits::GrantOr(_) | Admits::HeldGrant, Caller::Grant(_)) => return Ok(caller),
        (Admits::OwnGrantOr(_) | Admits::OwnGrant, Caller::Grant(held)) => {
            // Another's grant is not there, whether it is or not.
            if held.grant != id {
                return Err(no_such_grant());
            }
            if route.admits == Admits::OwnGrant {
                token::still_active(gateway, held).await?;
            } else {
                token::still_good(gateway, held).await?;
            }
            return Ok(caller);
        }
        (Admits::Near, _) => Role::Viewer,
        (Admits::GrantOr(role) | Admits::OwnGrantOr(role) | Admits::AtLeast(role), _) => role,
        (Admits::OwnGrant | Admits::HeldGrant, _) => {
            let detail = "only the grant itself may do this: show its token";
            return Err(Problem::new(Kind::Forbidden, detail));
        }
        (Admits::Anyone | Admits::Proof, _) => return Ok(caller),
    };
    let holds = match &caller {
        Caller::Operator(operator) => operator.role >= needed,
        Caller::Grant(_) | Caller::Nobody => false,
    };
    if holds {
        return Ok(caller);
    }
    let detail = format!("this takes an operator with the role `{}`", needed.name());
    Err(Problem::new(Kind::Forbidden, detail))
}

/// Another's grant, or none: the answer is the same.
pub(crate) fn no_such_grant() -> Problem {
    Problem::new(Kind::NotFound, "there is no such grant")
}

async fn who<W: World>(gateway: &Gateway<W>, parts: &Parts) -> Result<Caller, Problem> {
    let Some((scheme, shown)) = authorization(&parts.headers)? else {
        return Err(Problem::new(
            Kind::Unauthenticated,
            "say who asks: `Authorization: Bearer` and a grant token, or an operator's",
        ));
    };
    let is_bearer = scheme.eq_ignore_ascii_case("bearer");
    if is_bearer && shown.starts_with(OPERATOR_TOKEN) {
        let operators = gateway.operators();
        let operator = operators.of_token(shown);
        let unknown = || Problem::new(Kind::Unauthenticated, "no operator has this token");
        let acting = operator.map(|operator| Acting::from(&**operator));
        return acting.map(Caller::Operator).ok_or_else(unknown);
    }
    // Grants first: they ask most, and a token that was taken before costs nothing.
    let refused = match token::held(gateway, scheme, shown, &parts.into()).await {
        Ok(held) => return Ok(Caller::Grant(held)),
        Err(refused) => refused,
    };
    if !is_bearer || refused.kind != Kind::Unauthenticated {
        return Err(refused);
    }
    let person = gateway
        .people()
        .verify(shown, gateway.broker.now_ms())
        .await;
    match person.map_err(|error| proof::unproved(&error))? {
        Some(person) => operator(person).map(Caller::Operator),
        None => Err(refused),
    }
}

/// Somebody whose issuer vouches for them, if they have a role here.
fn operator(person: Person<Role>) -> Result<Acting, Problem> {
    let Person {
        issuer,
        subject,
        role,
    } = person;
    let name = format!("{issuer} {subject}");
    let Some(role) = role else {
        tracing::warn!(name, "somebody without a role asks as an operator");
        let detail =
            "your issuer vouches for you, and you have no role here: `--operators` names who has";
        return Err(Problem::new(Kind::Forbidden, detail).because("no_role"));
    };
    Ok(Acting {
        name,
        role,
        amr: "oidc",
    })
}

/// The scheme and what it shows.
///
/// # Errors
/// If the header stands there twice, or is no scheme with something behind it.
pub(crate) fn authorization(headers: &HeaderMap) -> Result<Option<(&str, &str)>, Problem> {
    let Some(value) = one(headers, &header::AUTHORIZATION)? else {
        return Ok(None);
    };
    let unread = || {
        let detail = "the `Authorization` header cannot be read: it is a scheme, one space and what that scheme shows";
        Problem::new(Kind::Malformed, detail).because("authorization")
    };
    if value.len() > AUTHORIZATION_LENGTH_MAX {
        return Err(unread());
    }
    let (scheme, shown) = value.split_once(' ').ok_or_else(unread)?;
    if shown.is_empty() || !shown.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unread());
    }
    Ok(Some((scheme, shown)))
}
