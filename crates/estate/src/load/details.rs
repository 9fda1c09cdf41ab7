//! `aws iam get-account-authorization-details`: the principals of an account and their policies.

use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use bailiwick_iam::arn::{AccountId, Arn};

use super::{
    LoadError, Loader, Reading,
    read::{Object, Piece, Value},
};
use crate::{
    arena::Id,
    document::{Content, PolicyDocument},
    estate::Named,
    principal::{Group, LastUsed, Role, User},
    source::Place,
};

/// What a file of details is about, as far as it has been read.
struct Details {
    /// Named by the folder, or else by the first ARN that has one.
    account: Option<AccountId>,
    /// Managed policies whose account is known only when the file has been read: AWS's own belong
    /// to whoever's file they stand in.
    managed: Vec<(Arn, Id<PolicyDocument>)>,
    has_users: bool,
    has_groups: bool,
    has_roles: bool,
    has_policies: bool,
    is_truncated: bool,
}

/// A managed policy that a principal names, to be found when every file has been read.
pub(super) struct Attachment {
    pub(super) owner: Owner,
    pub(super) arn: Arn,
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) is_boundary: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Owner {
    Role(Id<Role>),
    User(Id<User>),
    Group(Id<Group>),
}

impl Loader {
    /// One page, merged pages, a list of pages, or pages one after the other.
    pub(super) fn details(
        &mut self,
        reading: &mut Reading<'_, '_>,
    ) -> Result<Option<AccountId>, LoadError> {
        let mut details = Details {
            account: reading.account,
            managed: Vec::new(),
            has_users: false,
            has_groups: false,
            has_roles: false,
            has_policies: false,
            is_truncated: false,
        };
        let mut pages = 0;
        while let Some(first) = reading.peek()? {
            if first != b'[' {
                self.page(reading, &mut details, "")?;
                pages += 1;
                continue;
            }
            reading.expect(b'[', "a list of pages")?;
            while reading.has_element(pages == 0)? {
                self.page(reading, &mut details, &format!("/{pages}"))?;
                pages += 1;
            }
        }
        let account = details.account;
        self.finish_details(reading, details);
        Ok(account)
    }

    fn page(
        &mut self,
        reading: &mut Reading<'_, '_>,
        details: &mut Details,
        pointer: &str,
    ) -> Result<(), LoadError> {
        reading.expect(b'{', "an object")?;
        let mut seen = Vec::new();
        while let Some(name) = reading.member(&mut seen, pointer)? {
            let pointer = format!("{pointer}/{name}");
            match name.as_str() {
                "RoleDetailList" => {
                    details.has_roles = true;
                    reading.each(&pointer, |piece| self.role(piece, details))?;
                }
                "UserDetailList" => {
                    details.has_users = true;
                    reading.each(&pointer, |piece| self.user(piece, details))?;
                }
                "GroupDetailList" => {
                    details.has_groups = true;
                    reading.each(&pointer, |piece| self.group(piece, details))?;
                }
                "Policies" => {
                    details.has_policies = true;
                    reading.each(&pointer, |piece| self.managed_policy(piece, details))?;
                }
                "IsTruncated" => {
                    // Of many pages, the last one tells.
                    let piece = reading.piece(pointer)?;
                    details.is_truncated = piece.value()?.node().text() == "true";
                }
                _ => reading.skip()?,
            }
        }
        Ok(())
    }

    fn finish_details(&mut self, reading: &Reading<'_, '_>, details: Details) {
        for (arn, document) in details.managed {
            let account = if is_aws_managed(&arn) {
                details.account
            } else {
                arn.account_id()
            };
            self.managed.insert((account, arn), document);
        }
        let Some(account) = details.account else {
            // A page of AWS managed policies alone names no account; a file that holds nothing is
            // worth a word.
            if !details.has_policies {
                let what = format!("{}: no principals", reading.name);
                let why = "the file lists no users, groups, roles or policies";
                self.tell(what, why);
            }
            return;
        };
        let record = self.account(account);
        record.principals_given = true;
        let pages = self.pages.entry(account).or_default();
        pages.has_users |= details.has_users;
        pages.has_groups |= details.has_groups;
        pages.has_roles |= details.has_roles;
        pages.has_last |= !details.is_truncated;
        pages.file.get_or_insert_with(|| reading.name.to_owned());
    }

