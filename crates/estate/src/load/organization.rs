//! `organization.json`: the tree of units and accounts, and the ceilings at each.

use bailiwick_iam::arn::Arn;

use super::{
    LoadError, Loader,
    read::{Object, Piece},
};
use crate::{
    arena::Id,
    document::PolicyDocument,
    organization::{Ceilings, Member, Organization, Unit},
};

/// AWS nests units five deep below the root; twice that is somebody's mistake.
const UNIT_DEPTH_MAX: usize = 12;

impl Loader {
    pub(super) fn organization(&mut self, piece: &Piece<'_>) -> Result<(), LoadError> {
        let object = piece.value()?.object()?;
        object.only(&["id", "management_account", "roots"])?;
        if let Some(before) = &self.estate.organization {
            let before = self.estate.locate(&before.place);
            return Err(object.value.wrong(
                format!("an organisation was given before, in {before}"),
                "give one organization.json; an estate belongs to one organisation",
            ));
        }
        let id = object.text("id")?;
        if let (Some(id), Some(value)) = (&id, object.field("id"))
            && !Organization::is_id(id)
        {
            return Err(value.wrong(
                format!("`{id}` is no id of an organisation"),
                "it begins with `o-`: `aws organizations describe-organization` tells it",
            ));
        }
        let management_account = object.need("management_account")?.account()?;
        object.need("roots")?;
        let place = object.place();
        let mut roots = Vec::new();
        for root in object.objects("roots")? {
            roots.push(self.unit(&root, 0)?);
        }
        self.estate.organization = Some(Organization {
            id,
            management_account,
            roots,
            place,
        });
        Ok(())
    }

    fn unit(&mut self, object: &Object<'_>, depth: usize) -> Result<Unit, LoadError> {
        if depth > UNIT_DEPTH_MAX {
            return Err(object.value.wrong(
                format!("units nest more than {UNIT_DEPTH_MAX} deep"),
                "AWS allows five levels below the root",
            ));
        }
        object.only(&["id", "name", "scps", "rcps", "units", "accounts"])?;
        let id = object.need_text("id")?;
        // Before anything inside: places are counted from front to back.
        let place = object.place();
        let ceilings = self.ceilings(object, &id)?;
        let mut units = Vec::new();
        for unit in object.objects("units")? {
            units.push(self.unit(&unit, depth + 1)?);
        }
        let mut accounts = Vec::new();
        for account in object.objects("accounts")? {
            accounts.push(self.member(&account)?);
        }
        Ok(Unit {
            id,
            name: object.text("name")?,
            ceilings,
            units,
            accounts,
            place,
        })
    }

    fn member(&mut self, object: &Object<'_>) -> Result<Member, LoadError> {
        object.only(&["id", "name", "tags", "scps", "rcps"])?;
        let value = object.need("id")?;
        let id = value.account()?;
        if !self.members.insert(id) {
            return Err(value.wrong(
                format!("account {id} stands twice in the organisation"),
                "keep it below one unit",
            ));
        }
        Ok(Member {
            id,
            name: object.text("name")?,
            tags: object.tags("tags")?,
            place: object.place(),
            ceilings: self.ceilings(object, id.as_str())?,
        })
    }

    /// No `rcps` are none: RCPs are switched on by those who want them. But every node has an SCP, so
    /// no `scps` are unknown ones.
    fn ceilings(&mut self, object: &Object<'_>, target: &str) -> Result<Ceilings, LoadError> {
        let scps = match object.field("scps") {
            Some(_) => self.attached(object, "scps", target)?,
            None => vec![self.missing("scps".into(), None, object.place(), &target)],
        };
        let rcps = self.attached(object, "rcps", target)?;
        Ok(Ceilings { scps, rcps })
    }

    fn attached(
        &mut self,
        object: &Object<'_>,
        list: &str,
        target: &str,
    ) -> Result<Vec<Id<PolicyDocument>>, LoadError> {
        let mut found = Vec::new();
        for policy in object.objects(list)? {
            // Beside its name and document, `organizations list-policies-for-target` says more.
            policy.only(&["name", "document", "id", "arn"])?;
            let name = policy.need_text("name")?;
            let arn: Option<Arn> = policy.arn("arn")?;
            let document = policy.need("document")?;
            found.push(self.document(name, arn, &document, &target)?);
        }
        Ok(found)
    }
}
