//! The session policy of one grant: its task, its parameters, its end.

use std::collections::BTreeMap;

use bailiwick_iam::arn::AccountId;
use bailiwick_iam::policy::{Policy, Test};
use serde::Serialize;

use super::CompileError;
use super::closure::{account_of, kinds};
use super::outlive::admits;
use super::role::within;
use super::statement::{Rights, deny, length, policy, where_key};
use crate::bind::{BindError, Bindings};
use crate::charter::{Charter, Mode, Task};
use crate::name::TaskName;
use crate::template::{Part, ResourceTemplate};

/// What STS takes as session policy, in characters.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub const SESSION_POLICY_LENGTH_MAX: usize = 2_048;

/// As errors call it.
pub(crate) const SESSION: &str = "session policy";

/// What a session could make its successor with. A grant ends; so does all that came of it.
const SUCCESSORS: [&str; 6] = [
    "bedrock-agentcore:GetWorkloadAccessToken*",
    "iam:*",
    "sts:AssumeRole*",
    "sts:GetFederationToken",
    "sts:GetScopedCredentials",
    "sts:GetWebIdentityToken",
];

/// Whether no session of an agent may call this action, declared or not.
#[must_use]
pub fn is_denied_to_agents(action: &str) -> bool {
    SUCCESSORS.iter().any(|pattern| admits(pattern, action))
}

/// The moment from which a session may do nothing, in whole seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Deadline(u64);

/// Why a grant has no session policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("the task reads and writes nothing in the account {account}")]
    Nothing { account: AccountId },
    #[error(
        "the session policy has {length} characters and STS takes {SESSION_POLICY_LENGTH_MAX}; split the task, or shorten its list of resources"
    )]
    TooLong { length: usize },
}

impl Deadline {
    /// `None` after the year 9999, which no clock that is right can mean.
    #[must_use]
    pub fn of_unix_seconds(seconds: u64) -> Option<Self> {
        const YEAR_10000: u64 = 253_402_300_800;
        (seconds < YEAR_10000).then_some(Self(seconds))
    }

    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        self.0
    }
}

impl std::fmt::Display for Deadline {
    /// As IAM reads dates: `2026-11-26T22:58:00Z`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (days, second) = (self.0 / 86_400, self.0 % 86_400);
        // Years of 365.2425 days that begin on 1 March 0000, so that the leap day stands last.
        // https://howardhinnant.github.io/date_algorithms.html#civil_from_days
        let days = days + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (month, later) = if month < 10 {
            (month + 3, 0)
        } else {
            (month - 9, 1)
        };
        let year = era * 400 + year_of_era + later;
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z",
            second % 60
        )
    }
}

/// What one grant may do in one account: its task's reads and writes with the parameters bound,
/// until the deadline, and nothing by which it could outlive it.
///
/// The deadline is a denial, because a resource policy that names the session is not limited by a
/// right that is merely missing. `home` is the account of resources whose ARN names none.
///
/// # Errors
///
/// When a parameter cannot be bound, the task has no rights in the account, or the policy is longer
/// than STS takes. Nothing is dropped to fit.
pub fn session_policy(
    task: &Task,
    bindings: &Bindings,
    account: AccountId,
    home: AccountId,
    deadline: Deadline,
) -> Result<Policy, SessionError> {
    let mut rights = Rights::default();
    for (_, reach) in kinds(task) {
        for resource in &reach.resources {
            if account_of(reach, resource.account(), home) == account {
                rights.add(reach.actions.iter().cloned(), [resource.bind(bindings)?]);
            }
        }
    }
    if rights.is_empty() {
        return Err(SessionError::Nothing { account });
    }
    let session = within_deadline(&rights, deadline);
    let length = length(&session);
    if length > SESSION_POLICY_LENGTH_MAX {
        return Err(SessionError::TooLong { length });
    }
    Ok(session)
}

fn within_deadline(rights: &Rights, deadline: Deadline) -> Policy {
    let mut statements = rights.unnamed();
    let over = deny(None, ["*"]);
    let date = deadline.to_string();
    statements.push(where_key(
        over,
        Test::DateGreaterThanEquals,
        "aws:CurrentTime",
        [date],
    ));
    statements.push(deny(None, SUCCESSORS));
    policy(statements)
}

/// The policy that a grant will carry in one account, before its parameters and its end are known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionTemplate {
    /// How long it is with the shortest of values, of [`SESSION_POLICY_LENGTH_MAX`].
    pub characters: usize,
    /// How many characters the values may have together, each as often as it stands here.
    pub room: usize,
    /// Each parameter stands as `${name}`, and the end as the year 1970.
    pub policy: Policy,
}

/// What each task of a brokered agent will be granted, by account.
///
/// # Errors
///
/// When a session policy is longer than STS takes, whatever the values.
pub(crate) fn templates(
    charter: &Charter,
    home: AccountId,
) -> Result<BTreeMap<TaskName, BTreeMap<AccountId, SessionTemplate>>, CompileError> {
    let mut templates = BTreeMap::new();
    if charter.mode == Mode::Standing {
        return Ok(templates);
    }
    for (name, task) in &charter.tasks {
        let written = by_account(task, Some(home), |resource| resource.to_string());
        let least = by_account(task, Some(home), |resource| filled(resource, 1));
        let mut sessions = BTreeMap::new();
        for ((account, written), least) in written.into_iter().zip(least.values()) {
            let characters = length(&within_deadline(least, Deadline(0)));
            within(
                SESSION,
                &charter.task_role_name(),
                characters,
                SESSION_POLICY_LENGTH_MAX,
                "split the task, or shorten its list of resources",
            )?;
            let template = SessionTemplate {
                characters,
                room: SESSION_POLICY_LENGTH_MAX - characters,
                policy: within_deadline(&written, Deadline(0)),
            };
            sessions.insert(account.unwrap_or(home), template);
        }
        templates.insert(name.clone(), sessions);
    }
    Ok(templates)
}

/// How long the longest session policy of a task is, over the accounts it works in, when every
/// parameter has a value of so many plain characters.
pub(crate) fn session_length(task: &Task, home: Option<AccountId>, value_length: usize) -> usize {
    let by_account = by_account(task, home, |resource| filled(resource, value_length));
    let of = |rights: &Rights| length(&within_deadline(rights, Deadline(0)));
    by_account.values().map(of).max().unwrap_or_default()
}

/// The rights of a task in each account, with its resources spelled so.
fn by_account(
    task: &Task,
    home: Option<AccountId>,
    spelled: impl Fn(&ResourceTemplate) -> String,
) -> BTreeMap<Option<AccountId>, Rights> {
    let mut by_account: BTreeMap<Option<AccountId>, Rights> = BTreeMap::new();
    for (_, reach) in kinds(task) {
        for resource in &reach.resources {
            let written = resource.account().and_then(|account| account.parse().ok());
            let account = written.or(reach.account).or(home);
            let rights = by_account.entry(account).or_default();
            rights.add(reach.actions.iter().cloned(), [spelled(resource)]);
        }
    }
    by_account
}

fn filled(resource: &ResourceTemplate, value_length: usize) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Parameter(_) => "x".repeat(value_length),
    };
    resource.parts().iter().map(part).collect()
}
