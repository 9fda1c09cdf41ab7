//! `iam-extra.json`: what the authorization details omit.

use bailiwick_iam::arn::AccountId;

use super::{
    LoadError, Loader,
    read::{Object, Piece},
};
use crate::principal::Credential;

const MEMBERS: [&str; 3] = ["roles", "access_keys", "service_specific_credentials"];

/// What one file said, held until every principal is known.
pub(super) struct Extra {
    pub(super) account: AccountId,
    pub(super) session_secs_max: Vec<(String, Option<u32>)>,
    /// By user name. `None`: the file does not speak of them.
    pub(super) access_keys: Option<Vec<(String, Credential)>>,
    pub(super) service_credentials: Option<Vec<(String, Credential)>>,
}

impl Loader {
    pub(super) fn extra(
        &mut self,
        piece: &Piece<'_>,
        account: Option<AccountId>,
    ) -> Result<(), LoadError> {
        let object = piece.value()?.object()?;
        object.only(&MEMBERS)?;
        let Some(account) = account else {
            return Err(object.value.wrong(
                "nothing says which account this is about",
                "put it beside the iam.json of its account, or into accounts/<id>/",
            ));
        };
        let mut session_secs_max = Vec::new();
        if let Some(roles) = object.object("roles")? {
            for (name, role) in roles.into_members() {
                let role = role.object()?;
                role.only(&["MaxSessionDuration"])?;
                session_secs_max.push((name, role.number("MaxSessionDuration")?));
            }
        }
        self.account(account).extra_given = true;
        self.extras.push(Extra {
            account,
            session_secs_max,
            access_keys: credentials(&object, "access_keys", "AccessKeyId")?,
            service_credentials: credentials(
                &object,
                "service_specific_credentials",
                "ServiceSpecificCredentialId",
            )?,
        });
        Ok(())
    }
}

/// The elements are AWS's answers (`list-access-keys`, `list-service-specific-credentials`).
fn credentials(
    object: &Object<'_>,
    list: &str,
    id: &'static str,
) -> Result<Option<Vec<(String, Credential)>>, LoadError> {
    if object.field(list).is_none() {
        return Ok(None);
    }
    let credential = |object: Object<'_>| {
        let credential = Credential {
            id: object.need_text(id)?,
            active: object.text("Status")?.as_deref() != Some("Inactive"),
            created: object.text("CreateDate")?,
            expires: object.text("ExpirationDate")?,
            service: object.text("ServiceName")?,
            place: object.place(),
        };
        Ok((object.need_text("UserName")?, credential))
    };
    let found: Result<_, LoadError> = object.objects(list)?.into_iter().map(credential).collect();
    found.map(Some)
}
