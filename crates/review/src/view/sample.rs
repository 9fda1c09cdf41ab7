//! Concrete names for what a pattern or an ARN format leaves open.

use bailiwick_iam::{access::resources_meet, arn::AccountId};
use bailiwick_iam_catalog::{Action, Catalog};

use super::View;
use crate::escalation::glob;

/// The region of requests where nothing names another.
const REGION: &str = "us-east-1";

/// Whether a pattern stands for more than one name.
pub(crate) fn is_wild(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// One name that the pattern matches, in `account`; `None` where a policy variable stands in it that
/// only a request can fill.
pub(crate) fn instance(pattern: &str, account: AccountId) -> Option<String> {
    let pattern = pattern.replace("${aws:PrincipalAccount}", account.as_str());
    let literal = pattern
        .replace("${*}", "*")
        .replace("${?}", "?")
        .replace("${$}", "$");
    if literal != pattern {
        return Some(literal);
    }
    if pattern.contains("${") {
        return None;
    }
    let parts: Vec<_> = pattern.splitn(6, ':').collect();
    let filled = |at: usize, part: &str| match (at, part) {
        (1, "*") => "aws".to_owned(),
        (3, "*") => REGION.to_owned(),
        (4, "*") => account.to_string(),
        _ => part.replace('*', "any").replace('?', "x"),
    };
    let filled: Vec<_> = parts
        .iter()
        .enumerate()
        .map(|(at, part)| filled(at, part))
        .collect();
    Some(filled.join(":"))
}

impl View<'_> {
    /// A resource of the kind that the action works on, which no policy names on purpose: `*` where
    /// it works on none.
    pub(crate) fn any_resource(&self, action: Action<'_>, account: AccountId) -> String {
        let mut uses: Vec<_> = action.resources().collect();
        uses.sort_by_key(|it| !it.required());
        let format = uses
            .first()
            .and_then(|it| it.resource_type().arn_formats().next());
        format.map_or_else(|| "*".to_owned(), |format| fill(format.as_str(), account))
    }

    /// Whether the ARN has a form that the action takes.
    pub(crate) fn works_on(&self, action: &str, arn: &str) -> bool {
        self.catalog.action(action).is_ok_and(|action| {
            action
                .resources()
                .flat_map(|it| it.resource_type().arn_formats())
                .any(|format| {
                    let slashes = |text: &str| text.matches('/').count();
                    // A bucket's format would match an object's ARN by its wildcard.
                    let deep_enough = slashes(format.as_str()) <= slashes(arn)
                        && (slashes(format.as_str()) > 0) == (slashes(arn) > 0);
                    deep_enough && glob::matches(&format.pattern(), arn)
                })
        })
    }
}

/// Whether the action could be asked for on a resource that the pattern matches; so it is taken where
/// the catalog or a variable leaves it open.
pub(crate) fn could_work_on(catalog: &Catalog<'_>, action: &str, pattern: &str) -> bool {
    let Ok(action) = catalog.action(action) else {
        return true;
    };
    let mut formats = action
        .resources()
        .flat_map(|it| it.resource_type().arn_formats())
        .peekable();
    if formats.peek().is_none() || pattern.contains("${") {
        return true;
    }
    formats.any(|format| {
        // A bucket's format would match an object's ARN by its wildcard.
        let is_deeper = pattern.contains('/') && !format.as_str().contains('/');
        !is_deeper && resources_meet(pattern, &format.pattern())
    })
}

/// Each variable of an ARN format becomes a name that says what it stands for: `any-bucketname`.
fn fill(format: &str, account: AccountId) -> String {
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        match variable {
            "Partition" => text.push_str("aws"),
            "Region" => text.push_str(REGION),
            "Account" => text.push_str(account.as_str()),
            other => {
                text.push_str("any-");
                text.push_str(&other.to_ascii_lowercase());
            }
        }
        rest = after;
    }
    text.push_str(rest);
    text.replace('*', "any")
}
