//! What each op is in SQL. A condition is part of the statement that writes; why it did not hold is
//! only asked afterwards.

use bailiwick_broker::{
    Scope, State, Stop,
    port::{Grant, Op, Refused, Step},
};
use rusqlite::{Connection, OptionalExtension as _, Result, named_params, params};

use super::read;

/// True of a grant that a stop covers: three looks into the key of the stops, however many there are.
macro_rules! stopped {
    ($grant:literal) => {
        concat!(
            "(EXISTS (SELECT 1 FROM stops WHERE kind = 'all' AND name = '' AND (kill OR ",
            $grant,
            ".issued_ms <= at_ms)) OR EXISTS (SELECT 1 FROM stops WHERE kind = 'agent' AND name = ",
            $grant,
            ".agent AND (kill OR ",
            $grant,
            ".issued_ms <= at_ms)) OR EXISTS (SELECT 1 FROM stops WHERE kind = 'owner' AND name = ",
            $grant,
            ".owner AND (kill OR ",
            $grant,
            ".issued_ms <= at_ms)))"
        )
    };
}

/// True of a grant if all it was delegated from are active, in time and not stopped. The time is
/// `:now`.
macro_rules! upheld {
    () => {
        concat!(
            "(grants.parent IS NULL OR NOT EXISTS (SELECT 1 FROM json_each(grants.lineage) AS line
                LEFT JOIN grants AS above ON above.id = line.value
                WHERE above.id IS NULL OR above.state <> 'active' OR above.deadline_ms <= :now OR ",
            stopped!("above"),
            "))"
        )
    };
}

pub(super) fn op(connection: &Connection, op: Op, now_ms: u64) -> Result<Result<(), Refused>> {
    match op {
        Op::Open(grant) => open(connection, &grant, now_ms),
        Op::Step(step) => take_step(connection, &step, now_ms),
        Op::Use {
            grant,
            uses,
            history,
        } => use_once(connection, &grant, uses, &history, now_ms),
        Op::SetStop(stop) => set_stop(connection, &stop).map(Ok),
        Op::ClearKill { scope, at_ms } => {
            let (kind, name) = scope.parts();
            let sql =
                "UPDATE stops SET kill = 0, at_ms = max(at_ms, ?3) WHERE kind = ?1 AND name = ?2";
            connection
                .prepare_cached(sql)?
                .execute(params![kind, name, at_ms])?;
            Ok(Ok(()))
        }
        Op::PutTicket(ticket) => {
            let sql = "INSERT INTO tickets VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            let values = params![ticket.hash.as_bytes(), ticket.agent, ticket.until_ms];
            let rows = connection.prepare_cached(sql)?.execute(values)?;
            Ok(one(rows, Refused::Exists))
        }
        Op::TakeTicket(hash) => {
            let sql = "DELETE FROM tickets WHERE hash = ?1 AND until_ms > ?2";
            let values = params![hash.as_bytes(), now_ms];
            let rows = connection.prepare_cached(sql)?.execute(values)?;
            Ok(one(rows, Refused::Ticket))
        }
        Op::Once {
            space,
            value,
            until_ms,
        } => {
            let sql = "INSERT INTO seen VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            let values = params![space, value.as_bytes(), until_ms];
            let rows = connection.prepare_cached(sql)?.execute(values)?;
            Ok(one(rows, Refused::Seen))
        }
        Op::PutAnswer(answer) => {
            let sql = "INSERT INTO answers VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
            let request = answer.request.as_bytes();
            let values = params![answer.key, request, answer.body, answer.until_ms];
            let rows = connection.prepare_cached(sql)?.execute(values)?;
            Ok(one(rows, Refused::Exists))
        }
        Op::Begin(intent) => {
            let sql = "INSERT INTO intents VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            let values = params![intent.request, intent.grant, intent.begun_ms];
            let rows = connection.prepare_cached(sql)?.execute(values)?;
            Ok(one(rows, Refused::Exists))
        }
        Op::Settle { request } => {
            let sql = "DELETE FROM intents WHERE request = ?1";
            let rows = connection.prepare_cached(sql)?.execute([request])?;
            Ok(one(rows, Refused::NoIntent))
        }
        Op::Post(post) => {
            let sql = "INSERT INTO posts VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            let values = params![post.key, post.body];
            connection.prepare_cached(sql)?.execute(values)?;
            Ok(Ok(()))
        }
        Op::Posted { key } => {
            let sql = "DELETE FROM posts WHERE key = ?1";
            connection.prepare_cached(sql)?.execute([key])?;
            Ok(Ok(()))
        }
        Op::Hold(lease) => {
            let sql = "SELECT count(*) FROM meta WHERE epoch = ?1";
            let rows: usize = connection
                .prepare_cached(sql)?
                .query_row([lease.term], |row| row.get(0))?;
            Ok(one(rows, Refused::NotHeld))
        }
    }
}

