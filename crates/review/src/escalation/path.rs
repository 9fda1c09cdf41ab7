//! The known ways from one set of rights to another, as data.
//!
//! `paths.json` states each way: what it gives, which calls it needs and on what, and what must
//! exist. Ids are those of pathfinding.cloud where it knows the way; the others are ours and use
//! prefixes it does not have (`trust-`, `policy-`, `states-`, …).

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

const BUILTIN_TEXT: &str = include_str!("paths.json");

static BUILTIN: LazyLock<Book> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a test reads the committed text")]
    Book::read(BUILTIN_TEXT).expect("the built-in paths can be read")
});

/// The paths that this version knows.
pub(crate) fn builtin() -> &'static Book {
    &BUILTIN
}

/// Every path, and the things their calls work on.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) paths: Vec<Path>,
    /// The things of `paths.json`, by name: the ARN each has.
    pub(crate) things: BTreeMap<String, Template>,
    /// What a resource of a CloudFormation type is, among those things.
    pub(crate) kinds: BTreeMap<String, String>,
}

/// One way to more rights.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Path {
    pub(crate) id: String,
    /// What one does, as a sentence without its subject.
    pub(crate) title: String,
    pub(crate) gives: Gives,
    /// The services of which one must be trusted by the role that is given.
    // IAM-038: one trust lets in all of AgentCore's compute.
    #[serde(default)]
    pub(crate) services: Vec<String>,
    /// The values of `iam:PassedToService` it may come with, if they are not `services`.
    // IAM-037
    #[serde(default)]
    passed_to: Vec<String>,
    /// The thing that assumes the role, where it is not the first new thing of `needs`.
    #[serde(default)]
    source: Option<String>,
    /// The role must be in an instance profile.
    #[serde(default)]
    pub(crate) instance_profile: bool,
    /// CloudFormation types, of which one must exist already.
    #[serde(default)]
    pub(crate) existing: Vec<String>,
    /// What exists must be called with IAM credentials: a token is no use here.
    #[serde(default)]
    pub(crate) inbound: Option<Inbound>,
    #[serde(default)]
    pub(crate) user: Option<UserState>,
    /// The policy must have another version than the default.
    #[serde(default)]
    pub(crate) older_version: bool,
    /// The rights of who is given become what one writes.
    #[serde(default)]
    pub(crate) rewritten: bool,
    pub(crate) needs: Vec<Need>,
}

/// Whose rights a path gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Gives {
    /// The role passed to a service that trusts it.
    PassedRole,
    /// The role that something existing runs as.
    BoundRole,
    /// A user, by credentials of one's own making.
    User,
    /// A role that trusts oneself.
    AssumedRole,
    /// A role, once its trust policy is one's own.
    TrustingRole,
    /// Oneself with a policy of one's own writing: a user's, a role's, a group's, a managed one.
    OwnUser,
    OwnRole,
    OwnGroup,
    OwnPolicy,
    /// Oneself with the rights of a group.
    JoinedGroup,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Inbound {
    Iam,
}

/// What must be so with the credentials of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UserState {
    /// At most one access key: AWS allows two.
    RoomForAKey,
    /// Any number of access keys: one of two can be deleted first.
    KeysToSpare,
    Password,
    NoPassword,
}

/// A call that must be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Need {
    pub(crate) action: String,
    pub(crate) on: On,
}

/// What a call works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum On {
    /// It takes no resource.
    Nothing,
    /// The principal that is given.
    Target,
    /// The caller's own user or role.
    Oneself,
    /// The caller's group, or the one to join.
    Group,
    /// A managed policy of whoever is given.
    Policy,
    /// What must exist already.
    Existing,
    /// A new thing, or any of its kind, by its name in `things`.
    Thing(String),
}

impl From<String> for Need {
    fn from(text: String) -> Self {
        let (action, on) = text.split_once(" on ").unwrap_or((&text, ""));
        let on = match on {
            "" => On::Nothing,
            "target" => On::Target,
            "self" => On::Oneself,
            "group" => On::Group,
            "policy" => On::Policy,
            "existing" => On::Existing,
            thing => On::Thing(thing.to_owned()),
        };
        Self {
            action: action.to_owned(),
            on,
        }
    }
}

