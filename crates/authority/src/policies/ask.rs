//! Asking policies: one question, or which of many would be a yes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request,
    RestrictedExpression,
};

use super::{
    CANDIDATES_MAX, Deed, Found, Members, Opinion, Party, Policies, Question, Search, TooMany,
};
use crate::json::Value;

pub(super) const ACTION: &str = "Action";

/// Where the properties of an action stand in the context.
const ACTION_PROPERTIES: &str = "action";

impl Policies {
    /// What the policies say to one question.
    pub fn ask(&self, question: &Question<'_>) -> Opinion {
        match self.asked(question) {
            Ok(opinion) => opinion,
            Err(error) => Opinion {
                errors: vec![error],
                ..Opinion::default()
            },
        }
    }

    fn asked(&self, question: &Question<'_>) -> Result<Opinion, String> {
        let Question {
            subject,
            action,
            resource,
            context,
        } = question;
        let principal = uid(subject.kind, subject.id, "subject")?;
        let target = uid(resource.kind, resource.id, "resource")?;
        let deed = uid(ACTION, action.name, "action")?;
        let mut entities = Cow::Borrowed(&self.entities);
        for (uid, party) in [(&principal, subject), (&target, resource)] {
            if let Some(properties) = party.properties.filter(|properties| !properties.is_empty()) {
                entities = Cow::Owned(with(entities.into_owned(), uid, properties)?);
            }
        }
        let request = Request::new(
            principal,
            deed,
            target,
            self::context(*context, action)?,
            None,
        )
        .map_err(|error| error.to_string())?;
        let response = Authorizer::new().is_authorized(&request, &self.set, &entities);
        let errors: Vec<String> = response
            .diagnostics()
            .errors()
            .map(ToString::to_string)
            .collect();
        let mut policies: Vec<String> = response
            .diagnostics()
            .reason()
            .map(ToString::to_string)
            .collect();
        policies.sort_unstable();
        Ok(Opinion {
            // Cedar passes over a policy that fails. A `forbid` that fails must not be passed over.
            is_allowed: response.decision() == Decision::Allow && errors.is_empty(),
            policies,
            errors,
        })
    }

    /// One page of what would be allowed, `limit` at most, of what comes after `after`.
    ///
    /// # Errors
    /// If more entities would have to be looked at than a search looks at.
    pub fn search(
        &self,
        search: &Search<'_>,
        context: Option<&Members>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Found, TooMany> {
        let mut found = Found::default();
        for id in self.candidates(search)? {
            if after.is_some_and(|after| id <= after) {
                continue;
            }
            if !self.ask(&question(search, id, context)).is_allowed {
                continue;
            }
            if found.ids.len() == limit {
                found.more = true;
                break;
            }
            found.ids.push(id.to_owned());
        }
        Ok(found)
    }

    fn candidates(&self, search: &Search<'_>) -> Result<Vec<&str>, TooMany> {
        let candidates: Vec<&str> = match search {
            Search::Subject { kind, .. } | Search::Resource { kind, .. } => {
                let ids = self.of_type.get(*kind).into_iter();
                ids.flat_map(|ids| ids.keys().map(String::as_str)).collect()
            }
            Search::Action { .. } => self.actions.iter().map(String::as_str).collect(),
        };
        if candidates.len() > CANDIDATES_MAX {
            let found = candidates.len();
            return Err(TooMany { found });
        }
        Ok(candidates)
    }
}

fn question<'a>(search: &Search<'a>, id: &'a str, context: Option<&'a Members>) -> Question<'a> {
    match *search {
        Search::Subject {
            kind,
            properties,
            action,
            resource,
        } => Question {
            subject: Party {
                kind,
                id,
                properties,
            },
            action,
            resource,
            context,
        },
        Search::Resource {
            kind,
            properties,
            subject,
            action,
        } => Question {
            subject,
            action,
            resource: Party {
                kind,
                id,
                properties,
            },
            context,
        },
        Search::Action { subject, resource } => Question {
            subject,
            action: Deed {
                name: id,
                properties: None,
            },
            resource,
            context,
        },
    }
}

fn uid(kind: &str, id: &str, whose: &str) -> Result<EntityUid, String> {
    let kind = EntityTypeName::from_str(kind)
        .map_err(|_| format!("the type of the {whose} is no name that a policy can use"))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

/// The entities, with what a request says of one of them where they do not say it themselves.
fn with(entities: Entities, uid: &EntityUid, properties: &Members) -> Result<Entities, String> {
    let mut attributes: HashMap<String, RestrictedExpression> = properties
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), expression(value)?)))
        .collect();
    let mut parents = Default::default();
    if let Some(known) = entities.get(uid) {
        let (_, stored, ancestors) = known.clone().into_inner();
        attributes.extend(stored);
        parents = ancestors;
    }
    let entity =
        Entity::new(uid.clone(), attributes, parents).map_err(|error| error.to_string())?;
    entities
        .upsert_entities([entity], None)
        .map_err(|error| error.to_string())
}

fn context(context: Option<&Members>, action: &Deed<'_>) -> Result<Context, String> {
    if context.is_some_and(|context| context.contains_key(ACTION_PROPERTIES)) {
        return Err(format!(
            "the context has a member `{ACTION_PROPERTIES}`, where the properties of the action stand"
        ));
    }
    let members = context.into_iter().flatten();
    let mut pairs: Vec<(String, RestrictedExpression)> = members
        .filter_map(|(name, value)| Some((name.clone(), expression(value)?)))
        .collect();
    let properties = action.properties.into_iter().flatten();
    let properties: Vec<_> = properties
        .filter_map(|(name, value)| Some((name.clone(), expression(value)?)))
        .collect();
    let properties =
        RestrictedExpression::new_record(properties).map_err(|error| error.to_string())?;
    pairs.push((ACTION_PROPERTIES.to_owned(), properties));
    Context::from_pairs(pairs).map_err(|error| error.to_string())
}

/// The value as Cedar knows it; a null is the absence of one.
fn expression(value: &Value) -> Option<RestrictedExpression> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => RestrictedExpression::new_bool(*value),
        Value::Long(value) => RestrictedExpression::new_long(*value),
        Value::Decimal(value) => RestrictedExpression::new_decimal(value.to_string()),
        Value::Text(value) => RestrictedExpression::new_string(value.clone()),
        Value::List(values) => RestrictedExpression::new_set(values.iter().filter_map(expression)),
        Value::Record(members) => {
            let members = members.iter();
            let members =
                members.filter_map(|(name, value)| Some((name.clone(), expression(value)?)));
            // Names of a record that was read stand once in it.
            RestrictedExpression::new_record(members).ok()?
        }
    })
}
