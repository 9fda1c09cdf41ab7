//! Which subjects, resources or actions: a page at a time.

use std::sync::Arc;

use bailiwick_authority::{
    json::Value,
    policies::{Found, Members, Search},
};
use bailiwick_broker::port::Change;
use bailiwick_ledger::{Action, Entry, Hash};
use serde_json::json;

use super::{deed, member, party, properties};
use crate::{
    front::{Asked, Reply},
    gateway::{Gateway, World},
    problem::{Kind, Problem},
};

/// Results on one page, and where no limit is asked for.
const PAGE_MAX: u64 = 1_000;

pub(crate) async fn search_subject<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let subject = asked.body.get("subject");
    let kind = member(subject, "type");
    let search = Search::Subject {
        kind,
        properties: properties(subject),
        action: deed(asked.body.get("action")),
        resource: party(asked.body.get("resource")),
    };
    answer(
        gateway,
        asked,
        &search,
        |id| json!({ "type": kind, "id": id }),
    )
    .await
}

pub(crate) async fn search_resource<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let resource = asked.body.get("resource");
    let kind = member(resource, "type");
    let search = Search::Resource {
        kind,
        properties: properties(resource),
        subject: party(asked.body.get("subject")),
        action: deed(asked.body.get("action")),
    };
    answer(
        gateway,
        asked,
        &search,
        |id| json!({ "type": kind, "id": id }),
    )
    .await
}

pub(crate) async fn search_action<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
) -> Result<Reply, Problem> {
    let search = Search::Action {
        subject: party(asked.body.get("subject")),
        resource: party(asked.body.get("resource")),
    };
    answer(gateway, asked, &search, |name| json!({ "name": name })).await
}

async fn answer<W: World>(
    gateway: &Arc<Gateway<W>>,
    asked: &Asked,
    search: &Search<'_>,
    told: impl Fn(&str) -> serde_json::Value,
) -> Result<Reply, Problem> {
    let page = asked.body.get("page");
    let wanted = match page.and_then(|page| page.get("limit")) {
        Some(Value::Long(limit)) => u64::try_from(*limit).unwrap_or(PAGE_MAX),
        Some(_) | None => PAGE_MAX,
    };
    let limit = usize::try_from(wanted.clamp(1, PAGE_MAX)).unwrap_or(1);
    let query = query(asked);
    let after = match member(page, "token") {
        "" => None,
        token => Some(after(token, &query)?),
    };
    let context = asked.body.get("context").and_then(Value::record);
    let found = find(gateway, search, context, after.as_deref(), limit)?;
    record(gateway, asked, search).await?;
    let results: Vec<_> = found.ids.iter().map(|id| told(id)).collect();
    let mut body = json!({ "results": results });
    if let (Some(body), true) = (body.as_object_mut(), page.is_some() || found.more) {
        let last = found.ids.last().filter(|_| found.more);
        let next = last.map(|last| token(last, &query)).unwrap_or_default();
        body.insert(
            "page".into(),
            json!({ "next_token": next, "count": found.ids.len() }),
        );
    }
    Ok(Reply::json(&body))
}

/// Where no policies are loaded, nothing is found.
fn find<W: World>(
    gateway: &Gateway<W>,
    search: &Search<'_>,
    context: Option<&Members>,
    after: Option<&str>,
    limit: usize,
) -> Result<Found, Problem> {
    let rules = gateway.rules();
    let Some(policies) = &rules.policies else {
        return Ok(Found::default());
    };
    let found = policies.search(search, context, after, limit);
    found.map_err(|error| Problem::new(Kind::Refused, error.to_string()).because("too_many"))
}

/// A search tells who may do what, so it is recorded before it is answered.
async fn record<W: World>(
    gateway: &Gateway<W>,
    asked: &Asked,
    search: &Search<'_>,
) -> Result<(), Problem> {
    let named = |kind: &str, id: &str| format!("{kind}::{id}");
    let (subject, action, resource) = match search {
        Search::Subject {
            kind,
            action,
            resource,
            ..
        } => (
            named(kind, "*"),
            Some(action.name),
            named(resource.kind, resource.id),
        ),
        Search::Resource {
            kind,
            subject,
            action,
            ..
        } => (
            named(subject.kind, subject.id),
            Some(action.name),
            named(kind, "*"),
        ),
        Search::Action { subject, resource } => (
            named(subject.kind, subject.id),
            None,
            named(resource.kind, resource.id),
        ),
    };
    let entry = Entry {
        on_behalf_of: Some(subject),
        action: Some(Action {
            tool: action.map(str::to_owned),
            resource: Some(resource),
            ..Action::default()
        }),
        ..asked.entry("search")
    };
    let change = Change {
        ops: Vec::new(),
        entries: vec![entry],
    };
    let recorded = gateway.broker.record(change, ()).await;
    recorded
        .map_err(|error| crate::kill::not_recorded(&error))?
        .into_value();
    Ok(())
}

/// What a page belongs to: the same search, whatever the page.
fn query(asked: &Asked) -> String {
    let mut members = asked.body.record().cloned().unwrap_or_default();
    members.remove("page");
    let text = Value::Record(members).canonical();
    let hash = Hash::of(&[asked.route.path.as_bytes(), b"\0", text.as_bytes()]).to_string();
    hash.get(..16).unwrap_or_default().to_owned()
}

fn token(last: &str, query: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    BASE64.encode(format!("{query}{last}"))
}

fn after(token: &str, query: &str) -> Result<String, Problem> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    let bytes = BASE64.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let last = text.as_deref().and_then(|text| text.strip_prefix(query));
    last.map(str::to_owned).ok_or_else(|| {
        let detail = "the token is of a page of another search; ask for the first page again";
        Problem::new(Kind::Malformed, detail).at("/page/token")
    })
}
