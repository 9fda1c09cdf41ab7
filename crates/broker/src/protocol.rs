//! What each step of the broker writes, without doing it.
//!
//! The broker and the model that explores it with crashes use the same functions, so the model
//! cannot be right about something that the broker does not do.

use std::sync::Arc;

use bailiwick_ledger::{Actor, Credential, Entry, Phase};

use crate::{
    SKEW_MS, State,
    port::{Change, Ended, Grant, Intent, MintError, Minted, Op, Refused, Session, Step},
};

/// The entry with what is known of the grant, where it does not say so itself.
pub fn about(mut entry: Entry, grant: &Grant) -> Entry {
    let told = entry.grant.get_or_insert_default();
    told.id.clone_from(&grant.id);
    told.parent = grant.parent().map(str::to_owned);
    told.ver.get_or_insert(grant.ver);
    entry
        .agent
        .get_or_insert_default()
        .id
        .clone_from(&grant.agent);
    entry.owner.get_or_insert_with(|| grant.owner.clone());
    let task = entry.task.get_or_insert_default();
    task.id.clone_from(&grant.task);
    task.charter_hash = Some(grant.charter.clone());
    entry
}

/// A grant opened by a change that says what it costs and what is told of it.
pub fn opened(grant: Grant, mut opening: Change) -> Change {
    for entry in &mut opening.entries {
        *entry = about(std::mem::take(entry), &grant);
    }
    opening.ops.push(Op::Open(Box::new(grant)));
    opening
}

/// The entry of a step. Its event is named by the state that the step leads to, unless it has a
/// name of its own.
pub fn transition(entry: Entry, grant: &Grant, step: &Step) -> Entry {
    let mut entry = about(entry, grant);
    let told = entry.grant.get_or_insert_default();
    told.ver = Some(step.ver + 1);
    told.state_from = Some(grant.state.name().into());
    told.state_to = Some(step.to.name().into());
    told.deadline_ms = Some(step.deadline_ms.unwrap_or(grant.deadline_ms));
    if entry.event.is_empty() {
        entry.event = format!("grant.{}", step.to);
    }
    entry
}

/// What announces an attempt to make a credential, and the grant as it is while that is under way.
///
/// # Errors
/// With the state of a grant that makes none.
pub fn begun(
    grant: &Grant,
    request: &str,
    entry: Entry,
    begun_ms: u64,
    credential_until_ms: u64,
    session: Option<Session>,
) -> Result<(Change, Grant), State> {
    let mut issuing = grant.clone();
    match grant.state {
        State::Approved => issuing.state = State::Issuing,
        // The store confirms that it still is.
        State::Active => {}
        other @ (State::Requested
        | State::PendingApproval
        | State::Issuing
        | State::Suspended
        | State::Revoking
        | State::Completed
        | State::Expired
        | State::Revoked
        | State::Denied
        | State::Cancelled
        | State::Lapsed
        | State::IssueFailed
        | State::Orphaned) => return Err(other),
    }
    // If nobody ever learns the outcome, the grant is kept until even the longest credential is
    // worth nothing.
    issuing.sessions.extend(session);
    let step = Step {
        credential_until_ms: Some(credential_until_ms),
        sessions: Some(issuing.sessions.clone()),
        ..Step::to(issuing.state, grant)
    };
    issuing.ver += 1;
    let entry = Entry {
        phase: Some(Phase::Intent),
        request_id: Some(request.to_owned()),
        ..entry
    };
    let entries = vec![transition(entry, grant, &step)];
    let intent = Intent {
        request: request.to_owned(),
        grant: Some(grant.id.clone()),
        begun_ms,
    };
    let ops = vec![Op::Begin(intent), Op::Step(step)];
    Ok((Change { ops, entries }, issuing))
}

/// What announces and settles at once a credential that this process has made by itself, and the
/// grant as it is then.
///
/// Nobody has seen the credential before this is durable, so no outcome of it can get lost: if the
/// process stops in between, there is neither a credential nor a word of one.
///
/// # Errors
/// With the state of a grant that makes none.
pub fn made(
    grant: &Grant,
    request: &str,
    entry: &Entry,
    now_ms: u64,
    about: Credential,
) -> Result<(Change, Grant), State> {
    let until_ms = about.expires_ms.unwrap_or(grant.deadline_ms_max);
    let (mut change, issuing) = begun(grant, request, entry.clone(), now_ms, until_ms, None)?;
    let minted = Ok(Minted {
        credential: (),
        about,
    });
    let outcome = settled(&issuing, request, entry.clone(), &minted);
    change.ops.extend(outcome.ops);
    // An intent that is settled in the same change was never open.
    change
        .ops
        .retain(|op| !matches!(op, Op::Begin(_) | Op::Settle { .. }));
    change.entries.extend(outcome.entries);
    let active = Grant {
        state: State::Active,
        ver: issuing.ver + 1,
        credential_until_ms: issuing.credential_until_ms.max(until_ms),
        ..issuing
    };
    Ok((change, active))
}

