//! What can be seen of a database without becoming a replica of it.

use std::time::Instant;

use bailiwick_broker::{
    SystemClock,
    port::{Clock as _, StoreError},
};

use super::{Apart, Database, DatabaseError, Postgres, count, query, schema};

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The clocks.
    pub apart: Apart,
    /// Entries of the ledger; `None`: no daemon has opened it yet.
    pub entries: Option<u64>,
    /// Replicas that were heard of a moment ago.
    pub alive: Vec<String>,
}

impl Postgres {
    /// Looks at a database, and changes nothing.
    ///
    /// # Errors
    /// If it cannot be reached, does not keep what it says it kept, or a newer release made its
    /// schema.
    pub async fn look(database: &Database) -> Result<Seen, DatabaseError> {
        let client = database
            .link()
            .ask(|client| async move { Ok(client) })
            .await?;
        schema::is_durable(&client).await?;
        let here_ms = SystemClock::new().now_ms();
        let asked = Instant::now();
        let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let there_ms = count(one(&query(&client, now, &[]).await?)?)?;
        let apart = Apart::between(here_ms, there_ms, asked.elapsed());
        let (mut entries, mut alive) = (None, Vec::new());
        if schema::is_there(&client).await? {
            let length = query(&client, "SELECT length FROM meta", &[]).await?;
            entries = Some(count(one(&length)?)?);
            let seen = "SELECT name FROM replicas
                WHERE seen > clock_timestamp() - interval '5 seconds' ORDER BY name";
            let rows = query(&client, seen, &[]).await?;
            alive = rows.iter().map(|row| row.get(0)).collect();
        }
        Ok(Seen {
            apart,
            entries,
            alive,
        })
    }
}

fn one(rows: &[tokio_postgres::Row]) -> Result<i64, StoreError> {
    let row = rows.first().map(|row| row.get(0));
    row.ok_or_else(|| StoreError::Corrupt("an answer without a row".into()))
}
