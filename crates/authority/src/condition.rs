//! A condition of a charter: Cedar over the arguments of one call.

use std::str::FromStr as _;

use bailiwick_charter::Bindings;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicySet, Request,
    RestrictedExpression,
};

use crate::json::Value;
use crate::reason::Reason;

/// One way in which a task may call a tool, as Cedar judges it.
#[derive(Debug)]
pub(crate) struct Condition {
    policies: PolicySet,
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
}

impl Condition {
    pub(crate) fn new(policy: Policy, agent: &str, tool: &str) -> Result<Self, String> {
        let uid = |kind: &str, id: &str| {
            EntityUid::from_str(&format!("{kind}::\"{id}\"")).map_err(|error| error.to_string())
        };
        Ok(Self {
            policies: PolicySet::from_policies([policy]).map_err(|error| error.to_string())?,
            principal: uid("Agent", agent)?,
            action: uid("Action", "call")?,
            resource: uid("Tool", tool)?,
        })
    }

    pub(crate) fn ask(&self, args: &Value, parameters: &Bindings) -> Result<(), Reason> {
        let failed = |error: String| Reason::ConditionFailed { error };
        let parameters = parameters.iter().map(|(name, value)| {
            let value = RestrictedExpression::new_string(value.to_owned());
            (name.to_string(), value)
        });
        let parameters = RestrictedExpression::new_record(parameters)
            .map_err(|error| failed(error.to_string()))?;
        let args = expression(args).ok_or(Reason::Condition)?;
        let context = [
            ("args".to_owned(), args),
            ("parameters".to_owned(), parameters),
        ];
        let context = Context::from_pairs(context).map_err(|error| failed(error.to_string()))?;
        let request = Request::new(
            self.principal.clone(),
            self.action.clone(),
            self.resource.clone(),
            context,
            None,
        )
        .map_err(|error| failed(error.to_string()))?;
        let answer = Authorizer::new().is_authorized(&request, &self.policies, &Entities::empty());
        match answer.decision() {
            Decision::Allow => Ok(()),
            Decision::Deny => match answer.diagnostics().errors().next() {
                Some(error) => Err(failed(error.to_string())),
                None => Err(Reason::Condition),
            },
        }
    }
}

/// A value as Cedar knows it; it knows no null.
fn expression(value: &Value) -> Option<RestrictedExpression> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(value) => RestrictedExpression::new_bool(*value),
        Value::Long(value) => RestrictedExpression::new_long(*value),
        Value::Decimal(value) => RestrictedExpression::new_decimal(value.to_string()),
        Value::Text(value) => RestrictedExpression::new_string(value.clone()),
        Value::List(values) => RestrictedExpression::new_set(
            values.iter().map(expression).collect::<Option<Vec<_>>>()?,
        ),
        Value::Record(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| Some((name.clone(), expression(value)?)));
            RestrictedExpression::new_record(members.collect::<Option<Vec<_>>>()?).ok()?
        }
    })
}
