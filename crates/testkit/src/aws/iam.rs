//! The inline policies of a role: put, read and taken away.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Reply;
use super::decide::{Ask, decide};
use super::refusal::{Refusal, answered, done, escaped};
use super::verify::Received;
use super::world::{Caller, Document, Existing, World};

/// Of all inline policies of a role, white space not counted.
const INLINE_CHARS_MAX: usize = 10_240;

pub(super) fn answer(world: &mut World, received: &Received) -> Result<Reply, Refusal> {
    let caller = received.caller(world)?;
    let call = received.call("2010-05-08")?;
    match call.action() {
        "PutRolePolicy" => {
            let role = role(world, &caller, &call, "iam:PutRolePolicy")?;
            put(
                role,
                call.required("PolicyName")?,
                call.required("PolicyDocument")?,
            )?;
            Ok(done("iam", "PutRolePolicy"))
        }
        "GetRolePolicy" => {
            let role = role(world, &caller, &call, "iam:GetRolePolicy")?;
            let name = call.required("PolicyName")?;
            let document = role.inline.get(name).ok_or_else(|| no_policy(name))?;
            let result = format!(
                "<RoleName>{}</RoleName><PolicyName>{}</PolicyName><PolicyDocument>{}</PolicyDocument>",
                role.arn.resource_name(),
                escaped(name),
                utf8_percent_encode(&document.text, NON_ALPHANUMERIC)
            );
            Ok(answered("iam", "GetRolePolicy", &result))
        }
        "DeleteRolePolicy" => {
            let role = role(world, &caller, &call, "iam:DeleteRolePolicy")?;
            let name = call.required("PolicyName")?;
            role.inline.remove(name).ok_or_else(|| no_policy(name))?;
            Ok(done("iam", "DeleteRolePolicy"))
        }
        other => Err(Refusal::no_action(other)),
    }
}

/// The role that a call names, if the caller may do this to it.
fn role<'w>(
    world: &'w mut World,
    caller: &Caller,
    call: &super::call::Call,
    action: &str,
) -> Result<&'w mut Existing, Refusal> {
    world.count(action, caller);
    let name = call.required("RoleName")?;
    let account = caller.account();
    let found = world.role_named(&account, name);
    let asked = found.as_ref().map_or_else(
        || format!("arn:aws:iam::{account}:role/{name}"),
        |it| it.arn.to_string(),
    );
    let mut ask = Ask::new(action, &asked);
    if let Some((boundary, _)) = found.and_then(|it| it.boundary.as_ref()) {
        ask.context
            .set("iam:PermissionsBoundary", boundary.as_str());
    }
    decide(world, caller, &ask)?;
    world.role_named(&account, name).ok_or_else(|| {
        let message = format!("The role with name {name} cannot be found.");
        Refusal::new(404, "NoSuchEntity", message)
    })
}

fn put(role: &mut Existing, name: &str, text: &str) -> Result<(), Refusal> {
    let document = Document::read(name, text).map_err(|error| Refusal::malformed(&error))?;
    let others = role.inline.iter().filter(|(it, _)| *it != name);
    let chars: usize = others.map(|(_, it)| counted(&it.text)).sum();
    if chars + counted(text) > INLINE_CHARS_MAX {
        let message = format!("Maximum policy size of {INLINE_CHARS_MAX} bytes exceeded for role");
        return Err(Refusal::new(409, "LimitExceeded", message));
    }
    role.inline.insert(name.to_owned(), document);
    Ok(())
}

fn counted(text: &str) -> usize {
    text.chars().filter(|it| !it.is_whitespace()).count()
}

fn no_policy(name: &str) -> Refusal {
    let message = format!("The role policy with name {name} cannot be found.");
    Refusal::new(404, "NoSuchEntity", message)
}
