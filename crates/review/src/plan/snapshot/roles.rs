//! Roles and policies in the answers of `get-account-authorization-details`.

use bailiwick_iam::arn::{AccountId, Arn};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{
    ApplyError, Snapshot,
    apply::{exists, missing},
};
use crate::plan::{Document, Tags};

/// The pages in a file: one, or a list of them.
pub(super) fn pages(file: &Value) -> Vec<&Map<String, Value>> {
    let pages = match file {
        Value::Object(page) => vec![page],
        Value::Array(pages) => pages.iter().filter_map(Value::as_object).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    pages.into_iter().filter(|page| is_page(page)).collect()
}

fn pages_mut(file: &mut Value) -> Vec<&mut Map<String, Value>> {
    let pages = match file {
        Value::Object(page) => vec![page],
        Value::Array(pages) => pages.iter_mut().filter_map(Value::as_object_mut).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    pages.into_iter().filter(|page| is_page(page)).collect()
}

fn is_page(page: &Map<String, Value>) -> bool {
    page.contains_key("RoleDetailList") || page.contains_key("UserDetailList")
}

/// A role as it is made.
pub(super) struct NewRole<'a> {
    pub(super) arn: &'a Arn,
    pub(super) trust: &'a Document,
    pub(super) max_session_seconds: u32,
    pub(super) tags: &'a Tags,
    pub(super) boundary: Option<&'a str>,
}

impl Snapshot {
    pub(super) fn create_role(&mut self, role: &NewRole<'_>) -> Result<(), ApplyError> {
        if self.role_detail(role.arn).is_some() {
            return Err(exists("role", role.arn.as_str()));
        }
        let name = role.arn.resource_name();
        let tags: Vec<Value> = role
            .tags
            .iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        let mut detail = json!({
            "Path": path(role.arn),
            "RoleName": name,
            "RoleId": unique_id("AROA", role.arn),
            "Arn": role.arn.as_str(),
            "AssumeRolePolicyDocument": role.trust.0,
            "InstanceProfileList": [],
            "RolePolicyList": [],
            "AttachedManagedPolicies": [],
            "Tags": tags,
            "RoleLastUsed": {},
        });
        if let (Some(boundary), Some(detail)) = (role.boundary, detail.as_object_mut()) {
            detail.insert("PermissionsBoundary".to_owned(), boundary_value(boundary));
        }
        self.list_of(role.arn, "RoleDetailList")?.push(detail);
        self.set_session(role.arn, Some(role.max_session_seconds));
        Ok(())
    }

    pub(super) fn delete_role(&mut self, role: &Arn) -> Result<(), ApplyError> {
        let detail = self.detail(role)?;
        let holds = ["RolePolicyList", "AttachedManagedPolicies"]
            .iter()
            .any(|list| {
                detail
                    .get(*list)
                    .and_then(Value::as_array)
                    .is_some_and(|it| !it.is_empty())
            });
        if holds {
            return Err(ApplyError::HoldsPolicies {
                role: role.to_string(),
            });
        }
        for page in self.files.values_mut().flat_map(pages_mut) {
            if let Some(list) = list_in(page, "RoleDetailList") {
                list.retain(|detail| !is(detail, "Arn", role.as_str()));
            }
        }
        self.set_session(role, None);
        Ok(())
    }

    pub(super) fn restore_role(
        &mut self,
        role: &Arn,
        detail: &Value,
        [page, at]: [usize; 2],
        session: Option<u32>,
    ) -> Result<(), ApplyError> {
        if self.role_detail(role).is_some() {
            return Err(exists("role", role.as_str()));
        }
        let mut pages = self.files.values_mut().flat_map(pages_mut);
        let list = pages
            .nth(page)
            .and_then(|page| list_in(page, "RoleDetailList"))
            .ok_or_else(|| missing("page of roles of", role.as_str()))?;
        list.insert(at.min(list.len()), detail.clone());
        drop(pages);
        self.set_session(role, session);
        Ok(())
    }

    pub(super) fn detail(&mut self, role: &Arn) -> Result<&mut Map<String, Value>, ApplyError> {
        self.files
            .values_mut()
            .flat_map(pages_mut)
            .filter_map(|page| list_in(page, "RoleDetailList"))
            .flatten()
            .find(|detail| is(detail, "Arn", role.as_str()))
            .and_then(Value::as_object_mut)
            .ok_or_else(|| missing("role", role.as_str()))
    }

    pub(super) fn put_role_policy(
        &mut self,
        role: &Arn,
        name: &str,
        document: &Document,
    ) -> Result<(), ApplyError> {
        let list = list(self.detail(role)?, "RolePolicyList")?;
        match list.iter_mut().find(|it| is(it, "PolicyName", name)) {
            Some(Value::Object(policy)) => {
                policy.insert("PolicyDocument".to_owned(), document.0.clone());
            }
            Some(_) | None => {
                list.push(json!({"PolicyName": name, "PolicyDocument": document.0}));
            }
        }
        Ok(())
    }

    pub(super) fn delete_role_policy(&mut self, role: &Arn, name: &str) -> Result<(), ApplyError> {
        let list = list(self.detail(role)?, "RolePolicyList")?;
        remove(list, "PolicyName", name).ok_or_else(|| missing("inline policy", name))
    }

    pub(super) fn attach_policy(&mut self, role: &Arn, policy: &str) -> Result<(), ApplyError> {
        let name = policy.rsplit('/').next().unwrap_or(policy);
        let list = list(self.detail(role)?, "AttachedManagedPolicies")?;
        if list.iter().any(|it| is(it, "PolicyArn", policy)) {
            return Err(exists("attachment of", policy));
        }
        list.push(json!({"PolicyName": name, "PolicyArn": policy}));
        Ok(())
    }

    pub(super) fn detach_policy(&mut self, role: &Arn, policy: &str) -> Result<(), ApplyError> {
        let list = list(self.detail(role)?, "AttachedManagedPolicies")?;
        remove(list, "PolicyArn", policy).ok_or_else(|| missing("attachment of", policy))
    }

    pub(super) fn set_boundary(
        &mut self,
        role: &Arn,
        policy: Option<&str>,
    ) -> Result<(), ApplyError> {
        let detail = self.detail(role)?;
        match policy {
            Some(policy) => {
                detail.insert("PermissionsBoundary".to_owned(), boundary_value(policy));
            }
            None => {
                detail.remove("PermissionsBoundary");
            }
        }
        Ok(())
    }

    pub(super) fn set_trust(&mut self, role: &Arn, trust: &Document) -> Result<(), ApplyError> {
        let detail = self.detail(role)?;
        detail.insert("AssumeRolePolicyDocument".to_owned(), trust.0.clone());
        Ok(())
    }

    pub(super) fn tag_role(&mut self, role: &Arn, tags: &Tags) -> Result<(), ApplyError> {
        let list = list(self.detail(role)?, "Tags")?;
        for (key, value) in tags {
            match list.iter_mut().find(|it| is(it, "Key", key)) {
                Some(Value::Object(tag)) => {
                    tag.insert("Value".to_owned(), json!(value));
                }
                Some(_) | None => list.push(json!({"Key": key, "Value": value})),
            }
        }
        Ok(())
    }

    pub(super) fn untag_role(&mut self, role: &Arn, keys: &[String]) -> Result<(), ApplyError> {
        let list = list(self.detail(role)?, "Tags")?;
        list.retain(|tag| !keys.iter().any(|key| is(tag, "Key", key)));
        Ok(())
    }

    pub(super) fn create_policy(
        &mut self,
        policy: &Arn,
        document: &Document,
    ) -> Result<(), ApplyError> {
        let list = self.list_of(policy, "Policies")?;
        if list.iter().any(|it| is(it, "Arn", policy.as_str())) {
            return Err(exists("policy", policy.as_str()));
        }
        list.push(json!({
            "PolicyName": policy.resource_name(),
            "PolicyId": unique_id("ANPA", policy),
            "Arn": policy.as_str(),
            "Path": path(policy),
            "DefaultVersionId": "v1",
            "AttachmentCount": 0,
            "PermissionsBoundaryUsageCount": 0,
            "IsAttachable": true,
            "PolicyVersionList": [
                {"Document": document.0, "VersionId": "v1", "IsDefaultVersion": true}],
        }));
        Ok(())
    }

    pub(super) fn delete_policy(&mut self, policy: &Arn) -> Result<(), ApplyError> {
        let mut lists = self
            .files
            .values_mut()
            .flat_map(pages_mut)
            .filter_map(|page| list_in(page, "Policies"));
        lists
            .find_map(|list| remove(list, "Arn", policy.as_str()))
            .ok_or_else(|| missing("policy", policy.as_str()))
    }

    /// The list of an account's last page, for what belongs to the account.
    fn list_of(&mut self, arn: &Arn, name: &str) -> Result<&mut Vec<Value>, ApplyError> {
        let account = arn.account();
        self.files
            .values_mut()
            .flat_map(pages_mut)
            .filter(|page| is_of(page, account))
            .last()
            .ok_or_else(|| missing("account", account))
            .and_then(|page| list(page, name))
    }

    /// In `iam-extra.json`, where the account has one.
    fn set_session(&mut self, role: &Arn, seconds: Option<u32>) {
        let Some(account) = role.account_id() else {
            return;
        };
        let name = role.resource_name();
        let Some(roles) = self.session_lengths(account) else {
            return;
        };
        match seconds {
            Some(seconds) => {
                roles.insert(name.to_owned(), json!({"MaxSessionDuration": seconds}));
            }
            None => {
                roles.remove(name);
            }
        }
    }

    fn session_lengths(&mut self, account: AccountId) -> Option<&mut Map<String, Value>> {
        let folder = format!("accounts/{account}/");
        let of_account = self
            .files
            .iter_mut()
            .filter(|(name, _)| name.contains(&folder));
        of_account
            .filter_map(|(_, file)| file.get_mut("roles")?.as_object_mut())
            .next()
    }

    /// How long sessions of a role may be, where the snapshot says so.
    #[must_use]
    pub fn session_seconds(&self, role: &Arn) -> Option<u32> {
        let folder = format!("accounts/{}/", role.account());
        let seconds = self
            .files
            .iter()
            .filter(|(name, _)| name.contains(&folder))
            .find_map(|(_, file)| {
                file.get("roles")?
                    .get(role.resource_name())?
                    .get("MaxSessionDuration")?
                    .as_u64()
            })?;
        seconds.try_into().ok()
    }
}

fn is_of(page: &Map<String, Value>, account: &str) -> bool {
    ["RoleDetailList", "UserDetailList"].iter().any(|list| {
        let details = page.get(*list).and_then(Value::as_array);
        details.is_some_and(|details| {
            details.iter().any(|detail| {
                let arn = detail.get("Arn").and_then(Value::as_str);
                arn.and_then(|arn| arn.split(':').nth(4)) == Some(account)
            })
        })
    })
}

fn list_in<'p>(page: &'p mut Map<String, Value>, name: &str) -> Option<&'p mut Vec<Value>> {
    page.get_mut(name)?.as_array_mut()
}

