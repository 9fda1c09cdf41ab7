//! From YAML to a charter, or to everything that is wrong with it.

mod record;
mod task;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::str::FromStr;

use bailiwick_iam::arn::Arn;

use crate::charter::{Charter, DeclaredRole, Mode, Owner, Review};
use crate::fields;
use crate::identity::DeclaredIdentity;
use crate::place::{CharterError, Place, Places, Problem};
use crate::yaml;
use record::Fields;

/// What is wrong so far, and where everything stood.
#[derive(Default)]
struct Reading {
    problems: Vec<Problem>,
    places: Places,
}

impl Reading {
    fn wrong(&mut self, place: Place, what: impl Into<String>, mend: impl Into<String>) {
        self.problems.push(Problem {
            place,
            what: what.into(),
            mend: mend.into(),
        });
    }
}

pub(crate) fn charter(file: &str, text: &str) -> Result<Charter, CharterError> {
    let error = |problems| CharterError {
        file: file.to_owned(),
        problems,
    };
    let root = yaml::parse(text).map_err(|problem| error(vec![problem]))?;
    let mut reading = Reading::default();
    let charter = Fields::open(&mut reading, &root, &fields::CHARTER, "")
        .and_then(|fields| read(&mut reading, &fields));
    match charter {
        Some(charter) if reading.problems.is_empty() => Ok(Charter {
            places: reading.places,
            ..charter
        }),
        Some(_) | None => {
            reading.problems.sort_by_key(|problem| problem.place);
            Err(error(reading.problems))
        }
    }
}

fn read(reading: &mut Reading, fields: &Fields<'_>) -> Option<Charter> {
    let agent = fields.parsed(reading, "agent");
    let owner = owner(reading, fields);
    let purpose = fields.text(reading, "purpose");
    let environment = fields.parsed(reading, "environment");
    let data = fields.parsed_list(reading, "data").unwrap_or_default();
    let runs_as = fields.parsed_list(reading, "runs-as").unwrap_or_default();
    pending_ids(reading, fields, &runs_as);
    let role = role(reading, fields);
    let identity = identities(reading, fields);
    let mode = mode(reading, fields);
    let models = fields.parsed_list(reading, "models").unwrap_or_default();
    let invokers = fields.parsed_list(reading, "invokers");
    concrete(
        reading,
        fields,
        "invokers",
        invokers.as_deref().unwrap_or_default(),
    );
    let review = fields
        .record(reading, "review", &fields::REVIEW)
        .and_then(|review| review.parsed(reading, "every"))
        .map(|every| Review { every });
    let class = fields.parsed(reading, "class");
    let tasks = task::tasks(reading, fields);
    Some(Charter {
        agent: agent?,
        owner: owner?,
        purpose: purpose?,
        environment: environment?,
        data,
        runs_as,
        role,
        identity,
        mode: mode?,
        models,
        invokers,
        review,
        class,
        tasks: tasks?,
        places: Places::default(),
    })
}

fn owner(reading: &mut Reading, fields: &Fields<'_>) -> Option<Owner> {
    let owner = fields.record(reading, "owner", &fields::OWNER)?;
    let team = owner.text(reading, "team");
    let contact = owner.text(reading, "contact");
    Some(Owner {
        team: team?,
        contact: contact?,
    })
}

fn role(reading: &mut Reading, fields: &Fields<'_>) -> Option<DeclaredRole> {
    let role = fields.record(reading, "role", &fields::ROLE)?;
    let arn: Option<Arn> = role.parsed(reading, "arn");
    let id = role.text(reading, "id");
    let arn = arn?;
    let is_role = arn.service() == "iam"
        && arn.resource_kind() == "role"
        && arn.account_id().is_some()
        && !arn.as_str().contains(['*', '?', '$']);
    if !is_role {
        let what = format!("`{arn}` is not one role");
        reading.wrong(
            role.place("arn"),
            what,
            "write arn:aws:iam::ACCOUNT:role/NAME",
        );
        return None;
    }
    if let Some(id) = &id {
        let named = id.starts_with("AROA")
            && (16..=32).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !named {
            let what = format!("`{}` is no role id", crate::name::shown(id));
            let mend = "`aws iam get-role` shows it as RoleId, AROA…";
            reading.wrong(role.place("id"), what, mend);
        }
    }
    Some(DeclaredRole { arn, id })
}

