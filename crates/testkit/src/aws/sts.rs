//! Sessions: made, narrowed, and named.

use bailiwick_iam::arn::Arn;
use bailiwick_iam::request::Context;

use super::Reply;
use super::call::Call;
use super::decide::{Ask, decide};
use super::refusal::{Refusal, answered, escaped};
use super::time;
use super::verify::Received;
use super::world::{Caller, Document, Session, World};

const POLICY_CHARS_MAX: usize = 2_048;
const CHAINED_SECS_MAX: i64 = 3_600;
const SCOPED_MAX: u32 = 3;

pub(super) fn answer(world: &mut World, received: &Received) -> Result<Reply, Refusal> {
    let caller = received.caller(world)?;
    let call = received.call("2011-06-15")?;
    world.count(&format!("sts:{}", call.action()), &caller);
    match call.action() {
        "AssumeRole" => assume_role(world, &caller, &call),
        "GetScopedCredentials" => scope_down(world, &caller, &call),
        "GetCallerIdentity" => {
            let result = format!(
                "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
                caller.arn(),
                caller.user_id,
                caller.account()
            );
            Ok(answered("sts", "GetCallerIdentity", &result))
        }
        other => Err(Refusal::no_action(other)),
    }
}

// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
fn assume_role(world: &mut World, caller: &Caller, call: &Call) -> Result<Reply, Refusal> {
    let text = call.required("RoleArn")?;
    let arn: Arn = text
        .parse()
        .map_err(|_| Refusal::validation("RoleArn is no ARN"))?;
    let name = named(call.required("RoleSessionName")?)?;
    let (tags, transitive) = tags(caller, call)?;
    let source_identity = source_identity(caller, call)?;
    let secs = call.number("DurationSeconds")?.unwrap_or(3_600);
    let session = Session {
        role: arn,
        name: name.to_owned(),
        source_identity,
        tags,
        transitive,
        issued: world.now(),
        expires: world.now().saturating_add(secs),
        policies: policy(call)?.into_iter().collect(),
        scoped: 0,
    };
    may_assume(world, caller, call, &session)?;
    let role = world.role(&session.role);
    let role = role.ok_or_else(|| Refusal::denied(&caller.arn(), "sts:AssumeRole", text))?;
    let longest = i64::from(role.max_session_secs);
    if !(900..=43_200).contains(&secs) || secs > longest {
        return Err(Refusal::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    if caller.session.is_some() && secs > CHAINED_SECS_MAX {
        return Err(Refusal::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    let id = format!("{}:{name}", role.id);
    let user = format!(
        "<AssumedRoleUser><AssumedRoleId>{id}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser>",
        session_arn(&session)
    );
    let result = user + &source(&session) + &credentials(world, session);
    Ok(answered("sts", "AssumeRole", &result))
}

/// The caller must be allowed each part, and the role must let it.
fn may_assume(
    world: &World,
    caller: &Caller,
    call: &Call,
    session: &Session,
) -> Result<(), Refusal> {
    let trust = world.role(&session.role).map(|role| role.trust.clone());
    let mut context = Context::default().with("sts:RoleSessionName", session.name.as_str());
    let mut actions = vec!["sts:AssumeRole"];
    if let Some(identity) = &session.source_identity {
        context.set("sts:SourceIdentity", identity.as_str());
        actions.push("sts:SetSourceIdentity");
    }
    if let Some(id) = call.get("ExternalId") {
        context.set("sts:ExternalId", id);
    }
    if !session.tags.is_empty() {
        actions.push("sts:TagSession");
        let keys: Vec<String> = session.tags.iter().map(|(key, _)| key.clone()).collect();
        context.set("aws:TagKeys", keys);
        context.set("sts:TransitiveTagKeys", session.transitive.clone());
        for (key, value) in &session.tags {
            context.set(format!("aws:RequestTag/{key}"), value.as_str());
        }
    }
    for action in actions {
        let mut ask = Ask::new(action, session.role.as_str());
        ask.trust.clone_from(&trust);
        ask.context = context.clone();
        decide(world, caller, &ask)?;
    }
    Ok(())
}

// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html
fn scope_down(world: &mut World, caller: &Caller, call: &Call) -> Result<Reply, Refusal> {
    let session = caller.session.as_ref().ok_or_else(|| {
        let message = "The calling credentials are not those of a session";
        Refusal::new(400, "InvalidSubjectCredentials", message.to_owned())
    })?;
    decide(world, caller, &Ask::new("sts:GetScopedCredentials", "*"))?;
    let (policy, secs) = (policy(call)?, call.number("DurationSeconds")?);
    if policy.is_none() && secs.is_none() {
        return Err(Refusal::validation(
            "Policy or DurationSeconds must be given",
        ));
    }
    let mut scoped = session.clone();
    if let Some(secs) = secs {
        if !(1..=129_600).contains(&secs) {
            return Err(Refusal::validation(
                "DurationSeconds must be within 1 to 129600",
            ));
        }
        scoped.expires = world.now() + secs;
    }
    if scoped.expires > session.expires {
        let message = "DurationSeconds is greater than the remaining lifetime of the session";
        return Err(Refusal::new(
            400,
            "InsufficientSessionLifetime",
            message.to_owned(),
        ));
    }
    if let Some(policy) = policy {
        if session.scoped == SCOPED_MAX {
            let action = "sts:GetScopedCredentials";
            return Err(Refusal::denied(&caller.arn(), action, "*"));
        }
        scoped.policies.push(policy);
        scoped.scoped += 1;
    }
    let info = format!(
        "<SessionInfo><ScopedSessionId>{}</ScopedSessionId><Arn>{}</Arn></SessionInfo>\
         <ScopedPoliciesCount>{}</ScopedPoliciesCount>",
        caller.user_id,
        session_arn(&scoped),
        scoped.scoped
    );
    let result = info + &source(&scoped) + &credentials(world, scoped);
    Ok(answered("sts", "GetScopedCredentials", &result))
}

fn named(text: &str) -> Result<&str, Refusal> {
    let taken = |it: char| it.is_ascii_alphanumeric() || "_+=,.@-".contains(it);
    if (2..=64).contains(&text.len()) && text.chars().all(taken) {
        return Ok(text);
    }
    Err(Refusal::validation(format!(
        "Member must satisfy regular expression pattern: {text}"
    )))
}

fn policy(call: &Call) -> Result<Option<Document>, Refusal> {
    let Some(text) = call.get("Policy") else {
        return Ok(None);
    };
    if text.chars().count() > POLICY_CHARS_MAX {
        return Err(Refusal::validation(
            "Policy must have length less than or equal to 2048",
        ));
    }
    let document = Document::read("session", text);
    document
        .map(Some)
        .map_err(|error| Refusal::malformed(&error))
}

/// Once set, it stays along the chain.
fn source_identity(caller: &Caller, call: &Call) -> Result<Option<String>, Refusal> {
    let asked = call.get("SourceIdentity").map(named).transpose()?;
    let inherited = caller
        .session
        .as_ref()
        .and_then(|it| it.source_identity.as_deref());
    match (inherited, asked) {
        (Some(inherited), Some(asked)) if inherited != asked => Err(Refusal::denied(
            &caller.arn(),
            "sts:SetSourceIdentity",
            asked,
        )),
        (Some(identity), _) | (None, Some(identity)) => Ok(Some(identity.to_owned())),
        (None, None) => Ok(None),
    }
}

type Tags = (Vec<(String, String)>, Vec<String>);

/// The tags that are asked for, and those that come along.
fn tags(caller: &Caller, call: &Call) -> Result<Tags, Refusal> {
    let (keys, values) = (call.members("Tags", ".Key"), call.members("Tags", ".Value"));
    if keys.len() != values.len() || keys.len() > 50 {
        return Err(Refusal::validation(
            "Tags must be at most 50, each with a key and a value",
        ));
    }
    let mut transitive: Vec<String> = Vec::new();
    let mut tags: Vec<(String, String)> = Vec::new();
    if let Some(session) = &caller.session {
        let passed_on = |key: &str| {
            session
                .transitive
                .iter()
                .any(|it| it.eq_ignore_ascii_case(key))
        };
        tags.extend(
            session
                .tags
                .iter()
                .filter(|(key, _)| passed_on(key))
                .cloned(),
        );
        transitive.clone_from(&session.transitive);
    }
    for (key, value) in keys.into_iter().zip(values) {
        let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        let is_new = tags.iter().all(|(it, _)| !it.eq_ignore_ascii_case(key));
        if !fits || !is_new {
            return Err(Refusal::validation(format!("The tag {key} cannot be set")));
        }
        tags.push((key.to_owned(), value.to_owned()));
    }
    for key in call.members("TransitiveTagKeys", "") {
        if tags.iter().all(|(it, _)| !it.eq_ignore_ascii_case(key)) {
            return Err(Refusal::validation(format!(
                "{key} is transitive and no tag"
            )));
        }
        transitive.push(key.to_owned());
    }
    Ok((tags, transitive))
}

fn session_arn(session: &Session) -> String {
    let role = &session.role;
    format!(
        "arn:{}:sts::{}:assumed-role/{}/{}",
        role.partition(),
        role.account(),
        role.resource_name(),
        session.name
    )
}

fn source(session: &Session) -> String {
    let element =
        |identity: &String| format!("<SourceIdentity>{}</SourceIdentity>", escaped(identity));
    session
        .source_identity
        .as_ref()
        .map(element)
        .unwrap_or_default()
}

fn credentials(world: &mut World, session: Session) -> String {
    let expires = time::written(session.expires);
    let (key, token) = world.issue(session);
    format!(
        "<Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{expires}</Expiration></Credentials>",
        key.id, key.secret
    )
}
