//! The one thread that writes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use bailiwick_broker::port::{Change, Outcome, Place, Refused, StoreError};
use bailiwick_ledger::{Chain, Record, Stamp};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use crate::LEVELS_APART;

use super::{Failure, Faults, Moment, OpenError, Settings, apply, failed, read};

/// Batches that may wait for the thread. The broker sends one and waits for it.
const WAITING_MAX: usize = 16;

/// What lapsed is deleted at most once in so many milliseconds, and so many rows at once.
const TIDY_EVERY_MS: u64 = 1_000;

type Reply = oneshot::Sender<Result<Vec<Outcome>, StoreError>>;

struct Job {
    changes: Vec<Change>,
    now_ms: u64,
    reply: Reply,
}

/// The thread, seen from outside.
#[derive(Debug)]
pub(super) struct Writer {
    // `None` once it is told to stop.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    epoch: u64,
    as_of_ms: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(connection: Connection, settings: Settings) -> Result<Self, OpenError> {
        let sql = "UPDATE meta SET epoch = epoch + 1 RETURNING epoch";
        let epoch: u64 = connection.query_row(sql, [], |row| row.get(0))?;
        let chain = read::chain(&connection)?;
        let as_of_ms = Arc::new(AtomicU64::new(0));
        let mut at_work = AtWork {
            connection,
            chain: Some(chain),
            stamp: Stamp {
                epoch,
                time_ms: 0,
                replica: settings.replica,
            },
            faults: settings.faults,
            broken: None,
            tidied_ms: 0,
            as_of_ms: Arc::clone(&as_of_ms),
        };
        let (jobs, mut waiting) = mpsc::channel::<Job>(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("ledger-writer".into())
            .spawn(move || {
                while let Some(job) = waiting.blocking_recv() {
                    let outcomes = at_work.commit(job.changes, job.now_ms);
                    // Whoever went away meanwhile needs no answer.
                    let _ = job.reply.send(outcomes);
                }
            });
        let thread = thread.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            epoch,
            as_of_ms,
        })
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn as_of_ms(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.as_of_ms)
    }

    pub(super) async fn commit(
        &self,
        changes: Vec<Change>,
        now_ms: u64,
    ) -> Result<Vec<Outcome>, StoreError> {
        let gone = || StoreError::Broken("the thread that writes is gone".into());
        let (reply, outcomes) = oneshot::channel();
        let job = Job {
            changes,
            now_ms,
            reply,
        };
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).await.map_err(|_| gone())?;
        outcomes.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked, it said so, and every commit since was refused.
            let _ = thread.join();
        }
    }
}

struct AtWork {
    connection: Connection,
    /// `None` after a failure: the database is asked again what it has.
    chain: Option<Chain>,
    stamp: Stamp,
    faults: Faults,
    broken: Option<StoreError>,
    tidied_ms: u64,
    as_of_ms: Arc<AtomicU64>,
}

impl AtWork {
    fn commit(&mut self, changes: Vec<Change>, now_ms: u64) -> Result<Vec<Outcome>, StoreError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        self.stamp.time_ms = now_ms;
        let written = self.write(changes);
        match written {
            Ok((outcomes, chain)) => {
                self.chain = Some(chain);
                self.as_of_ms.fetch_max(now_ms, Ordering::AcqRel);
                Ok(outcomes)
            }
            Err(error) => {
                self.chain = None;
                let for_good = matches!(
                    error,
                    StoreError::Broken(_) | StoreError::Fenced { .. } | StoreError::Corrupt(_)
                );
                if for_good {
                    tracing::error!(%error, "the store writes nothing more until it is started again");
                    self.broken = Some(error.clone());
                }
                Err(error)
            }
        }
    }

    fn write(&mut self, changes: Vec<Change>) -> Result<(Vec<Outcome>, Chain), StoreError> {
        inject(&self.faults, Moment::Begin)?;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| failed(&error))?;
        let mut chain = match self.chain.take() {
            Some(chain) => chain,
            None => read::chain(&transaction)?,
        };
        let mut batch = Batch {
            transaction: &transaction,
            stamp: &self.stamp,
        };
        batch.check_epoch(&chain)?;
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            outcomes.push(batch.apply(change, &mut chain)?);
            inject(&self.faults, Moment::Applied)?;
        }
        batch.write_head(&chain)?;
        if self.stamp.time_ms >= self.tidied_ms + TIDY_EVERY_MS {
            batch.tidy()?;
            self.tidied_ms = self.stamp.time_ms;
        }
        inject(&self.faults, Moment::BeforeCommit)?;
        let before_it_was_flushed = inject(&self.faults, Moment::Commit);
        // A flush that failed may have been written all the same.
        transaction.commit().map_err(|error| failed(&error))?;
        before_it_was_flushed?;
        inject(&self.faults, Moment::AfterCommit)?;
        Ok((outcomes, chain))
    }
}

