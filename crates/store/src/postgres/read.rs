//! Rows into what they say.

use std::sync::Arc;

use bailiwick_broker::{
    Scope, State, Stop,
    port::{Answer, Grant, Intent, News, Post, StoreError, Ticket, Which},
};
use bailiwick_ledger::{Chain, Hash, Record, tree::Frontier};
use tokio_postgres::{Client, Row, types::ToSql};

use super::{count, failed, int, kept, query, told};

/// Entries that are read at once, however many were asked for.
const RECORDS_MAX: usize = 10_000;

const GRANT: &str = "id, lineage, agent, owner, task, charter, state, ver, issued_ms, deadline_ms,
    deadline_ms_max, credential_until_ms, ending, uses, body, history, sessions";

pub(super) async fn grant(client: &Client, id: &str) -> Result<Option<Grant>, StoreError> {
    let sql = format!("SELECT {GRANT} FROM grants WHERE id = $1");
    let row = first(client, &sql, &[&kept(id)]).await?;
    row.map(|row| of_row(&row)).transpose()
}

fn of_row(row: &Row) -> Result<Grant, StoreError> {
    let state = |name: &str| {
        let wrong = |_| StoreError::Corrupt(format!("a grant in the state `{name}`"));
        name.parse::<State>().map_err(wrong)
    };
    let lineage: Vec<String> = row.get(1);
    Ok(Grant {
        id: told(row.get(0)),
        lineage: lineage.iter().map(|id| told(id)).collect(),
        agent: told(row.get(2)),
        owner: told(row.get(3)),
        task: told(row.get(4)),
        charter: told(row.get(5)),
        state: state(row.get(6))?,
        ver: count(row.get(7))?,
        issued_ms: count(row.get(8))?,
        deadline_ms: count(row.get(9))?,
        deadline_ms_max: count(row.get(10))?,
        credential_until_ms: count(row.get(11))?,
        ending: row.get::<_, Option<&str>>(12).map(state).transpose()?,
        uses: count(row.get(13))?,
        body: row.get(14),
        history: row.get(15),
        sessions: serde_json::from_str(row.get(16))
            .map_err(|error| StoreError::Corrupt(format!("the sessions of a grant: {error}")))?,
    })
}

pub(super) async fn grants(
    client: &Client,
    which: &Which,
    after: &str,
    limit: usize,
) -> Result<Vec<Arc<Grant>>, StoreError> {
    let (condition, values) = asked(which);
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
    let sql = format!(
        "SELECT {GRANT} FROM grants WHERE {condition} AND id > $1 ORDER BY {order} LIMIT $2"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = kept(after);
    let mut all: Vec<&(dyn ToSql + Sync)> = vec![&after, &limit];
    all.extend(values.iter().map(|value| &**value as &(dyn ToSql + Sync)));
    let rows = query(client, &sql, &all).await?;
    rows.iter().map(|row| of_row(row).map(Arc::new)).collect()
}

type Values = Vec<Box<dyn ToSql + Sync + Send>>;

/// A condition on grants, and its values from the third on.
fn asked(which: &Which) -> (String, Values) {
    match which {
        Which::Live => ("live".into(), vec![]),
        Which::Due { now_ms } => (
            "live AND deadline_ms <= $3".into(),
            vec![Box::new(int(*now_ms))],
        ),
        Which::Spent { now_ms } => (
            "state IN ('revoking', 'orphaned') AND credential_until_ms <= $3".into(),
            vec![Box::new(int(*now_ms))],
        ),
        Which::In(state) => ("state = $3".into(), vec![Box::new(state.name())]),
        Which::Covered(stop) => covered(stop),
        Which::Under(ancestor) => (
            format!("live AND {}", under("$3")),
            vec![Box::new(kept(ancestor))],
        ),
        Which::Outliving => (
            "live AND parent IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM grants AS above WHERE above.id = grants.parent AND above.live)"
                .into(),
            vec![],
        ),
        Which::PinnedElsewhere(charters) => {
            let charters: Vec<String> = charters.iter().map(|charter| kept(charter)).collect();
            (
                "live AND charter <> ALL ($3)".into(),
                vec![Box::new(charters)],
            )
        }
    }
}

fn covered(stop: &Stop) -> (String, Values) {
    let issued = "live AND ($3 OR issued_ms <= $4)";
    let mut values: Values = vec![Box::new(stop.kill), Box::new(int(stop.at_ms))];
    let condition = match &stop.scope {
        Scope::All => issued.to_owned(),
        Scope::Agent(_) => format!("{issued} AND agent = $5"),
        Scope::Owner(_) => format!("{issued} AND owner = $5"),
        Scope::Grant(_) => format!("{issued} AND (id = $5 OR {})", under("$5")),
    };
    if stop.scope != Scope::All {
        values.push(Box::new(kept(stop.scope.parts().1)));
    }
    (condition, values)
}

/// True of what was delegated from a grant, in any number of steps.
fn under(ancestor: &str) -> String {
    format!(
        "id IN (WITH RECURSIVE family (id) AS (
            SELECT id FROM grants WHERE parent = {ancestor}
            UNION SELECT child.id FROM grants AS child JOIN family ON child.parent = family.id)
         SELECT id FROM family)"
    )
}

