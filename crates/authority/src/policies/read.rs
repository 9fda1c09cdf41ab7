//! Reading a folder of policies: `*.cedar`, `*.json` with entities, and a `*.cedarschema` that both
//! are checked against.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use bailiwick_ledger::Hash;
use cedar_policy::{
    ActionConstraint, Entities, EntityUid, Policy, PolicyId, PolicySet, Schema, ValidationMode,
    Validator,
};

use super::Policies;

/// One thing that is wrong with a folder of policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoliciesProblem {
    pub file: String,
    pub what: String,
}

/// Everything that is wrong with a folder of policies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PoliciesError(pub Vec<PoliciesProblem>);

impl fmt::Display for PoliciesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {}", problem.file, problem.what)?;
        }
        Ok(())
    }
}

/// What a file holds, by its name.
enum Holds {
    Policies,
    Entities,
    Schema,
    Prose,
    /// A misspelled ending must not make a policy vanish.
    Unknown,
}

fn holds(file: &str) -> Holds {
    let name = file.rsplit('/').next().unwrap_or(file);
    if name.starts_with('.') {
        return Holds::Prose;
    }
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("cedar") => Holds::Policies,
        Some("json") => Holds::Entities,
        Some("cedarschema") => Holds::Schema,
        Some("md" | "txt") => Holds::Prose,
        Some(_) | None => Holds::Unknown,
    }
}

impl Policies {
    /// The policies and entities in `files`, each a name and its bytes.
    ///
    /// # Errors
    /// Everything that keeps the files from being used, each with its file.
    pub fn parse<'f>(
        files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    ) -> Result<Self, PoliciesError> {
        let files: BTreeMap<&str, &[u8]> = files.into_iter().collect();
        let mut reading = Reading::default();
        let mut parts: Vec<&[u8]> = Vec::new();
        for (file, bytes) in &files {
            let is_policy = matches!(
                holds(file),
                Holds::Policies | Holds::Entities | Holds::Schema
            );
            if is_policy {
                parts.extend([file.as_bytes(), b"\0", bytes, b"\0"]);
            }
            reading.file(file, bytes);
        }
        reading.finish(format!("sha256:{}", Hash::of(&parts)))
    }
}

#[derive(Default)]
struct Reading<'f> {
    set: PolicySet,
    sources: Vec<(&'f str, &'f str)>,
    schema: Option<Schema>,
    problems: Vec<PoliciesProblem>,
}

impl<'f> Reading<'f> {
    fn wrong(&mut self, file: &str, what: impl Into<String>) {
        self.problems.push(PoliciesProblem {
            file: file.to_owned(),
            what: what.into(),
        });
    }

    fn file(&mut self, file: &'f str, bytes: &'f [u8]) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.wrong(file, "not UTF-8; save the file as UTF-8");
        };
        match holds(file) {
            Holds::Policies => self.policies(file, text),
            Holds::Entities => self.sources.push((file, text)),
            Holds::Schema if self.schema.is_some() => {
                self.wrong(file, "a second schema; keep one");
            }
            Holds::Schema => match Schema::from_cedarschema_str(text) {
                Ok((schema, _warnings)) => self.schema = Some(schema),
                Err(error) => self.wrong(file, error.to_string()),
            },
            Holds::Prose => {}
            Holds::Unknown => self.wrong(
                file,
                "neither policies (.cedar), entities (.json) nor a schema (.cedarschema); rename or remove it",
            ),
        }
    }

    fn policies(&mut self, file: &str, text: &str) {
        let set = match PolicySet::from_str(text) {
            Ok(set) => set,
            Err(error) => {
                let errors: Vec<String> = error.iter().map(ToString::to_string).collect();
                return self.wrong(file, errors.join("; "));
            }
        };
        if set.templates().next().is_some() {
            return self.wrong(
                file,
                "a template with `?principal` or `?resource`; write it out as policies",
            );
        }
        // Cedar numbers them in the order of the text, as `policy0`, `policy1`.
        let mut policies: Vec<&Policy> = set.policies().collect();
        policies.sort_by_key(|policy| {
            let id: &str = policy.id().as_ref();
            (id.len(), id.to_owned())
        });
        for (at, policy) in policies.into_iter().enumerate() {
            let name = match policy.annotation("id") {
                Some(id) if !id.is_empty() => format!("{file}#{id}"),
                Some(_) | None => format!("{file}#{}", at + 1),
            };
            if let Err(error) = self.set.add(policy.new_id(PolicyId::new(name))) {
                self.wrong(file, format!("{error}; give it another `@id`"));
            }
        }
    }

    fn finish(mut self, version: String) -> Result<Policies, PoliciesError> {
        let schema = self.schema.take();
        let entities = self.entities(schema.as_ref());
        if let Some(schema) = &schema {
            let validator = Validator::new(schema.clone());
            let validation = validator.validate(&self.set, ValidationMode::Strict);
            let errors: Vec<_> = validation
                .validation_errors()
                .map(ToString::to_string)
                .collect();
            for error in errors {
                self.wrong("the policies", error);
            }
        }
        if self.problems.is_empty() && self.set.is_empty() {
            self.wrong(
                "the folder",
                "no policy, so that everything would be denied; write one (.cedar)",
            );
        }
        if !self.problems.is_empty() {
            return Err(PoliciesError(self.problems));
        }
        let mut of_type: BTreeMap<String, BTreeMap<String, EntityUid>> = BTreeMap::new();
        for entity in entities.iter() {
            let uid = entity.uid();
            let ids = of_type.entry(uid.type_name().to_string()).or_default();
            ids.insert(uid.id().unescaped().to_owned(), uid);
        }
        Ok(Policies {
            actions: actions(&self.set, &of_type),
            set: self.set,
            entities,
            of_type,
            version,
        })
    }

    fn entities(&mut self, schema: Option<&Schema>) -> Entities {
        let mut all = Entities::empty();
        for (file, text) in std::mem::take(&mut self.sources) {
            // Cedar reads JSON leniently: of a name that stands twice it would keep the last.
            if let Err(error) = crate::json::check(text.as_bytes(), crate::json::Bounds::ANSWER) {
                self.wrong(file, error.to_string());
                continue;
            }
            match all.clone().add_entities_from_json_str(text, schema) {
                Ok(more) => all = more,
                Err(error) => self.wrong(file, chain(&error)),
            }
        }
        let tagged = all.iter().find(|entity| entity.tags().next().is_some());
        if let Some(entity) = tagged {
            let what = format!("{} has tags; write them as attributes", entity.uid());
            self.wrong("the entities", what);
        }
        all
    }
}

/// The names of all actions that entities or policies mention.
fn actions(
    set: &PolicySet,
    of_type: &BTreeMap<String, BTreeMap<String, EntityUid>>,
) -> Vec<String> {
    let mut names: BTreeSet<String> = of_type
        .get(super::ask::ACTION)
        .into_iter()
        .flat_map(|actions| actions.keys().cloned())
        .collect();
    for policy in set.policies() {
        let mut mentioned = match policy.action_constraint() {
            ActionConstraint::Any => Vec::new(),
            ActionConstraint::In(actions) => actions,
            ActionConstraint::Eq(action) => vec![action],
        };
        mentioned.extend(policy.entity_literals());
        for action in mentioned {
            if action.type_name().to_string() == super::ask::ACTION {
                names.insert(action.id().unescaped().to_owned());
            }
        }
    }
    names.into_iter().collect()
}

/// An error with what caused it: Cedar says the place in the cause.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