/// What is told of the attempt, and where it leaves the grant.
pub fn settled<C>(
    grant: &Grant,
    request: &str,
    entry: Entry,
    minted: &Result<Minted<C>, MintError>,
) -> Change {
    let mut entry = Entry {
        request_id: Some(request.to_owned()),
        ..entry
    };
    let (phase, outcome, to) = match minted {
        Ok(minted) => {
            entry.credential = Some(minted.about.clone());
            (Phase::Outcome, "ok", State::Active)
        }
        Err(MintError::Refused(_)) => (Phase::Outcome, "failed", State::IssueFailed),
        Err(MintError::Unknown(_)) => (Phase::Timeout, "unknown", State::Orphaned),
    };
    entry.phase = Some(phase);
    entry.outcome = Some(outcome.into());
    if let Err(error) = minted {
        entry.reason_code.get_or_insert_with(|| error.to_string());
    }
    let mut ops = vec![settle(request)];
    let is_first = grant.state == State::Issuing;
    let to = match (minted, is_first) {
        // A later credential that was surely not made leaves the grant, and the earlier
        // credentials, as they are.
        (Err(MintError::Refused(_)), false) if !is_announced(grant, request) => None,
        (Err(MintError::Refused(_)), false) => Some(State::Active),
        (Ok(_) | Err(MintError::Refused(_) | MintError::Unknown(_)), _) => Some(to),
    };
    if let Some(to) = to {
        let until_ms = entry.credential.as_ref().and_then(|made| made.expires_ms);
        let step = Step {
            credential_until_ms: until_ms,
            sessions: Some(sessions_after(grant, request, minted)),
            ..Step::to(to, grant)
        };
        entry = transition(entry, grant, &step);
        ops.push(Op::Step(step));
    } else {
        entry = about(entry, grant);
    }
    // A session that nobody knows of is denied as those of ended grants are.
    if to == Some(State::Orphaned)
        && let Some(ended) = Ended::of(grant)
    {
        ops.push(Op::Post(ended.post()));
    }
    Change {
        ops,
        entries: vec![entry],
    }
}

fn is_announced(grant: &Grant, request: &str) -> bool {
    grant.sessions.iter().any(|session| is_of(session, request))
}

fn is_of(session: &Session, request: &str) -> bool {
    let attempt = session.attempt.as_ref();
    attempt.is_some_and(|attempt| attempt.request == request)
}

/// The sessions of a grant when the outcome of one attempt is known, or will never be.
fn sessions_after<C>(
    grant: &Grant,
    request: &str,
    minted: &Result<Minted<C>, MintError>,
) -> Vec<Session> {
    let mut sessions = grant.sessions.clone();
    let expires_ms = match minted {
        Ok(minted) => minted.about.expires_ms,
        Err(MintError::Refused(_)) => {
            sessions.retain(|session| !is_of(session, request));
            return sessions;
        }
        Err(MintError::Unknown(_)) => return sessions,
    };
    let Some(at) = sessions.iter().position(|session| is_of(session, request)) else {
        return sessions;
    };
    let announced = sessions.remove(at);
    let until_ms = expires_ms.unwrap_or(announced.until_ms);
    let is_same =
        |session: &&mut Session| session.attempt.is_none() && session.role == announced.role;
    // One of a role stands for all that are known: the last to expire.
    match sessions.iter_mut().find(is_same) {
        Some(known) => known.until_ms = known.until_ms.max(until_ms),
        None => sessions.push(Session {
            until_ms,
            attempt: None,
            ..announced
        }),
    }
    sessions
}