    fn role(&mut self, piece: &Piece<'_>, details: &mut Details) -> Result<(), LoadError> {
        let object = piece.value()?.object()?;
        let Some((arn, account)) = self.newcomer(&object, "role", details)? else {
            return Ok(());
        };
        let name = object.need_text("RoleName")?;
        let trust_name = format!("trust of {name}");
        let trust = match object.field("AssumeRolePolicyDocument") {
            Some(value) => self.document(trust_name, None, &value, &arn)?,
            None => self.missing(trust_name, None, object.place(), &arn),
        };
        let mut instance_profiles = Vec::new();
        for profile in object.objects("InstanceProfileList")? {
            instance_profiles.extend(profile.arn("Arn")?);
        }
        let role = Role {
            account,
            path: object.text("Path")?.unwrap_or_else(|| "/".into()),
            unique_id: object.text("RoleId")?,
            created: object.text("CreateDate")?,
            trust,
            inline: self.inline(&object, "RolePolicyList", &arn)?,
            attached: Vec::new(),
            boundary: None,
            tags: object.tags("Tags")?,
            session_secs_max: object.number("MaxSessionDuration")?,
            last_used: last_used(&object)?,
            instance_profiles,
            place: object.place(),
            name,
            arn: arn.clone(),
        };
        let key = (account, role.name.to_ascii_lowercase());
        let id = self.estate.roles.push(role);
        self.estate.role_by_name.insert(key, id);
        self.estate.by_arn.insert(arn, Named::Role(id));
        self.attachments(&object, Owner::Role(id))
    }

    fn user(&mut self, piece: &Piece<'_>, details: &mut Details) -> Result<(), LoadError> {
        let object = piece.value()?.object()?;
        let Some((arn, account)) = self.newcomer(&object, "user", details)? else {
            return Ok(());
        };
        let user = User {
            account,
            name: object.need_text("UserName")?,
            path: object.text("Path")?.unwrap_or_else(|| "/".into()),
            unique_id: object.text("UserId")?,
            created: object.text("CreateDate")?,
            groups: Vec::new(),
            inline: self.inline(&object, "UserPolicyList", &arn)?,
            attached: Vec::new(),
            boundary: None,
            tags: object.tags("Tags")?,
            access_keys: None,
            service_credentials: None,
            place: object.place(),
            arn: arn.clone(),
        };
        let id = self.estate.users.push(user);
        self.estate.by_arn.insert(arn, Named::User(id));
        for group in object.elements("GroupList")? {
            self.memberships.push((id, group.text()?, group.place()));
        }
        self.attachments(&object, Owner::User(id))
    }

    fn group(&mut self, piece: &Piece<'_>, details: &mut Details) -> Result<(), LoadError> {
        let object = piece.value()?.object()?;
        let Some((arn, account)) = self.newcomer(&object, "group", details)? else {
            return Ok(());
        };
        let group = Group {
            account,
            name: object.need_text("GroupName")?,
            path: object.text("Path")?.unwrap_or_else(|| "/".into()),
            inline: self.inline(&object, "GroupPolicyList", &arn)?,
            attached: Vec::new(),
            place: object.place(),
            arn: arn.clone(),
        };
        let key = (account, group.name.to_ascii_lowercase());
        let id = self.estate.groups.push(group);
        self.group_by_name.insert(key, id);
        self.estate.by_arn.insert(arn, Named::Group(id));
        self.attachments(&object, Owner::Group(id))
    }

    /// The default version of a managed policy; the others grant nothing.
    fn managed_policy(
        &mut self,
        piece: &Piece<'_>,
        details: &mut Details,
    ) -> Result<(), LoadError> {
        let object = piece.value()?.object()?;
        let arn = object.need_arn("Arn")?;
        // Each account's file has AWS's policies again. A finding in an account points into its own
        // file, so each gets the document that stands there; the text is read once all the same.
        if !is_aws_managed(&arn) {
            details.account = details.account.or(arn.account_id());
            if self.stood_before(&arn, &object)? {
                if let Some(Named::Policy(document)) = self.estate.named(&arn) {
                    details.managed.push((arn, document));
                }
                return Ok(());
            }
        }
        let name = object
            .text("PolicyName")?
            .unwrap_or_else(|| arn.resource_name().to_owned());
        let document = match default_version(&object)? {
            Some(value) => self.document(name, Some(arn.clone()), &value, &arn)?,
            None => self.missing(name, Some(arn.clone()), object.place(), &arn),
        };
        let named = Named::Policy(document);
        self.estate.by_arn.entry(arn.clone()).or_insert(named);
        details.managed.push((arn, document));
        Ok(())
    }

