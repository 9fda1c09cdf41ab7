//! One PostgreSQL for many replicas.
//!
//! Every batch of every replica begins by locking the one row that says where the ledger ends, and
//! holds it until it commits. So all writing is serial, whoever writes: there is one chain without
//! gaps, budgets are exact, and rules over several rows need no stronger isolation than the default.
//! A batch takes five round trips, however many changes are in it.
//!
//! Whatever gives no answer within [`WITHIN`] is a denial. A commit that was cut off may have been
//! made all the same: nothing is released on it.

mod apart;
mod batch;
mod link;
mod read;
mod schema;
mod seen;
mod tree;

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bailiwick_broker::{
    Stop,
    port::{
        Answer, Change, Dated, Grant, Intent, Lease, News, Outcome, Post, Store, StoreError,
        Ticket, Which,
    },
};
use bailiwick_ledger::{Chain, Hash, Record};
use tokio::sync::Mutex;
use tokio_postgres::{Client, types::ToSql};

pub use self::apart::Apart;
use self::link::{Link, Listener};
pub use self::{
    link::{Database, DatabaseError},
    seen::Seen,
};

/// A database that has not answered by then is out of reach.
const WITHIN: Duration = Duration::from_secs(2);

/// A replica that was not heard of for so long is taken for dead: what it had begun and not settled
/// is settled by the others, as something whose outcome nobody knows.
const DEAD_AFTER: &str = "15 seconds";

/// How long a lease lasts, as PostgreSQL reads it.
fn lease_lasts() -> String {
    format!("{} seconds", Lease::LASTS_FOR.as_secs())
}

/// Who has a lease is not asked again before: to ask is a write, whatever the answer.
const LEASE_ASKED_EVERY: Duration = Duration::from_secs(2);

/// A store in a PostgreSQL database, as one replica sees it.
#[derive(Debug)]
pub struct Postgres {
    writer: Link,
    /// Short reads; they share the connection.
    reader: Link,
    /// Lists, which would hold up the short ones.
    lister: Link,
    replica: String,
    epoch: u64,
    as_of_ms: AtomicU64,
    heard: Mutex<Option<String>>,
    listener: Listener,
    /// The leases that were asked for, and when; `None`: another had it.
    leases: Mutex<BTreeMap<&'static str, (Option<Lease>, Instant)>>,
    apart_max: Option<Duration>,
}

impl Postgres {
    /// Opens the store in a database and brings its schema up to date. Whoever opened it under the
    /// same name before is fenced off; replicas of other names go on.
    ///
    /// # Errors
    /// If it cannot be reached, or a newer release made its schema.
    pub async fn open(database: &Database, replica: &str) -> Result<Self, DatabaseError> {
        let writer = database.link();
        let epoch = schema::open(&mut *writer.client().await?, replica).await?;
        Ok(Self {
            writer,
            reader: database.link(),
            lister: database.link(),
            replica: replica.to_owned(),
            epoch,
            as_of_ms: AtomicU64::new(0),
            heard: Mutex::new(None),
            listener: database.listener(),
            leases: Mutex::default(),
            apart_max: database.apart_max(),
        })
    }

    async fn heard_since(&self, client: &Client) -> Result<Option<News>, StoreError> {
        let mut heard = self.heard.lock().await;
        // A batch says so too, and more often where there are any.
        let seen = "UPDATE replicas SET seen = clock_timestamp() WHERE name = $1 AND epoch = $2
            AND seen < clock_timestamp() - interval '1 second'";
        let epoch = int(self.epoch);
        query(client, seen, &[&self.replica, &epoch]).await?;
        // All that is below the oldest transaction under way is there to be read, and no more of it
        // will come.
        let (news, now) = read::news(client, heard.as_deref()).await?;
        *heard = Some(now);
        Ok(Some(news))
    }
}

/// An answer of the database, within the time that there is.
async fn within<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let answer = tokio::time::timeout(WITHIN, answer).await;
    answer.unwrap_or_else(|_| {
        let waited = WITHIN.as_secs();
        Err(StoreError::Unavailable(format!("no answer in {waited} s")))
    })
}