fn one(rows: usize, otherwise: Refused) -> Result<(), Refused> {
    if rows == 1 { Ok(()) } else { Err(otherwise) }
}

fn use_once(
    connection: &Connection,
    id: &str,
    uses: u64,
    history: &[u8],
    now_ms: u64,
) -> Result<Result<(), Refused>> {
    let sql = concat!(
        "UPDATE grants SET uses = uses + 1, history = :history WHERE id = :id AND uses = :uses
         AND state = 'active' AND deadline_ms > :now AND NOT ",
        stopped!("grants"),
        " AND ",
        upheld!()
    );
    let values = named_params! { ":id": id, ":uses": uses, ":history": history, ":now": now_ms };
    if connection.prepare_cached(sql)?.execute(values)? == 1 {
        return Ok(Ok(()));
    }
    let Some(grant) = read::grant_row(connection, id)? else {
        return Ok(Err(Refused::NoGrant));
    };
    if grant.state != State::Active {
        return Ok(Err(Refused::State { is: grant.state }));
    }
    if let Err(refused) = usable(connection, &grant, now_ms)? {
        return Ok(Err(refused));
    }
    Ok(Err(Refused::Uses { is: grant.uses }))
}

fn take_step(connection: &Connection, step: &Step, now_ms: u64) -> Result<Result<(), Refused>> {
    let to_use = matches!(step.to, State::Issuing | State::Active);
    let sql = concat!(
        "UPDATE grants SET state = :to, ver = ver + 1,
            deadline_ms = coalesce(:deadline, deadline_ms),
            credential_until_ms = max(credential_until_ms, :until),
            ending = coalesce(:ending, ending),
            sessions = coalesce(:sessions, sessions)
         WHERE id = :id AND ver = :ver
         AND EXISTS (SELECT 1 FROM transitions WHERE from_state = state AND to_state = :to)
         AND coalesce(:deadline, deadline_ms) <= deadline_ms_max
         AND (NOT :to_use OR (deadline_ms > :now AND NOT ",
        stopped!("grants"),
        " AND ",
        upheld!(),
        "))"
    );
    let values = named_params! {
        ":to": step.to.name(),
        ":deadline": step.deadline_ms,
        ":until": step.credential_until_ms.unwrap_or_default(),
        ":ending": step.ending.map(State::name),
        ":sessions": step.sessions.as_deref().map(read::sessions_text),
        ":id": step.grant,
        ":ver": step.ver,
        ":to_use": to_use,
        ":now": now_ms,
    };
    if connection.prepare_cached(sql)?.execute(values)? == 1 {
        return Ok(Ok(()));
    }
    let Some(grant) = read::grant_row(connection, &step.grant)? else {
        return Ok(Err(Refused::NoGrant));
    };
    if grant.ver != step.ver {
        return Ok(Err(Refused::Version { is: grant.ver }));
    }
    if !grant.state.may_become(step.to) {
        return Ok(Err(Refused::State { is: grant.state }));
    }
    if to_use && let Err(refused) = usable(connection, &grant, now_ms)? {
        return Ok(Err(refused));
    }
    Ok(Err(Refused::Deadline))
}

/// Why a grant that is kept may not be used now, where it is not for its state.
fn usable(connection: &Connection, grant: &Grant, now_ms: u64) -> Result<Result<(), Refused>> {
    if let Err(refused) = usable_alone(connection, grant, now_ms)? {
        return Ok(Err(refused));
    }
    let sql = concat!("SELECT 1 FROM grants WHERE id = :id AND ", upheld!());
    let values = named_params! { ":id": grant.id, ":now": now_ms };
    if connection.prepare_cached(sql)?.exists(values)? {
        return Ok(Ok(()));
    }
    Ok(Err(Refused::Parent))
}

fn usable_alone(
    connection: &Connection,
    grant: &Grant,
    now_ms: u64,
) -> Result<Result<(), Refused>> {
    let sql = "SELECT 1 FROM stops WHERE (kill OR ?1 <= at_ms) AND ((kind = 'all' AND name = '')
        OR (kind = 'agent' AND name = ?2) OR (kind = 'owner' AND name = ?3))";
    let values = params![grant.issued_ms, grant.agent, grant.owner];
    if connection.prepare_cached(sql)?.exists(values)? {
        return Ok(Err(Refused::Stopped));
    }
    if now_ms >= grant.deadline_ms {
        return Ok(Err(Refused::Deadline));
    }
    Ok(Ok(()))
}

fn open(connection: &Connection, grant: &Grant, now_ms: u64) -> Result<Result<(), Refused>> {
    if !grant.state.may_begin() {
        return Ok(Err(Refused::State { is: grant.state }));
    }
    if grant.ver == 0 {
        return Ok(Err(Refused::NoVersion));
    }
    if grant.deadline_ms > grant.deadline_ms_max {
        return Ok(Err(Refused::Deadline));
    }
    if let Err(refused) = usable_alone(connection, grant, now_ms)? {
        return Ok(Err(refused));
    }
    if let Some(parent) = grant.parent() {
        let Some(parent) = read::grant_row(connection, parent)? else {
            return Ok(Err(Refused::Parent));
        };
        let above = grant.lineage.split_last().map(|(_, above)| above);
        let fits = parent.state == State::Active
            && grant.deadline_ms_max <= parent.deadline_ms
            && above == Some(parent.lineage.as_slice())
            && usable(connection, &parent, now_ms)?.is_ok();
        if !fits {
            return Ok(Err(Refused::Parent));
        }
    }
    insert(connection, grant)
}

fn insert(connection: &Connection, grant: &Grant) -> Result<Result<(), Refused>> {
    let sql = "INSERT INTO grants (id, parent, lineage, agent, owner, task, charter, state, ver,
            issued_ms, deadline_ms, deadline_ms_max, credential_until_ms, ending, uses, body, history,
            sessions)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
        ON CONFLICT (id) DO NOTHING";
    let values = params![
        grant.id,
        grant.parent(),
        read::lineage_text(&grant.lineage),
        grant.agent,
        grant.owner,
        grant.task,
        grant.charter,
        grant.state.name(),
        grant.ver,
        grant.issued_ms,
        grant.deadline_ms,
        grant.deadline_ms_max,
        grant.credential_until_ms,
        grant.ending.map(State::name),
        grant.uses,
        grant.body,
        grant.history,
        read::sessions_text(&grant.sessions),
    ];
    let rows = connection.prepare_cached(sql)?.execute(values)?;
    Ok(one(rows, Refused::Exists))
}

fn set_stop(connection: &Connection, stop: &Stop) -> Result<()> {
    if matches!(stop.scope, Scope::Grant(_)) {
        return Ok(());
    }
    let (kind, name) = stop.scope.parts();
    let before = "SELECT kill, at_ms FROM stops WHERE kind = ?1 AND name = ?2";
    let before: Option<(bool, u64)> = connection
        .prepare_cached(before)?
        .query_row([kind, name], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (kill, at_ms) = before.unwrap_or_default();
    let sql = "INSERT OR REPLACE INTO stops VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![
        kind,
        name,
        stop.kill || kill,
        stop.at_ms.max(at_ms),
        stop.by,
        stop.reason
    ];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}
