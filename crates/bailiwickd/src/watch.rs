//! Beside the requests: sweeping, signing, and seeing that the folders changed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_broker::{
    State,
    port::{Change, Clock as _, Store as _, Which},
};
use bailiwick_credentials::{Receiver, Sign, Signals};
use bailiwick_gateway::{Draining, Gateway, World, operator::Role};
use bailiwick_identity::People;
use bailiwick_ledger::{Actor, Entry};
use tokio::{signal::unix::SignalKind, task::JoinSet};

use crate::{
    data::Folder,
    folders::{Folders, Look},
    people,
    world::{RevokerOf, SignalsOf},
};

/// Grants that ended are recorded as such within so long; they are denied at once.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// What other replicas did is heard within so long. A kill that they cleared still acts here until
/// then; what they set is obeyed at once, since the database looks.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);
const FOLLOW_EVERY_MIN: Duration = Duration::from_millis(50);

/// Grants that ended are looked for so often, for IAM to deny their sessions.
const REVOKE_EVERY: Duration = Duration::from_millis(250);
const REVOKE_EVERY_MAX: Duration = Duration::from_secs(2);

/// A changed file is seen within so long.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Grants of changed charters that are ended at once.
const ENDED_AT_ONCE: usize = 256;

/// Ends what is due, and tells the store what was kept beside it, until `draining`.
pub(crate) async fn sweep<W: World>(gateway: Arc<Gateway<W>>, mut draining: Draining) {
    let broker = gateway.broker();
    loop {
        let swept = match broker.drain_spool().await {
            Ok(_) => broker.sweep().await,
            Err(error) => Err(error),
        };
        match swept {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => {
                tracing::error!(%error, "what is due cannot be recorded; it is denied all the same")
            }
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {}
            _ = draining.wait_for(|drains| *drains) => return,
        }
    }
}

/// Hears what other replicas did, until `draining`.
pub(crate) async fn follow<W: World>(gateway: Arc<Gateway<W>>, mut draining: Draining) {
    loop {
        if let Err(error) = gateway.broker().follow().await {
            tracing::error!(%error, "what other replicas did is not heard; every call is decided by the database all the same");
        }
        let stirred = async {
            // However much stirs, most of the time is left to others.
            tokio::time::sleep(FOLLOW_EVERY_MIN).await;
            let stirred = gateway.broker().store().stirred();
            let _ = tokio::time::timeout(FOLLOW_EVERY, stirred).await;
        };
        tokio::select! {
            () = stirred => {}
            _ = draining.wait_for(|drains| *drains) => return,
        }
    }
}

/// Has IAM deny the sessions of ended grants, until `draining`.
pub(crate) async fn revoke<W: World>(mut revoker: RevokerOf<W>, mut draining: Draining) {
    loop {
        let is_last = *draining.borrow();
        let begun = Instant::now();
        if let Err(error) = revoker.turn().await {
            let error = anyhow::Error::from(error);
            tracing::error!(
                why = crate::fault::in_words(&error),
                "IAM is not written to any more from here"
            );
            return;
        }
        if is_last {
            revoker.give_back().await;
            return;
        }
        // With ten thousand to deny, looking takes a while; most of the time is left to others.
        let pause = (begun.elapsed() * 9).clamp(REVOKE_EVERY, REVOKE_EVERY_MAX);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            // What ended until now is told to IAM before this process goes.
            _ = draining.wait_for(|drains| *drains) => {}
        }
    }
}

/// What tells a receiver of the ends of grants, signed by the gateway.
pub(crate) fn signals<W: World>(
    gateway: &Arc<Gateway<W>>,
    receiver: &Receiver,
    authorization: Option<String>,
) -> SignalsOf<W> {
    let signs = Arc::clone(gateway);
    let sign: Sign =
        Arc::new(move |end, receiver| signs.session_revoked(end, &receiver.to_string()));
    let broker = Arc::clone(gateway.broker());
    Signals::new(broker, receiver.clone(), authorization, sign)
}

/// Tells a receiver of the ends of grants, until `draining`.
pub(crate) async fn signal<W: World>(mut signals: SignalsOf<W>, mut draining: Draining) {
    loop {
        match signals.turn().await {
            Ok(true | false) => {}
            Err(error) => tracing::error!(%error, "nobody is told of ended grants now"),
        }
        tokio::select! {
            () = tokio::time::sleep(REVOKE_EVERY) => continue,
            _ = draining.wait_for(|drains| *drains) => {}
        }
        signals.give_back().await;
        return;
    }
}

/// Signs for the ledger now and then, until `draining`.
pub(crate) async fn sign<W: World>(
    gateway: Arc<Gateway<W>>,
    every: Duration,
    mut draining: Draining,
) {
    loop {
        checkpoint(&gateway).await;
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            _ = draining.wait_for(|drains| *drains) => return,
        }
    }
}

