//! The schema, and how an older one becomes it: whole, or not at all.

use bailiwick_broker::TRANSITIONS;
use tokio_postgres::{Client, Transaction};

use super::{DatabaseError, count, failed};

/// Each brings the schema from the version that is its place to the next. A released one is never
/// edited.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// Settings of the server without which what it says is committed may be lost.
const DURABLE: [(&str, &str); 2] = [("fsync", "on"), ("full_page_writes", "on")];

/// Brings the schema up to date and takes the name of a replica. Answers with the new epoch.
pub(super) async fn open(client: &mut Client, replica: &str) -> Result<u64, DatabaseError> {
    let broken = |error: tokio_postgres::Error| DatabaseError::Store(failed(&error));
    is_durable(client).await?;
    let transaction = client.transaction().await.map_err(broken)?;
    // Replicas that start together migrate one after the other.
    let alone = "SELECT pg_advisory_xact_lock(4789013251)";
    transaction.execute(alone, &[]).await.map_err(broken)?;
    migrate(&transaction).await?;
    let raised = "UPDATE meta SET epoch = epoch + 1 RETURNING epoch";
    let row = transaction.query_one(raised, &[]).await.map_err(broken)?;
    let epoch: i64 = row.get(0);
    let taken = "INSERT INTO replicas VALUES ($1, $2, clock_timestamp())
        ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, seen = excluded.seen";
    let taken = transaction.execute(taken, &[&replica, &epoch]).await;
    taken.map_err(broken)?;
    transaction.commit().await.map_err(broken)?;
    Ok(count(epoch)?)
}

/// Whether the server keeps what it says it kept.
///
/// # Errors
/// If it does not.
pub(super) async fn is_durable(client: &Client) -> Result<(), DatabaseError> {
    let broken = |error: tokio_postgres::Error| DatabaseError::Store(failed(&error));
    for (setting, wanted) in DURABLE {
        let row = client
            .query_one("SELECT current_setting($1)", &[&setting])
            .await;
        let is: String = row.map_err(broken)?.get(0);
        if is != wanted {
            return Err(DatabaseError::NotDurable {
                setting,
                wanted,
                is,
            });
        }
    }
    Ok(())
}

/// Whether a schema of ours is there, which this release can read.
///
/// # Errors
/// If a newer release made it.
pub(super) async fn is_there(client: &Client) -> Result<bool, DatabaseError> {
    let broken = |error: tokio_postgres::Error| DatabaseError::Store(failed(&error));
    let there = "SELECT to_regclass('bailiwick.version') IS NOT NULL";
    let there = client.query_one(there, &[]).await.map_err(broken)?;
    if !there.get::<_, bool>(0) {
        return Ok(false);
    }
    let found = "SELECT coalesce(max(version), 0) FROM bailiwick.version";
    let found: i32 = client.query_one(found, &[]).await.map_err(broken)?.get(0);
    let known = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    if found > known {
        return Err(DatabaseError::Newer { found, known });
    }
    Ok(true)
}

async fn migrate(transaction: &Transaction<'_>) -> Result<(), DatabaseError> {
    let broken = |error: tokio_postgres::Error| DatabaseError::Store(failed(&error));
    let begin = "CREATE SCHEMA IF NOT EXISTS bailiwick;
        CREATE TABLE IF NOT EXISTS version (version int NOT NULL)";
    transaction.batch_execute(begin).await.map_err(broken)?;
    let found = "SELECT coalesce(max(version), 0) FROM version";
    let found: i32 = transaction
        .query_one(found, &[])
        .await
        .map_err(broken)?
        .get(0);
    let known = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    if found > known {
        return Err(DatabaseError::Newer { found, known });
    }
    let done = usize::try_from(found).unwrap_or_default();
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.batch_execute(migration).await.map_err(broken)?;
    }
    if found < known {
        let insert = "INSERT INTO version VALUES ($1)";
        transaction
            .execute(insert, &[&known])
            .await
            .map_err(broken)?;
    }
    let written = transaction.execute("DELETE FROM transitions", &[]).await;
    written.map_err(broken)?;
    for (from, to) in TRANSITIONS {
        let insert = "INSERT INTO transitions VALUES ($1, $2)";
        let inserted = transaction
            .execute(insert, &[&from.name(), &to.name()])
            .await;
        inserted.map_err(broken)?;
    }
    Ok(())
}