/// The list of this name, made if there is none.
fn list<'p>(
    holder: &'p mut Map<String, Value>,
    name: &str,
) -> Result<&'p mut Vec<Value>, ApplyError> {
    let value = holder.entry(name).or_insert_with(|| json!([]));
    value.as_array_mut().ok_or_else(|| missing("list", name))
}

fn is(value: &Value, member: &str, text: &str) -> bool {
    value.get(member).and_then(Value::as_str) == Some(text)
}

fn remove(list: &mut Vec<Value>, member: &str, text: &str) -> Option<()> {
    let at = list.iter().position(|it| is(it, member, text))?;
    list.remove(at);
    Some(())
}

fn boundary_value(policy: &str) -> Value {
    json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": policy})
}

/// `/agents/prod/` of `role/agents/prod/reader`.
fn path(arn: &Arn) -> String {
    let resource = arn.resource();
    let below = resource.split_once('/').map_or("", |(_, below)| below);
    match below.rsplit_once('/') {
        Some((path, _)) => format!("/{path}/"),
        None => "/".to_owned(),
    }
}

/// An id as AWS would give one, the same for the same ARN: a snapshot has no dice.
fn unique_id(prefix: &str, arn: &Arn) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::digest(arn.as_str());
    let letter = |byte: &u8| {
        let letter = LETTERS.get(usize::from(byte % 32)).copied();
        char::from(letter.unwrap_or(b'A'))
    };
    let letters: String = digest.iter().take(17).map(letter).collect();
    format!("{prefix}{letters}")
}