pub(super) async fn stops(client: &Client) -> Result<Vec<Stop>, StoreError> {
    let sql = "SELECT kind, name, kill, at_ms, by, reason FROM stops";
    let rows = query(client, sql, &[]).await?;
    let stop = |row: &Row| {
        let kind: &str = row.get(0);
        let scope = Scope::of_parts(kind, told(row.get(1)));
        Ok(Stop {
            scope: scope.ok_or_else(|| StoreError::Corrupt(format!("a stop of a `{kind}`")))?,
            kill: row.get(2),
            at_ms: count(row.get(3))?,
            by: told(row.get(4)),
            reason: told(row.get(5)),
        })
    };
    rows.iter().map(stop).collect()
}

pub(super) async fn ticket(client: &Client, hash: Hash) -> Result<Option<Ticket>, StoreError> {
    let sql = "SELECT agent, until_ms FROM tickets WHERE hash = $1";
    let row = first(client, sql, &[&hash.as_bytes().as_slice()]).await?;
    row.map(|row| {
        Ok(Ticket {
            hash,
            agent: told(row.get(0)),
            until_ms: count(row.get(1))?,
        })
    })
    .transpose()
}

pub(super) async fn answer(client: &Client, key: &str) -> Result<Option<Answer>, StoreError> {
    let sql = "SELECT request, body, until_ms FROM answers WHERE key = $1";
    let row = first(client, sql, &[&kept(key)]).await?;
    row.map(|row| {
        Ok(Answer {
            key: key.to_owned(),
            request: hash(row.get(0))?,
            body: row.get(1),
            until_ms: count(row.get(2))?,
        })
    })
    .transpose()
}

