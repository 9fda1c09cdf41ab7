//! Rows into what they say.

use std::sync::Arc;

use bailiwick_broker::{
    Scope, State, Stop,
    port::{Answer, Grant, Intent, Post, Session, StoreError, Ticket, Which},
};
use bailiwick_ledger::{Chain, Hash, Record, tree::Frontier};
use rusqlite::{
    Connection, OptionalExtension as _, Params, Row, ToSql, params,
    types::{FromSqlError, Type},
};

use super::failed;

/// Entries that are read at once, however many were asked for.
const RECORDS_MAX: usize = 10_000;

const GRANT: &str = "id, lineage, agent, owner, task, charter, state, ver, issued_ms, deadline_ms,
    deadline_ms_max, credential_until_ms, ending, uses, body, history, sessions";

pub(super) fn grant(connection: &Connection, id: &str) -> Result<Option<Grant>, StoreError> {
    grant_row(connection, id).map_err(|error| unreadable(&error))
}

pub(super) fn grant_row(connection: &Connection, id: &str) -> rusqlite::Result<Option<Grant>> {
    let sql = format!("SELECT {GRANT} FROM grants WHERE id = ?1");
    connection
        .prepare_cached(&sql)?
        .query_row([id], of_row)
        .optional()
}

fn of_row(row: &Row<'_>) -> rusqlite::Result<Grant> {
    let lineage: String = row.get(1)?;
    let state: String = row.get(6)?;
    let ending: Option<String> = row.get(12)?;
    let sessions: String = row.get(16)?;
    Ok(Grant {
        id: row.get(0)?,
        lineage: serde_json::from_str(&lineage).map_err(|error| wrong(1, error))?,
        agent: row.get(2)?,
        owner: row.get(3)?,
        task: row.get(4)?,
        charter: row.get(5)?,
        state: state.parse().map_err(|error| wrong(6, error))?,
        ver: row.get(7)?,
        issued_ms: row.get(8)?,
        deadline_ms: row.get(9)?,
        deadline_ms_max: row.get(10)?,
        credential_until_ms: row.get(11)?,
        ending: ending
            .map(|ending| ending.parse::<State>())
            .transpose()
            .map_err(|error| wrong(12, error))?,
        uses: row.get(13)?,
        body: row.get(14)?,
        history: row.get(15)?,
        sessions: serde_json::from_str(&sessions).map_err(|error| wrong(16, error))?,
    })
}

fn wrong(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

/// The ids as a JSON list. Writing strings as JSON cannot fail.
pub(super) fn lineage_text(lineage: &[String]) -> String {
    serde_json::Value::from(lineage).to_string()
}

/// The sessions as a JSON list. Writing texts and numbers as JSON cannot fail.
pub(super) fn sessions_text(sessions: &[Session]) -> String {
    serde_json::to_string(sessions).unwrap_or_else(|_| "[]".to_owned())
}

pub(super) fn grants(
    connection: &Connection,
    which: &Which,
    after: &str,
    limit: usize,
) -> Result<Vec<Arc<Grant>>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // What a sweep asks for comes as its index has it: a hundred thousand are not sorted to end some.
    let order = match which {
        Which::Due { .. } => "deadline_ms",
        Which::Spent { .. } => "credential_until_ms",
        Which::Live
        | Which::Covered(_)
        | Which::In(_)
        | Which::Under(_)
        | Which::Outliving
        | Which::PinnedElsewhere(_) => "id",
    };
    let list = |condition: &str, values: &[&dyn ToSql]| {
        let sql = format!(
            "SELECT {GRANT} FROM grants WHERE {condition} AND id > ?1 ORDER BY {order} LIMIT ?2"
        );
        let mut all: Vec<&dyn ToSql> = vec![&after, &limit];
        all.extend(values);
        rows(connection, &sql, all.as_slice(), of_row)
    };
    let found = match which {
        Which::Live => list("live = 1", &[]),
        Which::Due { now_ms } => list("live = 1 AND deadline_ms <= ?3", &[now_ms]),
        Which::Spent { now_ms } => list(
            "state IN ('revoking', 'orphaned') AND credential_until_ms <= ?3",
            &[now_ms],
        ),
        Which::In(state) => list("state = ?3", &[&state.name()]),
        Which::Covered(stop) => {
            let issued = "live = 1 AND (?3 OR issued_ms <= ?4)";
            let (_, name) = stop.scope.parts();
            match stop.scope {
                Scope::All => list(issued, &[&stop.kill, &stop.at_ms]),
                Scope::Agent(_) => list(
                    &format!("{issued} AND agent = ?5"),
                    &[&stop.kill, &stop.at_ms, &name],
                ),
                Scope::Owner(_) => list(
                    &format!("{issued} AND owner = ?5"),
                    &[&stop.kill, &stop.at_ms, &name],
                ),
                Scope::Grant(_) => list(
                    &format!("{issued} AND (id = ?5 OR {})", under("?5")),
                    &[&stop.kill, &stop.at_ms, &name],
                ),
            }
        }
        Which::Under(ancestor) => list(&format!("live = 1 AND {}", under("?3")), &[ancestor]),
        Which::Outliving => list(
            "live = 1 AND parent IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM grants AS above WHERE above.id = grants.parent AND above.live = 1)",
            &[],
        ),
        Which::PinnedElsewhere(charters) => list(
            "live = 1 AND charter NOT IN (SELECT value FROM json_each(?3))",
            &[&lineage_text(charters)],
        ),
    };
    Ok(found?.into_iter().map(Arc::new).collect())
}

