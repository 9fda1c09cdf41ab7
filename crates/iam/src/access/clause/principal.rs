//! Principals as texts: whom a statement of a resource's policy speaks of.

use crate::policy::{Effect, PrincipalPattern, Selection};
use crate::request::Principal;

use super::super::glob::{Glob, Piece, segmented, tokens_of};
use super::super::text::TextSet;

/// Principals are strings with their kind before them, so that one theory serves all.
pub(crate) fn principal_text(pattern: &PrincipalPattern) -> Vec<Glob> {
    let within = |kind: &str, text: &str| Glob::literal(&format!("{kind} {text}"));
    match pattern {
        PrincipalPattern::Everyone => vec![Glob::everything()],
        PrincipalPattern::Account(text) => {
            let account = account_of(text);
            // Every principal of the account, whatever its service and region.
            let pattern = segmented(&tokens_of([
                Piece::Text("aws arn:"),
                Piece::Star,
                Piece::Text(":"),
                Piece::Star,
                Piece::Text("::"),
                Piece::Text(account),
                Piece::Text(":"),
                Piece::Star,
            ]));
            pattern
                .map(|tokens| Glob::from_tokens(tokens, true))
                .into_iter()
                .collect()
        }
        PrincipalPattern::Aws(text) => {
            let mut globs = vec![within("aws", text)];
            // A role stands for its sessions, whose ARN drops the path.
            if let Some((before, role)) = text.split_once(":role/") {
                let name = role.rsplit_once('/').map_or(role, |(_, name)| name);
                let sessions = format!("{}:assumed-role/{name}/", before.replace(":iam:", ":sts:"));
                globs.push(Glob::from_pieces([
                    Piece::Text("aws "),
                    Piece::Text(&sessions),
                    Piece::Star,
                ]));
            }
            globs
        }
        PrincipalPattern::Service(text) => vec![within("service", text)],
        PrincipalPattern::Federated(text) => vec![within("federated", text)],
        PrincipalPattern::CanonicalUser(text) => vec![within("canonical", text)],
    }
}

/// Whom `Principal` or `NotPrincipal` speaks of.
pub(super) fn of(principals: &Selection<PrincipalPattern>, effect: Effect) -> TextSet {
    let named = || principals.patterns().iter().map(|pattern| &pattern.value);
    match (principals.is_excluding(), effect) {
        (false, Effect::Allow | Effect::Deny) => {
            TextSet::new(false, named().flat_map(principal_text))
        }
        (true, Effect::Allow) => TextSet::new(true, named().flat_map(principal_text)),
        (true, Effect::Deny) => TextSet::new(true, spared(&named().collect::<Vec<_>>())),
    }
}

/// Whether it can be told whom the element speaks of. A canonical user is of an account that its id
/// does not tell, and what is shown of a principal that was deleted is its unique id alone: with
/// either, nobody knows whom a `Deny` with `NotPrincipal` spares.
pub(crate) fn is_readable(principals: &Selection<PrincipalPattern>, effect: Effect) -> bool {
    let is_told = |pattern: &PrincipalPattern| match pattern {
        PrincipalPattern::CanonicalUser(_) => false,
        PrincipalPattern::Aws(text) => text.contains(':'),
        PrincipalPattern::Everyone
        | PrincipalPattern::Account(_)
        | PrincipalPattern::Service(_)
        | PrincipalPattern::Federated(_) => true,
    };
    let spares = principals.is_excluding() && effect == Effect::Deny;
    !spares || principals.patterns().iter().all(|it| is_told(&it.value))
}

/// Whom a `Deny` with `NotPrincipal` spares: who is named in every way there is to name them, by
/// account, and by role, and by session.
// IAM-010
fn spared(named: &[&PrincipalPattern]) -> Vec<Glob> {
    let account = |pattern: &&PrincipalPattern| match pattern {
        PrincipalPattern::Account(text) => Some(account_of(text).to_owned()),
        PrincipalPattern::Everyone
        | PrincipalPattern::Aws(_)
        | PrincipalPattern::Service(_)
        | PrincipalPattern::Federated(_)
        | PrincipalPattern::CanonicalUser(_) => None,
    };
    let accounts: Vec<String> = named.iter().filter_map(account).collect();
    let of_accounts = |text: &str| accounts.iter().any(|own| own == account_of(text));
    let arns = || {
        named.iter().filter_map(|pattern| match pattern {
            PrincipalPattern::Aws(text) if of_accounts(text) => Some(text.as_str()),
            PrincipalPattern::Aws(_)
            | PrincipalPattern::Everyone
            | PrincipalPattern::Account(_)
            | PrincipalPattern::Service(_)
            | PrincipalPattern::Federated(_)
            | PrincipalPattern::CanonicalUser(_) => None,
        })
    };
    let has_role = |session: &str| {
        let role = |text: &str| role_name(text).map(str::to_owned);
        let own = session_role(session);
        own.is_some_and(|own| {
            arns().any(|text| {
                account_of(text) == account_of(session) && role(text).as_deref() == Some(own)
            })
        })
    };
    let mut globs = Vec::new();
    for pattern in named {
        match pattern {
            PrincipalPattern::Everyone => globs.push(Glob::everything()),
            PrincipalPattern::Account(text) => globs.extend(root(account_of(text))),
            PrincipalPattern::Aws(text) => {
                let is_spared = of_accounts(text)
                    && match text.parse::<Principal>() {
                        Ok(Principal::Session(_)) => has_role(text),
                        Ok(
                            Principal::User(_) | Principal::FederatedUser(_) | Principal::Role(_),
                        ) => true,
                        Ok(
                            Principal::Root(_)
                            | Principal::Provider(_)
                            | Principal::Service(_)
                            | Principal::Anonymous,
                        )
                        | Err(_) => false,
                    };
                if is_spared {
                    globs.push(Glob::literal(&format!("aws {text}")));
                }
            }
            PrincipalPattern::Service(_) | PrincipalPattern::Federated(_) => {
                globs.extend(principal_text(pattern));
            }
            PrincipalPattern::CanonicalUser(_) => {}
        }
    }
    globs
}

fn account_of(text: &str) -> &str {
    text.split(':').nth(4).unwrap_or(text)
}

fn role_name(arn: &str) -> Option<&str> {
    arn.split_once(":role/")?.1.rsplit('/').next()
}

fn session_role(arn: &str) -> Option<&str> {
    arn.split_once(":assumed-role/")?.1.split('/').next()
}

/// The root user of an account.
fn root(account: &str) -> Option<Glob> {
    let text = format!("aws arn:*:iam::{account}:root");
    let tokens = segmented(Glob::parse(&text).tokens())?;
    Some(Glob::from_tokens(tokens, true))
}