pub(super) async fn intents(
    client: &Client,
    condition: &str,
    limit: usize,
) -> Result<Vec<Intent>, StoreError> {
    let sql = format!(
        "SELECT request, grant_id, begun_ms FROM intents WHERE {condition} ORDER BY number LIMIT $1"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = query(client, &sql, &[&limit]).await?;
    let intent = |row: &Row| {
        Ok(Intent {
            request: told(row.get(0)),
            grant: row.get::<_, Option<&str>>(1).map(told),
            begun_ms: count(row.get(2))?,
        })
    };
    rows.iter().map(intent).collect()
}

pub(super) async fn posts(client: &Client, limit: usize) -> Result<Vec<Post>, StoreError> {
    let sql = "SELECT key, body FROM posts ORDER BY number LIMIT $1";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = query(client, sql, &[&limit]).await?;
    let post = |row: &Row| Post {
        key: told(row.get(0)),
        body: row.get(1),
    };
    Ok(rows.iter().map(post).collect())
}

/// What was changed since, and up to where that is known: below the oldest transaction that is under
/// way, nothing more can come. Who has heard nothing yet hears of what comes.
pub(super) async fn news(
    client: &Client,
    since: Option<&str>,
) -> Result<(News, String), StoreError> {
    // One statement, so that both see the same moment.
    let sql = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, transaction::text, grant_id
        FROM (SELECT 1) AS always LEFT JOIN changes ON transaction >= $1::text::xid8
            AND transaction < pg_snapshot_xmin(pg_current_snapshot())";
    let Some(since) = since else {
        let row = first(
            client,
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text",
            &[],
        );
        let row = row.await?;
        let row = row.ok_or_else(|| StoreError::Corrupt("a snapshot of nothing".into()))?;
        // Whatever came before this was asked for the first time may have been missed.
        let news = News {
            ended: Vec::new(),
            stops: Some(stops(client).await?),
        };
        return Ok((news, row.get(0)));
    };
    let rows = query(client, sql, &[&since]).await?;
    let mut now = since.to_owned();
    let mut ended = Vec::new();
    let mut has_stops = false;
    for row in &rows {
        now = row.get(0);
        let is_change = row.get::<_, Option<&str>>(1).is_some();
        match row.get::<_, Option<&str>>(2) {
            Some(grant) => ended.push(told(grant)),
            None => has_stops |= is_change,
        }
    }
    let stops = if has_stops {
        Some(stops(client).await?)
    } else {
        None
    };
    Ok((News { ended, stops }, now))
}

pub(super) async fn records(
    client: &Client,
    from: u64,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let mut prev = match from.checked_sub(1) {
        None => Hash::ZERO,
        Some(before) => {
            let sql = "SELECT hash FROM ledger WHERE seq = $1";
            match first(client, sql, &[&int(before)]).await? {
                Some(row) => hash(row.get(0))?,
                None => return Ok(Vec::new()),
            }
        }
    };
    let sql = "SELECT hash, text FROM ledger WHERE seq >= $1 ORDER BY seq LIMIT $2";
    let limit = i64::try_from(limit.min(RECORDS_MAX)).unwrap_or(i64::MAX);
    let rows = query(client, sql, &[&int(from), &limit]).await?;
    let mut records = Vec::with_capacity(rows.len());
    for (row, seq) in rows.iter().zip(from..) {
        let record = Record::from_text(prev, row.get(1))
            .map_err(|error| StoreError::Corrupt(format!("entry {seq}: {error}")))?;
        if record.seq() != seq || record.hash() != hash(row.get(0))? {
            return Err(StoreError::Corrupt(format!("entry {seq} was changed")));
        }
        prev = record.hash();
        records.push(record);
    }
    Ok(records)
}

pub(super) async fn chain(client: &Client) -> Result<Chain, StoreError> {
    let row = first(client, "SELECT length, head, frontier FROM meta", &[]).await?;
    let lost = || StoreError::Corrupt("the row that says where the ledger ends".into());
    chain_of(&row.ok_or_else(lost)?, 0)
}

/// The end of the ledger from the three columns that tell it.
pub(super) fn chain_of(row: &Row, at: usize) -> Result<Chain, StoreError> {
    let length = count(row.get(at))?;
    let frontier = Frontier::from_bytes(length, row.get(at + 2))
        .ok_or_else(|| StoreError::Corrupt("the tree over the ledger".into()))?;
    Ok(Chain::resume(hash(row.get(at + 1))?, frontier))
}

pub(super) fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    let bytes: Result<[u8; 32], _> = bytes.try_into();
    bytes
        .map(Hash::from)
        .map_err(|_| StoreError::Corrupt("a hash that is none".into()))
}

async fn first(
    client: &Client,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Option<Row>, StoreError> {
    let row = client.query_opt(sql, values).await;
    row.map_err(|error| failed(&error))
}