fn identities(reading: &mut Reading, fields: &Fields<'_>) -> Vec<DeclaredIdentity> {
    let written = fields.records(reading, "identity", &fields::IDENTITY);
    let read: Vec<_> = written
        .iter()
        .filter_map(|written| identity(reading, written))
        .collect();
    for (at, identity) in read.iter().enumerate() {
        if read.iter().take(at).any(|before| before == identity) {
            let place = fields.item_place("identity", at);
            reading.wrong(place, "the same identity twice", "keep one of them");
        }
    }
    read
}

fn identity(reading: &mut Reading, written: &Fields<'_>) -> Option<DeclaredIdentity> {
    if written.has("spiffe") {
        for other in ["issuer", "subject", "claims"] {
            if written.has(other) {
                let what = format!("`{other}` beside a SPIFFE ID, which says all by itself");
                reading.wrong(written.place(other), what, "make two identities of it");
            }
        }
        let spiffe = written.parsed(reading, "spiffe")?;
        return Some(DeclaredIdentity::Spiffe { spiffe });
    }
    for needed in ["issuer", "subject"] {
        if !written.has(needed) {
            let what = format!("an identity without `{needed}`");
            let mend = "write issuer and subject as the tokens have them, or spiffe alone";
            reading.wrong(written.place(needed), what, mend);
        }
    }
    let mut claims = BTreeMap::new();
    if written.has("claims") {
        for (_, entry) in written.map(reading, "claims").unwrap_or_default() {
            let says = "the value that the claim must have";
            if let Some(value) = record::text(reading, &entry.value, says) {
                claims.insert(entry.key.clone(), value.to_owned());
            }
        }
    }
    Some(DeclaredIdentity::Token {
        issuer: written.text(reading, "issuer")?,
        subject: written.text(reading, "subject")?,
        claims,
    })
}

fn mode(reading: &mut Reading, fields: &Fields<'_>) -> Option<Mode> {
    let written = fields.text(reading, "mode")?;
    match written.as_str() {
        "brokered" => Some(Mode::Brokered),
        "standing" => Some(Mode::Standing),
        other => {
            let what = format!("`{}` is no mode", crate::name::shown(other));
            reading.wrong(fields.place("mode"), what, "write brokered or standing");
            None
        }
    }
}

/// A platform's id may be open at its end, and nowhere else. AgentCore puts the agent's name before
/// it, so there the name must stand: without it, the agent would be all of its kind.
fn pending_ids(reading: &mut Reading, fields: &Fields<'_>, runs_as: &[Arn]) {
    for (index, arn) in runs_as.iter().enumerate() {
        let named = arn.as_str().strip_suffix('*').unwrap_or(arn.as_str());
        let is_open = named.contains(['*', '?', '$']);
        let is_everything = arn.resource_name() == "*" && arn.service() != "bedrock";
        if is_open || is_everything {
            let what = format!("`{arn}` is more than one workload");
            let mend =
                "write its ARN; a `*` behind its name stands for an id that AWS has not given yet";
            reading.wrong(fields.item_place("runs-as", index), what, mend);
        }
    }
}

fn concrete(reading: &mut Reading, fields: &Fields<'_>, name: &str, arns: &[Arn]) {
    for (index, arn) in arns.iter().enumerate() {
        if arn.as_str().contains(['*', '?', '$']) {
            let what = format!("`{arn}` is a pattern");
            reading.wrong(
                fields.item_place(name, index),
                what,
                "name each ARN in full",
            );
        }
    }
}

/// A sentence of the table as the end of another.
fn phrase(says: &str) -> String {
    let mut letters = says.trim_end_matches('.').chars();
    let first = letters.next();
    let is_word = letters.clone().next().is_some_and(char::is_lowercase);
    let first = first.map(|letter| {
        if is_word {
            letter.to_ascii_lowercase()
        } else {
            letter
        }
    });
    first.into_iter().chain(letters).collect()
}

/// Parses, or notes what is wrong and where.
fn parsed<T: FromStr<Err: std::fmt::Display>>(
    reading: &mut Reading,
    place: Place,
    text: &str,
    says: &str,
) -> Option<T> {
    match text.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            reading.wrong(
                place,
                error.to_string(),
                format!("this says {}", phrase(says)),
            );
            None
        }
    }
}