fn inject(faults: &Faults, moment: Moment) -> Result<(), StoreError> {
    let at = || format!("made to fail at {moment:?}");
    match faults.at(moment) {
        None => Ok(()),
        Some(Failure::Passing) => Err(StoreError::Unavailable(at())),
        Some(Failure::Disk) => Err(StoreError::Broken(at())),
    }
}

/// One transaction under way.
struct Batch<'t> {
    transaction: &'t Transaction<'t>,
    stamp: &'t Stamp,
}

impl Batch<'_> {
    /// Nobody else has opened the database, and nobody else has written to the ledger.
    fn check_epoch(&self, chain: &Chain) -> Result<(), StoreError> {
        let sql = "SELECT epoch, length FROM meta";
        let mut statement = self.prepare(sql)?;
        let (current, length): (u64, u64) = statement
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(|error| failed(&error))?;
        let ours = self.stamp.epoch;
        if current != ours {
            return Err(StoreError::Fenced { ours, current });
        }
        if length != chain.len() {
            let expected = chain.len();
            return Err(StoreError::Corrupt(format!(
                "the ledger has {length} entries, and {expected} were written"
            )));
        }
        Ok(())
    }

    fn apply(&mut self, change: Change, chain: &mut Chain) -> Result<Outcome, StoreError> {
        // Sealed first: an entry that cannot be written must refuse the change before it acts.
        let mut next = chain.clone();
        let mut nodes = Vec::new();
        let sealed: Result<Vec<Record>, _> = change
            .entries
            .iter()
            .map(|entry| {
                next.append_seeing(entry, self.stamp, |level, place, hash| {
                    if level % LEVELS_APART == 0 {
                        nodes.push((level, place, hash));
                    }
                })
            })
            .collect();
        let records = match sealed {
            Ok(records) => records,
            Err(error) => return Ok(Err(Refused::Entry(error.to_string()))),
        };
        if let Err(refused) = self.apply_ops(change.ops)? {
            return Ok(Err(refused));
        }
        let mut insert = self.prepare("INSERT INTO ledger VALUES (?1, ?2, ?3)")?;
        let mut places = Vec::with_capacity(records.len());
        for record in &records {
            let (seq, hash) = (record.seq(), record.hash());
            insert
                .execute(params![seq, hash.as_bytes(), record.text()])
                .map_err(|error| failed(&error))?;
            places.push(Place { seq, hash });
        }
        let mut insert = self.prepare("INSERT INTO nodes VALUES (?1, ?2, ?3)")?;
        for (level, place, hash) in nodes {
            insert
                .execute(params![level, place, hash.as_bytes()])
                .map_err(|error| failed(&error))?;
        }
        *chain = next;
        Ok(Ok(places))
    }

    /// All of them or none. One alone is so by itself.
    fn apply_ops(
        &self,
        ops: Vec<bailiwick_broker::port::Op>,
    ) -> Result<Result<(), Refused>, StoreError> {
        let several = ops.len() > 1;
        let now_ms = self.stamp.time_ms;
        if several {
            self.run("SAVEPOINT change")?;
        }
        for op in ops {
            let refused = match apply::op(self.transaction, op, now_ms) {
                Ok(Ok(())) => continue,
                Ok(Err(refused)) => refused,
                Err(error) => return Err(failed(&error)),
            };
            if several {
                self.run("ROLLBACK TO change")?;
                self.run("RELEASE change")?;
            }
            return Ok(Err(refused));
        }
        if several {
            self.run("RELEASE change")?;
        }
        Ok(Ok(()))
    }

    fn write_head(&self, chain: &Chain) -> Result<(), StoreError> {
        let sql = "UPDATE meta SET length = ?1, head = ?2, frontier = ?3";
        let head = chain.head();
        let values = params![chain.len(), head.as_bytes(), chain.frontier().to_bytes()];
        self.prepare(sql)?
            .execute(values)
            .map_err(|error| failed(&error))?;
        Ok(())
    }

    /// Deletes some of what has lapsed. Nothing hangs on when: each is dated.
    fn tidy(&self) -> Result<(), StoreError> {
        for table in ["seen", "answers", "tickets"] {
            let sql = format!(
                "DELETE FROM {table} WHERE rowid IN \
                 (SELECT rowid FROM {table} WHERE until_ms < ?1 LIMIT 500)"
            );
            self.prepare(&sql)?
                .execute([self.stamp.time_ms])
                .map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    fn prepare(&self, sql: &str) -> Result<rusqlite::CachedStatement<'_>, StoreError> {
        self.transaction
            .prepare_cached(sql)
            .map_err(|error| failed(&error))
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        self.prepare(sql)?
            .execute([])
            .map_err(|error| failed(&error))?;
        Ok(())
    }
}