impl Path {
    /// The values that `iam:PassedToService` may have.
    pub(crate) fn passed_to(&self) -> &[String] {
        if self.passed_to.is_empty() {
            &self.services
        } else {
            &self.passed_to
        }
    }

    /// The thing that assumes the role: what `aws:SourceArn` says in the role's trust policy.
    pub(crate) fn source(&self) -> Option<&str> {
        let first = self.needs.iter().find_map(|need| match &need.on {
            On::Thing(thing) => Some(thing.as_str()),
            On::Nothing | On::Target | On::Oneself | On::Group | On::Policy | On::Existing => None,
        });
        self.source.as_deref().or(first)
    }
}

/// The ARN of a thing, with `{partition}`, `{region}`, `{account}` and
///
/// - `{name}`: a name that whoever creates it chooses,
/// - `{id}`: an id that AWS chooses, which nobody can foresee,
/// - `{some}`: the id of any one that exists, of which there are many.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Template(String);

impl Template {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands in the resource part before the first word that is left open.
    pub(crate) fn head(&self) -> &str {
        let resource = self.0.splitn(6, ':').nth(5).unwrap_or_default();
        resource.split('{').next().unwrap_or_default()
    }
}

impl Book {
    fn read(text: &str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            things: BTreeMap<String, Template>,
            kinds: BTreeMap<String, String>,
            paths: Vec<Path>,
        }
        let Written {
            things,
            kinds,
            paths,
        } = serde_json::from_str(text)?;
        Ok(Self {
            paths,
            things,
            kinds,
        })
    }

    /// The thing a resource of a CloudFormation type is.
    pub(crate) fn thing_of(&self, kind: &str) -> Option<&Template> {
        self.things.get(self.kinds.get(kind)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bailiwick_iam_catalog::builtin as catalog;

    use super::*;
    use crate::escalation::glob;

    #[test]
    fn every_action_of_a_path_is_one_that_aws_has() {
        for path in &builtin().paths {
            for need in &path.needs {
                assert!(
                    catalog().action(&need.action).is_ok(),
                    "{}: {}",
                    path.id,
                    need.action
                );
            }
        }
    }

    #[test]
    fn an_action_that_takes_a_resource_is_given_one_of_a_type_it_takes() {
        for path in &builtin().paths {
            for need in &path.needs {
                let On::Thing(thing) = &need.on else {
                    continue;
                };
                let template = &builtin().things[thing];
                let action = catalog().action(&need.action).unwrap();
                let fits = action.resources().any(|used| {
                    let mut formats = used.resource_type().arn_formats();
                    formats.any(|format| glob::matches(&format.pattern(), template.as_str()))
                });
                assert!(
                    fits || !action.has_resources(),
                    "{}: {} on {thing}",
                    path.id,
                    need.action
                );
            }
        }
    }

    #[test]
    fn an_action_without_a_thing_takes_none() {
        for path in &builtin().paths {
            for need in path.needs.iter().filter(|need| need.on == On::Nothing) {
                let action = catalog().action(&need.action).unwrap();
                assert!(!action.has_resources(), "{}: {}", path.id, need.action);
            }
        }
    }

    #[test]
    fn ids_are_unique_and_every_thing_and_kind_is_defined_and_used() {
        let book = builtin();
        let ids: BTreeSet<_> = book.paths.iter().map(|path| &path.id).collect();
        assert_eq!(ids.len(), book.paths.len());
        let mut used: BTreeSet<&str> = book.kinds.values().map(String::as_str).collect();
        for path in &book.paths {
            used.extend(path.source());
            for need in &path.needs {
                if let On::Thing(thing) = &need.on {
                    used.insert(thing);
                }
            }
            for kind in &path.existing {
                assert!(book.kinds.contains_key(kind), "{}: {kind}", path.id);
            }
        }
        let defined: BTreeSet<&str> = book.things.keys().map(String::as_str).collect();
        assert_eq!(used, defined);
    }

    #[test]
    fn a_role_given_by_a_service_has_a_service_that_gives_it() {
        for path in &builtin().paths {
            let by_service = matches!(path.gives, Gives::PassedRole | Gives::BoundRole);
            assert_eq!(by_service, !path.services.is_empty(), "{}", path.id);
            let passes = path.needs.iter().any(|need| need.action == "iam:PassRole");
            assert_eq!(passes, path.gives == Gives::PassedRole, "{}", path.id);
        }
    }
}