/// What is told of an attempt whose fruit is not handed out.
pub fn withheld<C>(
    grant: &Grant,
    request: &str,
    entry: Entry,
    minted: &Result<Minted<C>, MintError>,
    why: &Refused,
) -> Change {
    let entry = Entry {
        phase: Some(Phase::Outcome),
        outcome: Some("withheld".into()),
        reason_code: Some(why.to_string()),
        request_id: Some(request.to_owned()),
        credential: minted.as_ref().ok().map(|minted| minted.about.clone()),
        ..entry
    };
    Change {
        ops: vec![settle(request)],
        entries: vec![about(entry, grant)],
    }
}

/// What is told of an attempt that an earlier process began and did not settle.
pub fn abandoned(intent: &Intent, grant: Option<&Grant>) -> Change {
    let mut ops = vec![settle(&intent.request)];
    let mut entry = Entry {
        phase: Some(Phase::Timeout),
        reason_code: Some("process_stopped".into()),
        request_id: Some(intent.request.clone()),
        ..Entry::of("effect.settled")
    };
    if let Some(grant) = grant {
        entry = about(entry, grant);
        let may_have_made_one =
            grant.state == State::Active && is_announced(grant, &intent.request);
        if grant.state == State::Issuing || may_have_made_one {
            let step = Step::to(State::Orphaned, grant);
            entry = transition(entry, grant, &step);
            ops.push(Op::Step(step));
            ops.extend(Ended::of(grant).map(|ended| Op::Post(ended.post())));
        }
    }
    Change {
        ops,
        entries: vec![entry],
    }
}

fn settle(request: &str) -> Op {
    Op::Settle {
        request: request.to_owned(),
    }
}

/// One use of a grant.
pub fn used(grant: &Grant, history: Vec<u8>, entry: Entry) -> Change {
    Change {
        ops: vec![Op::Use {
            grant: grant.id.clone(),
            uses: grant.uses,
            history,
        }],
        entries: vec![about(entry, grant)],
    }
}

/// Each of the grants on its way to its end, in one change.
pub fn ends(grants: &[Arc<Grant>], ending: State, entry: &Entry) -> Change {
    let mut change = Change::default();
    for grant in grants {
        let to = match grant.state {
            State::Requested | State::PendingApproval | State::Approved => State::Cancelled,
            State::Issuing | State::Active | State::Suspended => State::Revoking,
            State::Revoking
            | State::Completed
            | State::Expired
            | State::Revoked
            | State::Denied
            | State::Cancelled
            | State::Lapsed
            | State::IssueFailed
            | State::Orphaned => continue,
        };
        let step = Step {
            ending: Some(ending),
            ..Step::to(to, grant)
        };
        change.entries.push(transition(entry.clone(), grant, &step));
        change.ops.push(Op::Step(step));
        // One by one or in bulk: whatever ends a grant has its sessions denied.
        let ended = Ended::of(grant).map(|ended| Op::Post(ended.post()));
        change.ops.extend(ended);
    }
    change
}

/// A grant that a sweep found on its way to its end; all the way, if no credential of it can still
/// be good.
pub fn swept(grant: &Arc<Grant>, ending: State, reason: &str, now_ms: u64) -> Change {
    let entry = Entry {
        reason_code: Some(reason.to_owned()),
        actor: Some(Actor {
            kind: "service".into(),
            id: "sweep".into(),
            ..Actor::default()
        }),
        ..Entry::default()
    };
    let mut change = ends(std::slice::from_ref(grant), ending, &entry);
    let begins_to_revoke = |op: &Op| matches!(op, Op::Step(step) if step.to == State::Revoking);
    if is_spent(grant, now_ms) && change.ops.iter().any(begins_to_revoke) {
        let revoking = Grant {
            state: State::Revoking,
            ver: grant.ver + 1,
            ending: Some(ending),
            ..Grant::clone(grant)
        };
        last_step(&mut change, &revoking, entry);
    }
    change
}

/// The end of a grant that only waited for its last credential to lapse.
pub fn lapsed(grant: &Grant) -> Change {
    let mut change = Change::default();
    last_step(&mut change, grant, Entry::default());
    change
}

/// Whether no credential of the grant can still be good, whatever the clock of its judge.
pub fn is_spent(grant: &Grant, now_ms: u64) -> bool {
    grant.credential_until_ms <= now_ms.saturating_sub(SKEW_MS)
}

fn last_step(change: &mut Change, grant: &Grant, entry: Entry) {
    let to = match (grant.state, grant.ending) {
        (State::Revoking, Some(ending)) => ending,
        _ => State::Revoked,
    };
    let step = Step::to(to, grant);
    change.entries.push(transition(entry, grant, &step));
    change.ops.push(Op::Step(step));
}
