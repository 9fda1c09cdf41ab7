//! A condition of a charter: Cedar over the typed arguments of one call.

use std::str::FromStr as _;

use bailiwick_charter::Bindings;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};
use serde_json::{Value as Json, json};

use crate::argument::infer::{InferFault, types};
use crate::argument::{Fields, ToolSchema, Type, typed};
use crate::json::Value;
use crate::reason::Reason;

/// One way in which a task may call a tool, as Cedar judges it.
#[derive(Debug)]
pub(crate) struct Condition {
    policies: PolicySet,
    arguments: Fields,
    asks_parameters: bool,
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
}

/// Why a condition cannot be judged by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConditionFault {
    #[error(transparent)]
    Types(#[from] InferFault),
    #[error("{0}")]
    Cedar(String),
}

fn cedar(error: impl std::fmt::Display) -> ConditionFault {
    ConditionFault::Cedar(error.to_string())
}

impl Condition {
    /// Compiles the policy of one entry of `tools`. With these argument types Cedar's validator has
    /// proved that it asks for nothing that may be absent and compares nothing with another type.
    pub(crate) fn compile(
        policy: &Policy,
        agent: &str,
        tool: &str,
        parameters: &[&str],
        schema: Option<&ToolSchema>,
    ) -> Result<Self, ConditionFault> {
        let uid =
            |kind: &str, id: &str| EntityUid::from_str(&format!("{kind}::\"{id}\"")).map_err(cedar);
        let written = policy.to_json().map_err(cedar)?;
        let conditions = written.get("conditions").and_then(Json::as_array);
        let bodies: Vec<&Json> = conditions
            .into_iter()
            .flatten()
            .filter_map(|condition| condition.get("body"))
            .collect();
        let arguments = types(&bodies, schema.map(|schema| &schema.arguments))?;
        let policies = PolicySet::from_policies([policy.clone()]).map_err(cedar)?;
        validate(&policies, &arguments, parameters)?;
        Ok(Self {
            policies,
            arguments,
            asks_parameters: bodies.iter().any(|body| asks_parameters(body)),
            principal: uid("Agent", agent)?,
            action: uid("Action", "call")?,
            resource: uid("Tool", tool)?,
        })
    }

    /// Whether it asks about the grant's parameters.
    pub(crate) fn asks_parameters(&self) -> bool {
        self.asks_parameters
    }

    /// Whether the condition is met.
    pub(crate) fn ask(&self, args: &Value, parameters: &Bindings) -> Result<(), Reason> {
        let failed = |error: &dyn std::fmt::Display| Reason::ConditionFailed {
            error: error.to_string(),
        };
        let absent = std::collections::BTreeMap::new();
        let args = typed(&self.arguments, args.record().unwrap_or(&absent), "args")?;
        let mut context = vec![("args".to_owned(), args)];
        if self.asks_parameters {
            let parameters = parameters.iter().map(|(name, value)| {
                let value = RestrictedExpression::new_string(value.to_owned());
                (name.to_string(), value)
            });
            let parameters =
                RestrictedExpression::new_record(parameters).map_err(|error| failed(&error))?;
            context.push(("parameters".to_owned(), parameters));
        }
        let context = Context::from_pairs(context).map_err(|error| failed(&error))?;
        let request = Request::new(
            self.principal.clone(),
            self.action.clone(),
            self.resource.clone(),
            context,
            None,
        )
        .map_err(|error| failed(&error))?;
        let answer = Authorizer::new().is_authorized(&request, &self.policies, &Entities::empty());
        // An error is an amount too large to be added: then nothing is known of the rest.
        if let Some(error) = answer.diagnostics().errors().next() {
            return Err(failed(&error));
        }
        match answer.decision() {
            Decision::Allow => Ok(()),
            Decision::Deny => Err(Reason::Condition),
        }
    }
}

fn validate(
    policies: &PolicySet,
    arguments: &Fields,
    parameters: &[&str],
) -> Result<(), ConditionFault> {
    let parameters = parameters.iter();
    let parameters: serde_json::Map<String, Json> = parameters
        .map(|name| ((*name).to_owned(), json!({ "type": "String" })))
        .collect();
    let context = json!({
        "args": record(arguments),
        "parameters": { "type": "Record", "attributes": parameters },
    });
    let schema = json!({ "": {
        "entityTypes": { "Agent": {}, "Tool": {} },
        "actions": { "call": { "appliesTo": {
            "principalTypes": ["Agent"],
            "resourceTypes": ["Tool"],
            "context": { "type": "Record", "attributes": context },
        } } },
    } });
    let schema = Schema::from_json_value(schema).map_err(cedar)?;
    let validated = Validator::new(schema).validate(policies, ValidationMode::Strict);
    match validated.validation_errors().next() {
        None => Ok(()),
        Some(error) => Err(cedar(error)),
    }
}

fn record(fields: &Fields) -> Json {
    let attributes: serde_json::Map<String, Json> = fields
        .iter()
        .map(|(name, field)| {
            let mut of = written(&field.of);
            if let Some(of) = of.as_object_mut() {
                of.insert("required".to_owned(), Json::Bool(!field.optional));
            }
            (name.clone(), of)
        })
        .collect();
    json!({ "type": "Record", "attributes": attributes })
}

/// A type as Cedar's schema says it.
fn written(of: &Type) -> Json {
    match of {
        // What is only asked for is there as `true`.
        Type::Bool | Type::Any => json!({ "type": "Boolean" }),
        Type::Long => json!({ "type": "Long" }),
        Type::Decimal => json!({ "type": "Extension", "name": "decimal" }),
        Type::Text => json!({ "type": "String" }),
        Type::Set(element) => json!({ "type": "Set", "element": written(element) }),
        Type::Record(fields) => record(fields),
        Type::Parted(parted) => {
            let parts = parted.parts().iter();
            let attributes: serde_json::Map<String, Json> = parts
                .map(|(name, is_number)| {
                    let of = if *is_number { "Long" } else { "String" };
                    ((*name).to_owned(), json!({ "type": of }))
                })
                .collect();
            json!({ "type": "Record", "attributes": attributes })
        }
    }
}

/// Whether `context.parameters` stands anywhere in an expression.
fn asks_parameters(expression: &Json) -> bool {
    match expression {
        Json::Object(members) => {
            let is_it = members.get("attr").and_then(Json::as_str) == Some("parameters")
                && members
                    .get("left")
                    .is_some_and(|left| left.get("Var").is_some());
            is_it || members.values().any(asks_parameters)
        }
        Json::Array(all) => all.iter().any(asks_parameters),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}

#[cfg(test)]
mod tests;
