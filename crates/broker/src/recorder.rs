//! Group commit: whoever waits while the store flushes is in the next flush.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    sync::{Mutex, Notify, mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

use crate::port::{Change, Clock, Outcome, Place, Refused, Store, StoreError};

/// Changes that may wait. At ten thousand a second this is a third of a second; whoever comes on
/// top of that is denied, and hears it at once.
const QUEUE_MAX: usize = 4096;

/// Changes of one flush. More would make the first of them wait for the last.
const BATCH_MAX: usize = 512;

/// What the store did with the last batch says so long how it is.
const TOLD_FOR: Duration = Duration::from_secs(1);

/// Why something was not recorded. Nothing may be released on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRecorded {
    /// Too many wait already.
    #[error("{QUEUE_MAX} changes wait to be recorded, and no more may")]
    QueueFull,
    /// The broker is being shut down.
    #[error("the broker is closed")]
    Closed,
    /// What the change rests on is not so, or is so no more.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It is not known to be durable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Reply = oneshot::Sender<Result<Vec<Place>, NotRecorded>>;

/// The queue in front of the store.
#[derive(Debug)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<(Change, Reply)>,
    closing: Arc<Notify>,
    /// Why the store takes nothing any more, once that is so.
    stopped: Arc<OnceLock<StoreError>>,
    task: Mutex<Option<JoinHandle<()>>>,
    last: watch::Receiver<Option<Last>>,
}

/// When the store answered last, and whether it had written.
type Last = (Instant, Result<(), StoreError>);

/// A place in the queue.
pub(crate) struct Receipt(oneshot::Receiver<Result<Vec<Place>, NotRecorded>>);

impl Recorder {
    /// Starts the one task that hands changes to the store. It ends when the last recorder is gone
    /// and the queue is empty.
    pub(crate) fn start<S: Store, C: Clock>(store: Arc<S>, clock: Arc<C>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        let closing = Arc::new(Notify::new());
        let stopped = Arc::default();
        let (tell, last) = watch::channel(None);
        let recording = run(
            receiver,
            Arc::clone(&closing),
            Arc::clone(&stopped),
            store,
            clock,
            tell,
        );
        let task = tokio::spawn(recording);
        Self {
            queue: sender,
            closing,
            stopped,
            task: Mutex::new(Some(task)),
            last,
        }
    }

    /// Takes nothing more, and returns when the store has answered for all that waited.
    pub(crate) async fn close(&self) {
        self.closing.notify_one();
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the task that records ended badly");
        }
    }

    /// Puts a change into the queue, behind those that are there.
    pub(crate) fn submit(&self, change: Change) -> Result<Receipt, NotRecorded> {
        let (reply, receipt) = oneshot::channel();
        match self.queue.try_send((change, reply)) {
            Ok(()) => Ok(Receipt(receipt)),
            Err(mpsc::error::TrySendError::Full(_)) => Err(NotRecorded::QueueFull),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(NotRecorded::Closed),
        }
    }

    /// Puts a change into the queue when it has room.
    pub(crate) async fn submit_in_turn(&self, change: Change) -> Result<Receipt, NotRecorded> {
        let (reply, receipt) = oneshot::channel();
        let sent = self.queue.send((change, reply)).await;
        sent.map_err(|_| NotRecorded::Closed)?;
        Ok(Receipt(receipt))
    }

    /// Why nothing is recorded any more until the process is started again.
    pub(crate) fn stopped(&self) -> Option<&StoreError> {
        self.stopped.get()
    }

    /// Whether the store writes. If nothing was written a moment ago, this change is written now.
    pub(crate) async fn ready(&self, probe: Change) -> Result<(), NotRecorded> {
        let wrote = matches!(&*self.last.borrow(), Some((at, Ok(()))) if at.elapsed() < TOLD_FOR);
        if wrote {
            return Ok(());
        }
        self.submit(probe)?.wait().await.map(drop)
    }

    /// Why the store did not write the last time, if it did not.
    pub(crate) fn failing(&self) -> Option<StoreError> {
        let last = self.last.borrow();
        last.as_ref().and_then(|(_, wrote)| wrote.clone().err())
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }
}

impl Receipt {
    /// Waits until the change is durable, or known not to be.
    pub(crate) async fn wait(self) -> Result<Vec<Place>, NotRecorded> {
        self.0.await.unwrap_or(Err(NotRecorded::Closed))
    }
}

async fn run<S: Store, C: Clock>(
    mut queue: mpsc::Receiver<(Change, Reply)>,
    closing: Arc<Notify>,
    stopped: Arc<OnceLock<StoreError>>,
    store: Arc<S>,
    clock: Arc<C>,
    last: watch::Sender<Option<Last>>,
) {
    let mut waiting = Vec::with_capacity(BATCH_MAX);
    loop {
        tokio::select! {
            biased;
            () = closing.notified() => {
                // What is in the queue still comes; nothing else does.
                queue.close();
                continue;
            }
            received = queue.recv_many(&mut waiting, BATCH_MAX) => if received == 0 { return },
        }
        let (changes, replies): (Vec<Change>, Vec<Reply>) = waiting.drain(..).unzip();
        let count = changes.len();
        let committed = match store.commit(changes, clock.now_ms()).await {
            Ok(outcomes) if outcomes.len() != count => {
                let told = outcomes.len();
                Err(StoreError::Corrupt(format!(
                    "{told} outcomes for {count} changes"
                )))
            }
            other => other,
        };
        let wrote = committed.as_ref().map(drop).map_err(StoreError::clone);
        last.send_replace(Some((Instant::now(), wrote)));
        match committed {
            Ok(outcomes) => answer(replies, outcomes),
            Err(error) => {
                tracing::error!(%error, changes = count, "nothing of this batch is released");
                match &error {
                    StoreError::Broken(_) | StoreError::Fenced { .. } | StoreError::Corrupt(_) => {
                        // The first reason stays.
                        let _ = stopped.set(error.clone());
                    }
                    StoreError::Unavailable(_)
                    | StoreError::ClocksApart { .. }
                    | StoreError::OutOfRange { .. } => {}
                }
                refuse(replies, &error);
            }
        }
    }
}

// A caller that went away gets no answer, which is no error: what it asked for is recorded.
fn answer(replies: Vec<Reply>, outcomes: Vec<Outcome>) {
    for (reply, outcome) in replies.into_iter().zip(outcomes) {
        let _ = reply.send(outcome.map_err(NotRecorded::Refused));
    }
}

fn refuse(replies: Vec<Reply>, error: &StoreError) {
    for reply in replies {
        let _ = reply.send(Err(NotRecorded::Store(error.clone())));
    }
}
