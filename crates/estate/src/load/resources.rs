//! `resources.json`: what else exists, and what runs as which role.

use bailiwick_iam::arn::{AccountId, Arn};

use super::{LoadError, Loader, read::Piece};
use crate::{
    principal::Tags,
    resource::{Resource, ResourcePolicy},
    source::Place,
};

const MEMBERS: [&str; 7] = ["arn", "type", "role", "policy", "tags", "calls", "data"];

/// A resource as it was read; its role is looked up when every principal is known.
pub(super) struct Found {
    pub(super) resource: Resource,
    pub(super) role: Option<(Arn, Place)>,
}

impl Loader {
    pub(super) fn resource(
        &mut self,
        piece: &Piece<'_>,
        folder: Option<AccountId>,
    ) -> Result<(), LoadError> {
        let object = piece.value()?.object()?;
        object.only(&MEMBERS)?;
        let arn = object.need_arn("arn")?;
        let policy = match object.field("policy") {
            None => ResourcePolicy::Unknown,
            Some(value) => {
                let name = format!("policy of {}", arn.resource_name());
                ResourcePolicy::Attached(self.document(name, None, &value, &arn)?)
            }
        };
        let role = match object.field("role") {
            None => None,
            Some(value) => Some((value.arn()?, value.place())),
        };
        let resource = Resource {
            kind: object.need_text("type")?,
            account: arn.account_id().or(folder),
            tags: object.tags("tags")?,
            policy,
            role: None,
            calls: object.arns("calls")?,
            data: object.texts("data")?,
            place: object.place(),
            arn,
        };
        self.merge(Found { resource, role });
        Ok(())
    }

    /// Two files may speak of one resource, a service's answers and `resources.json`: each adds what
    /// the other does not know.
    pub(super) fn merge(&mut self, found: Found) {
        let Found { resource, role } = found;
        let Some(&index) = self.found_by_arn.get(&resource.arn) else {
            self.found_by_arn
                .insert(resource.arn.clone(), self.found.len());
            self.found.push(Found { resource, role });
            return;
        };
        let Some(known) = self.found.get_mut(index) else {
            return;
        };
        if known.resource.policy == ResourcePolicy::Unknown {
            known.resource.policy = resource.policy;
        }
        known.resource.account = known.resource.account.or(resource.account);
        let differ = matches!((&known.role, &role), (Some((a, _)), Some((b, _))) if a != b);
        known.role = known.role.take().or(role);
        let arn = known.resource.arn.clone();
        extend(&mut known.resource.tags, resource.tags);
        known.resource.calls.extend(resource.calls);
        known.resource.data.extend(resource.data);
        if differ {
            let place = self.estate.locate(&resource.place);
            let why = format!("{place} names another role than the files before it");
            self.tell(format!("role of {arn}"), why);
        }
    }
}

fn extend(tags: &mut Tags, more: Tags) {
    for (key, value) in more {
        tags.entry(key).or_insert(value);
    }
}