/// True of what was delegated from a grant, in any number of steps. A line of delegation is short:
/// each step is a grant within its parent's time and rights.
fn under(ancestor: &str) -> String {
    format!(
        "id IN (WITH RECURSIVE family (id) AS (
            SELECT id FROM grants WHERE parent = {ancestor}
            UNION SELECT child.id FROM grants AS child JOIN family ON child.parent = family.id)
         SELECT id FROM family)"
    )
}

pub(super) fn stops(connection: &Connection) -> Result<Vec<Stop>, StoreError> {
    let sql = "SELECT kind, name, kill, at_ms, by, reason FROM stops";
    rows(connection, sql, [], |row| {
        let kind: String = row.get(0)?;
        let scope = Scope::of_parts(&kind, row.get(1)?);
        Ok(Stop {
            scope: scope.ok_or(FromSqlError::InvalidType)?,
            kill: row.get(2)?,
            at_ms: row.get(3)?,
            by: row.get(4)?,
            reason: row.get(5)?,
        })
    })
}

pub(super) fn ticket(connection: &Connection, hash: Hash) -> Result<Option<Ticket>, StoreError> {
    let sql = "SELECT agent, until_ms FROM tickets WHERE hash = ?1";
    first(connection, sql, params![hash.as_bytes()], |row| {
        Ok(Ticket {
            hash,
            agent: row.get(0)?,
            until_ms: row.get(1)?,
        })
    })
}

pub(super) fn answer(connection: &Connection, key: &str) -> Result<Option<Answer>, StoreError> {
    let sql = "SELECT request, body, until_ms FROM answers WHERE key = ?1";
    first(connection, sql, [key], |row| {
        Ok(Answer {
            key: key.to_owned(),
            request: Hash::from(row.get::<_, [u8; 32]>(0)?),
            body: row.get(1)?,
            until_ms: row.get(2)?,
        })
    })
}

pub(super) fn intents(connection: &Connection, limit: usize) -> Result<Vec<Intent>, StoreError> {
    let sql = "SELECT request, grant_id, begun_ms FROM intents ORDER BY rowid LIMIT ?1";
    rows(
        connection,
        sql,
        [i64::try_from(limit).unwrap_or(i64::MAX)],
        |row| {
            Ok(Intent {
                request: row.get(0)?,
                grant: row.get(1)?,
                begun_ms: row.get(2)?,
            })
        },
    )
}

pub(super) fn posts(connection: &Connection, limit: usize) -> Result<Vec<Post>, StoreError> {
    let sql = "SELECT key, body FROM posts ORDER BY rowid LIMIT ?1";
    rows(
        connection,
        sql,
        [i64::try_from(limit).unwrap_or(i64::MAX)],
        |row| {
            Ok(Post {
                key: row.get(0)?,
                body: row.get(1)?,
            })
        },
    )
}

pub(super) fn records(
    connection: &Connection,
    from: u64,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let before = from.checked_sub(1);
    let mut prev = match before {
        None => Hash::ZERO,
        Some(before) => {
            let sql = "SELECT hash FROM ledger WHERE seq = ?1";
            let hash = first(connection, sql, [before], |row| row.get::<_, [u8; 32]>(0))?;
            match hash {
                Some(hash) => Hash::from(hash),
                None => return Ok(Vec::new()),
            }
        }
    };
    let sql = "SELECT hash, text FROM ledger WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
    let limit = i64::try_from(limit.min(RECORDS_MAX)).unwrap_or(i64::MAX);
    let texts = rows(connection, sql, params![from, limit], |row| {
        Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, String>(1)?))
    })?;
    let mut records = Vec::with_capacity(texts.len());
    for ((hash, text), seq) in texts.into_iter().zip(from..) {
        let record = Record::from_text(prev, &text)
            .map_err(|error| StoreError::Corrupt(format!("entry {seq}: {error}")))?;
        if record.seq() != seq || *record.hash().as_bytes() != hash {
            return Err(StoreError::Corrupt(format!("entry {seq} was changed")));
        }
        prev = record.hash();
        records.push(record);
    }
    Ok(records)
}

pub(super) fn chain(connection: &Connection) -> Result<Chain, StoreError> {
    let sql = "SELECT length, head, frontier FROM meta";
    let (length, head, frontier): (u64, [u8; 32], Vec<u8>) = first(connection, sql, [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?
    .ok_or_else(|| StoreError::Corrupt("the row that says where the ledger ends".into()))?;
    let frontier = Frontier::from_bytes(length, &frontier)
        .ok_or_else(|| StoreError::Corrupt("the tree over the ledger".into()))?;
    Ok(Chain::resume(Hash::from(head), frontier))
}

pub(super) fn generation(connection: &Connection) -> Result<u64, StoreError> {
    let found = first(connection, "SELECT generation FROM meta", [], |row| {
        row.get(0)
    })?;
    found.ok_or_else(|| StoreError::Corrupt("the row that says which generation this is".into()))
}

pub(super) fn first<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    let found = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(values, read).optional());
    found.map_err(|error| unreadable(&error))
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let found = connection.prepare_cached(sql).and_then(|mut statement| {
        statement
            .query_map(values, read)
            .and_then(Iterator::collect)
    });
    found.map_err(|error| unreadable(&error))
}

fn unreadable(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => StoreError::Corrupt(error.to_string()),
        other => failed(other),
    }
}