    /// The ARN and account of a principal not met before; `None` if it stood word for word in
    /// another file.
    fn newcomer(
        &mut self,
        object: &Object<'_>,
        kind: &str,
        details: &mut Details,
    ) -> Result<Option<(Arn, AccountId)>, LoadError> {
        let value = object.need("Arn")?;
        let arn = value.arn()?;
        let rest = arn.resource().strip_prefix(kind);
        if arn.service() != "iam" || !rest.is_some_and(|rest| rest.starts_with('/')) {
            return Err(value.wrong(
                format!("`{arn}` is not the ARN of a {kind}"),
                format!("it has the form arn:aws:iam::ACCOUNT:{kind}/PATH/NAME"),
            ));
        }
        let Some(account) = arn.account_id() else {
            return Err(value.wrong(
                format!("`{arn}` names no account"),
                "a principal's ARN holds the twelve digits of its account",
            ));
        };
        if let Some(folder) = details.account.filter(|folder| *folder != account) {
            return Err(value.wrong(
                format!("`{arn}` is not of account {folder}"),
                "keep one account in a file, in the folder of its id",
            ));
        }
        details.account = Some(account);
        let is_new = !self.stood_before(&arn, object)?;
        Ok(is_new.then_some((arn, account)))
    }

    /// Whether something of this ARN was read before, word for word. If it was and differs, nobody
    /// can tell which one is true.
    fn stood_before(&mut self, arn: &Arn, object: &Object<'_>) -> Result<bool, LoadError> {
        let mut hasher = DefaultHasher::new();
        object.value.node().text().hash(&mut hasher);
        let hash = hasher.finish();
        match self.seen.insert(arn.clone(), hash) {
            None => Ok(false),
            Some(before) if before == hash => Ok(true),
            Some(_) => Err(object.value.wrong(
                format!("`{arn}` stands twice, and the two differ"),
                "give one snapshot of this account",
            )),
        }
    }

    fn inline(
        &mut self,
        object: &Object<'_>,
        list: &str,
        owner: &Arn,
    ) -> Result<Vec<Id<PolicyDocument>>, LoadError> {
        let mut found = Vec::new();
        for policy in object.objects(list)? {
            let name = policy.need_text("PolicyName")?;
            found.push(match policy.field("PolicyDocument") {
                Some(value) => self.document(name, None, &value, owner)?,
                None => self.missing(name, None, policy.place(), owner),
            });
        }
        Ok(found)
    }

    fn attachments(&mut self, object: &Object<'_>, owner: Owner) -> Result<(), LoadError> {
        for attached in object.objects("AttachedManagedPolicies")? {
            let arn = attached.need_arn("PolicyArn")?;
            let name = attached.text("PolicyName")?;
            self.attachments.push(Attachment {
                owner,
                name: name.unwrap_or_else(|| arn.resource_name().to_owned()),
                arn,
                place: attached.place(),
                is_boundary: false,
            });
        }
        if let Some(boundary) = object.object("PermissionsBoundary")? {
            let arn = boundary.need_arn("PermissionsBoundaryArn")?;
            self.attachments.push(Attachment {
                owner,
                name: arn.resource_name().to_owned(),
                arn,
                place: boundary.place(),
                is_boundary: true,
            });
        }
        Ok(())
    }

    /// Reads a document; what cannot be read is told once and kept as unknown.
    pub(super) fn document(
        &mut self,
        name: String,
        arn: Option<Arn>,
        value: &Value<'_>,
        owner: &dyn fmt::Display,
    ) -> Result<Id<PolicyDocument>, LoadError> {
        let texts = &mut self.estate.texts;
        let document = self.documents.read(texts, name, arn, value)?;
        if let Content::Unreadable { why } = &document.content {
            let what = format!("policy `{}` of {owner}", document.name);
            let place = self.estate.locate(&document.place);
            self.tell(what, format!("{place} cannot be read: {why}"));
        }
        Ok(self.estate.policies.push(document))
    }

    pub(super) fn missing(
        &mut self,
        name: String,
        arn: Option<Arn>,
        place: Place,
        owner: &dyn fmt::Display,
    ) -> Id<PolicyDocument> {
        let why = format!("{} has no document for it", self.estate.locate(&place));
        self.tell(format!("policy `{name}` of {owner}"), why);
        self.estate.policies.push(PolicyDocument {
            name: name.into(),
            arn,
            place,
            content: Content::Missing,
        })
    }
}

fn last_used(object: &Object<'_>) -> Result<LastUsed, LoadError> {
    let Some(used) = object.object("RoleLastUsed")? else {
        return Ok(LastUsed::Unknown);
    };
    Ok(match used.text("LastUsedDate")? {
        None => LastUsed::Never,
        Some(date) => LastUsed::At {
            date,
            region: used.text("Region")?,
        },
    })
}

fn default_version<'a>(object: &Object<'a>) -> Result<Option<Value<'a>>, LoadError> {
    let default = object.text("DefaultVersionId")?;
    for version in object.objects("PolicyVersionList")? {
        let flagged = version
            .field("IsDefaultVersion")
            .is_some_and(|flag| flag.node().text() == "true");
        let named = default.is_some() && version.text("VersionId")? == default;
        if flagged || named {
            return Ok(version.field("Document"));
        }
    }
    Ok(None)
}

pub(super) fn is_aws_managed(arn: &Arn) -> bool {
    arn.account() == "aws"
}