pub(crate) async fn checkpoint<W: World>(gateway: &Gateway<W>) {
    if let Err(error) = gateway.checkpoint().await {
        tracing::error!(%error, "no checkpoint of the ledger");
    }
}

/// Reads the folders again when they change, or when a hang-up signal asks for it.
pub(crate) async fn reload<W: World>(
    gateway: Arc<Gateway<W>>,
    folders: Folders,
    data: Arc<Folder>,
    mut vouched: people::Source,
    mut seen: Look,
    mut draining: Draining,
) {
    let mut asked = match tokio::signal::unix::signal(SignalKind::hangup()) {
        Ok(asked) => asked,
        Err(error) => {
            tracing::error!(%error, "nobody can ask for another reading");
            return;
        }
    };
    loop {
        let is_asked = tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => false,
            _ = asked.recv() => true,
            _ = draining.wait_for(|drains| *drains) => return,
        };
        match data.operators() {
            Ok(operators) => gateway.replace_operators(operators),
            Err(error) => tracing::error!(%error, "the operators stay as they were"),
        }
        match vouched.changed() {
            Ok(None) => {}
            Ok(Some(people)) => vouch(&gateway, people).await,
            Err(error) => {
                tracing::error!(%error, "those whom an issuer vouches for stay as they were")
            }
        }
        let look = folders.look();
        if look == seen && !is_asked {
            continue;
        }
        seen = look;
        replace(&gateway, &folders).await;
    }
}

/// Puts these operators in force, and says so.
pub(crate) async fn vouch<W: World>(gateway: &Gateway<W>, people: People<Role>) {
    let told = people::told(&people);
    gateway.replace_people(people);
    tracing::info!("{told}");
    tell(gateway, &told).await;
}

/// Puts what the folders hold in force, or keeps what is and says why.
async fn replace<W: World>(gateway: &Arc<Gateway<W>>, folders: &Folders) {
    let folders = folders.clone();
    let read_at_ms = gateway.broker().now_ms();
    let read = tokio::task::spawn_blocking(move || folders.read(read_at_ms)).await;
    let rules = match read {
        Ok(Ok(rules)) => rules,
        Ok(Err(problems)) => {
            for problem in &problems {
                tracing::error!(
                    problem,
                    "the folders are not in force as they are; what was stays"
                );
            }
            gateway.refuse_rules(problems);
            return;
        }
        Err(error) => {
            tracing::error!(%error, "the folders were not read");
            return;
        }
    };
    let report = gateway.replace_rules(rules);
    tracing::info!(%report, "the folders were read again");
    if !report.is_empty() {
        tell(gateway, &report.to_string()).await;
    }
    end_of_changed(gateway).await;
}

/// Records what is in force.
pub(crate) async fn tell<W: World>(gateway: &Gateway<W>, what: &str) {
    let rules = gateway.rules();
    let entry = Entry {
        reason_code: Some(what.to_owned()),
        actor: Some(Actor {
            kind: "service".into(),
            id: "bailiwickd".into(),
            ..Actor::default()
        }),
        task: Some(bailiwick_ledger::Task {
            charter_hash: Some(rules.version()),
            ..bailiwick_ledger::Task::default()
        }),
        ..Entry::of("rules.loaded")
    };
    let change = Change {
        ops: Vec::new(),
        entries: vec![entry],
    };
    if let Err(error) = gateway.broker().record(change, ()).await {
        tracing::error!(%error, "what is in force is not on record");
    }
}

/// Ends live grants of charters that are not in force. They are denied already.
pub(crate) async fn end_of_changed<W: World>(gateway: &Arc<Gateway<W>>) {
    let hashes = gateway.rules().hashes();
    let mut after: Option<String> = None;
    let mut ended = 0_usize;
    loop {
        let which = Which::PinnedElsewhere(hashes.clone());
        let found = gateway
            .broker()
            .store()
            .grants(which, after.as_deref(), ENDED_AT_ONCE)
            .await;
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "grants of changed charters are denied, and not ended yet");
                return;
            }
        };
        let Some(last) = found.last() else {
            break;
        };
        after = Some(last.id.clone());
        let mut ending = JoinSet::new();
        for grant in found {
            let gateway = Arc::clone(gateway);
            ending.spawn(async move {
                let entry = Entry {
                    reason_code: Some("charter_changed".into()),
                    ..Entry::default()
                };
                gateway
                    .broker()
                    .end(&grant, State::Revoked, &entry)
                    .await
                    .is_ok()
            });
        }
        while let Some(done) = ending.join_next().await {
            ended += usize::from(done.unwrap_or(false));
        }
    }
    if ended > 0 {
        tracing::info!(ended, "grants of changed charters have ended");
    }
}

/// The clock that everything here is dated by.
pub(crate) fn now_ms() -> u64 {
    bailiwick_broker::SystemClock::new().now_ms()
}