impl Store for Postgres {
    async fn commit(&self, changes: Vec<Change>, now_ms: u64) -> Result<Vec<Outcome>, StoreError> {
        let writer = batch::Writer {
            replica: &self.replica,
            epoch: self.epoch,
            now_ms,
            begun: Instant::now(),
            apart_max: self.apart_max,
        };
        let written = within(async {
            let mut client = self.writer.client().await?;
            writer.write(&mut client, changes).await
        });
        let outcomes = match written.await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                // Half a transaction may hang on it.
                self.writer.drop_client().await;
                return Err(error);
            }
        };
        self.as_of_ms.fetch_max(now_ms, Ordering::AcqRel);
        Ok(outcomes)
    }

    async fn grant(&self, id: &str) -> Result<Dated<Option<Arc<Grant>>>, StoreError> {
        let as_of_ms = self.as_of_ms.load(Ordering::Acquire);
        let value = self
            .reader
            .ask(|client| async move { read::grant(&client, id).await });
        Ok(Dated {
            value: value.await?.map(Arc::new),
            as_of_ms,
        })
    }

    async fn grants(
        &self,
        which: Which,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Arc<Grant>>, StoreError> {
        let after = after.unwrap_or_default();
        self.lister
            .ask(|client| async move { read::grants(&client, &which, after, limit).await })
            .await
    }

    async fn stops(&self) -> Result<Dated<Vec<Stop>>, StoreError> {
        let as_of_ms = self.as_of_ms.load(Ordering::Acquire);
        let value = self
            .reader
            .ask(|client| async move { read::stops(&client).await });
        Ok(Dated {
            value: value.await?,
            as_of_ms,
        })
    }

    async fn ticket(&self, hash: Hash) -> Result<Option<Ticket>, StoreError> {
        self.reader
            .ask(|client| async move { read::ticket(&client, hash).await })
            .await
    }

    async fn answer(&self, key: &str) -> Result<Option<Answer>, StoreError> {
        self.reader
            .ask(|client| async move { read::answer(&client, key).await })
            .await
    }

    async fn intents(&self, limit: usize) -> Result<Vec<Intent>, StoreError> {
        self.lister
            .ask(|client| async move { read::intents(&client, "true", limit).await })
            .await
    }

    async fn abandoned(&self, limit: usize) -> Result<Vec<Intent>, StoreError> {
        let dead = format!(
            "NOT EXISTS (SELECT 1 FROM replicas WHERE replicas.epoch = intents.epoch
                AND seen > clock_timestamp() - interval '{DEAD_AFTER}')"
        );
        self.lister
            .ask(|client| async move { read::intents(&client, &dead, limit).await })
            .await
    }

    async fn news(&self) -> Result<Option<News>, StoreError> {
        self.reader
            .ask(|client| async move { self.heard_since(&client).await })
            .await
    }

    async fn stirred(&self) {
        self.listener.stirred().await;
    }

    async fn lease(&self, what: &'static str) -> Result<Option<Lease>, StoreError> {
        let mut leases = self.leases.lock().await;
        if let Some((lease, asked)) = leases.get(what)
            && asked.elapsed() < LEASE_ASKED_EVERY
        {
            return Ok(*lease);
        }
        leases.remove(what);
        let asked = Instant::now();
        let take = "SELECT take_lease($1, $2, $3, $4::text::interval)";
        let (epoch, lasts) = (int(self.epoch), lease_lasts());
        let term = self.reader.ask(|client| async move {
            query(&client, take, &[&what, &self.replica, &epoch, &lasts]).await
        });
        let term = term.await?;
        let term = term.first().and_then(|row| row.get::<_, Option<i64>>(0));
        let term = term.map(count).transpose()?;
        let lease = term.map(|term| Lease { what, term });
        leases.insert(what, (lease, asked));
        Ok(lease)
    }

    async fn give_back(&self, lease: Lease) -> Result<(), StoreError> {
        self.leases.lock().await.remove(lease.what);
        let end = "UPDATE leases SET until = clock_timestamp()
            WHERE what = $1 AND holder = $2 AND term = $3";
        let (holder, term) = (int(self.epoch), int(lease.term));
        let given = self
            .reader
            .ask(|client| async move { query(&client, end, &[&lease.what, &holder, &term]).await });
        given.await.map(drop)
    }

    async fn posts(&self, limit: usize) -> Result<Vec<Post>, StoreError> {
        self.lister
            .ask(|client| async move { read::posts(&client, limit).await })
            .await
    }

    async fn records(&self, from: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.lister
            .ask(|client| async move { read::records(&client, from, limit).await })
            .await
    }

    async fn chain(&self) -> Result<Chain, StoreError> {
        self.reader
            .ask(|client| async move { read::chain(&client).await })
            .await
    }

    async fn inclusion(&self, seq: u64, size: u64) -> Result<Vec<Hash>, StoreError> {
        self.lister
            .ask(|client| async move { tree::inclusion(&client, seq, size).await })
            .await
    }

    async fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, StoreError> {
        self.lister
            .ask(|client| async move { tree::consistency(&client, old, new).await })
            .await
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }
}

/// The rows of a statement.
async fn query(
    client: &Client,
    sql: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<tokio_postgres::Row>, StoreError> {
    let rows = client.query(sql, values).await;
    rows.map_err(|error| failed(&error))
}

fn failed(error: &tokio_postgres::Error) -> StoreError {
    let said = error.as_db_error().map_or_else(
        || error.to_string(),
        |said| format!("{} ({})", said.message(), said.code().code()),
    );
    StoreError::Unavailable(said)
}

/// No number of ours is beyond 63 bits.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that is never negative in what we wrote.
fn count(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Corrupt(format!("the number {number}")))
}

/// PostgreSQL keeps no NUL in a text: one is written as `\0`, and `\` as `\\`.
fn kept(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\0', "\\0")
}

/// A text as it was before [`kept`].
fn told(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        told.push(match letter {
            '\\' => match letters.next() {
                Some('0') => '\0',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_as_it_was_and_none_as_another() {
        let texts = ["", "a", "\0", "\\0", "\\", "\\\\0", "a\0\\\0", "\\\0"];
        for text in texts {
            assert!(!kept(text).contains('\0'));
            assert_eq!(told(&kept(text)), text);
        }
        let all: std::collections::BTreeSet<String> = texts.iter().map(|text| kept(text)).collect();
        assert_eq!(all.len(), texts.len());
    }
}
