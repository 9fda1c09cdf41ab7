//! A batch of changes: applied, sealed, committed.

use std::time::{Duration, Instant};

use bailiwick_broker::{
    State,
    port::{Change, Op, Outcome, Place, Refused, Session, StoreError},
};
use bailiwick_ledger::{Chain, Entry, Hash, Record, Stamp};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use tokio_postgres::{
    Client, Transaction,
    types::{ToSql, Type},
};

use super::{Apart, count, failed, int, kept, lease_lasts, read};
use crate::LEVELS_APART;

/// Who writes, and when.
pub(super) struct Writer<'w> {
    pub(super) replica: &'w str,
    pub(super) epoch: u64,
    pub(super) now_ms: u64,
    /// When it was `now_ms`.
    pub(super) begun: Instant,
    /// The clocks may be so far apart; `None`: nobody looks.
    pub(super) apart_max: Option<Duration>,
}

/// A change whose ops are to be applied, or that is refused without.
type Asked = Result<Value, Refused>;

impl Writer<'_> {
    pub(super) async fn write(
        &self,
        client: &mut Client,
        changes: Vec<Change>,
    ) -> Result<Vec<Outcome>, StoreError> {
        let transaction = client.transaction().await.map_err(|error| failed(&error))?;
        let (chain, stamp) = self.lock(&transaction).await?;
        let asked: Vec<Asked> = changes
            .iter()
            .map(|change| asked(&chain, &stamp, change))
            .collect();
        let refused = self.apply(&transaction, asked).await?;
        let mut sealed = Sealed {
            chain,
            records: Vec::new(),
            nodes: Vec::new(),
        };
        let mut outcomes = Vec::with_capacity(changes.len());
        for (change, refused) in changes.iter().zip(refused) {
            outcomes.push(match refused {
                Some(refused) => Err(refused),
                None => Ok(sealed.seal(&change.entries, &stamp)?),
            });
        }
        sealed.write(&transaction).await?;
        self.tidy(&transaction).await?;
        transaction.commit().await.map_err(|error| failed(&error))?;
        Ok(outcomes)
    }

    /// From here to the commit nobody else writes.
    async fn lock(&self, transaction: &Transaction<'_>) -> Result<(Chain, Stamp), StoreError> {
        let begin = "SELECT writer, epoch, length, head, frontier, now_ms FROM begin_batch($1)";
        let name: [(&(dyn ToSql + Sync), Type); 1] = [(&self.replica, Type::TEXT)];
        let head = transaction.query_typed_one(begin, &name).await;
        let head = head.map_err(|error| failed(&error))?;
        let current = count(head.get::<_, Option<i64>>(0).unwrap_or_default())?;
        if current != self.epoch {
            return Err(StoreError::Fenced {
                ours: self.epoch,
                current,
            });
        }
        if let Some(most) = self.apart_max {
            let there_ms = count(head.get(5))?;
            Apart::between(self.now_ms, there_ms, self.begun.elapsed()).at_most(most)?;
        }
        let stamp = Stamp {
            // The latest of all: along the chain it never falls.
            epoch: count(head.get(1))?,
            time_ms: self.now_ms,
            replica: self.replica.to_owned(),
        };
        Ok((read::chain_of(&head, 2)?, stamp))
    }

    /// Why each is refused, in their order; `None`: it is applied.
    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        asked: Vec<Asked>,
    ) -> Result<Vec<Option<Refused>>, StoreError> {
        let mut changes = Vec::with_capacity(asked.len());
        let mut refused = Vec::with_capacity(asked.len());
        for asked in asked {
            match asked {
                Ok(ops) => {
                    changes.push(ops);
                    refused.push(None);
                }
                Err(before) => refused.push(Some(before)),
            }
        }
        let (now_ms, epoch) = (int(self.now_ms), int(self.epoch));
        let values: [(&(dyn ToSql + Sync), Type); 3] = [
            (&changes, Type::JSONB_ARRAY),
            (&now_ms, Type::INT8),
            (&epoch, Type::INT8),
        ];
        let apply = "SELECT apply_changes($1, $2, $3)";
        let applied = transaction.query_typed_one(apply, &values).await;
        let applied = applied.map_err(|error| failed(&error))?;
        let applied: Vec<Option<&str>> = applied.get(0);
        if applied.len() != changes.len() {
            return Err(StoreError::Corrupt("a change without an answer".into()));
        }
        let mut applied = applied.into_iter();
        for refused in refused.iter_mut().filter(|refused| refused.is_none()) {
            *refused = applied.next().flatten().map(why).transpose()?;
        }
        Ok(refused)
    }

    /// Deletes some of what has lapsed, at about every sixteenth batch.
    async fn tidy(&self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        if !self.now_ms.is_multiple_of(16) {
            return Ok(());
        }
        let now_ms = int(self.now_ms);
        let now_ms: [(&(dyn ToSql + Sync), Type); 1] = [(&now_ms, Type::INT8)];
        let tidied = transaction.query_typed("SELECT tidy($1)", &now_ms).await;
        tidied.map(drop).map_err(|error| failed(&error))
    }
}

/// What a change asks of the database; refused before it acts if an entry of it cannot be written.
fn asked(chain: &Chain, stamp: &Stamp, change: &Change) -> Asked {
    let mut tried = chain.clone();
    for entry in &change.entries {
        let record = tried.append(entry, stamp);
        record.map_err(|error| Refused::Entry(error.to_string()))?;
    }
    Ok(change.ops.iter().map(op).collect())
}

/// The end of the ledger as it grows, and what is to be written of it.
struct Sealed {
    chain: Chain,
    records: Vec<Record>,
    nodes: Vec<(u8, u64, Hash)>,
}

impl Sealed {
    fn seal(&mut self, entries: &[Entry], stamp: &Stamp) -> Result<Vec<Place>, StoreError> {
        let mut places = Vec::with_capacity(entries.len());
        for entry in entries {
            let nodes = &mut self.nodes;
            let sealed = self
                .chain
                .append_seeing(entry, stamp, |level, place, hash| {
                    if level % LEVELS_APART == 0 {
                        nodes.push((level, place, hash));
                    }
                });
            // Each was tried before.
            let record = sealed.map_err(|error| StoreError::Corrupt(error.to_string()))?;
            places.push(Place {
                seq: record.seq(),
                hash: record.hash(),
            });
            self.records.push(record);
        }
        Ok(places)
    }

    async fn write(&self, transaction: &Transaction<'_>) -> Result<(), StoreError> {
        if self.records.is_empty() {
            return Ok(());
        }
        let bytes = |hash: Hash| hash.as_bytes().to_vec();
        let records = || self.records.iter();
        let seqs: Vec<i64> = records().map(|record| int(record.seq())).collect();
        let hashes: Vec<Vec<u8>> = records().map(|record| bytes(record.hash())).collect();
        let texts: Vec<&str> = records().map(Record::text).collect();
        let nodes = || self.nodes.iter();
        let levels: Vec<i16> = nodes().map(|(level, ..)| i16::from(*level)).collect();
        let places: Vec<i64> = nodes().map(|(_, place, _)| int(*place)).collect();
        let inner: Vec<Vec<u8>> = nodes().map(|(.., hash)| bytes(*hash)).collect();
        let (length, head) = (int(self.chain.len()), bytes(self.chain.head()));
        let frontier = self.chain.frontier().to_bytes();
        let values: [(&(dyn ToSql + Sync), Type); 9] = [
            (&seqs, Type::INT8_ARRAY),
            (&hashes, Type::BYTEA_ARRAY),
            (&texts, Type::TEXT_ARRAY),
            (&levels, Type::INT2_ARRAY),
            (&places, Type::INT8_ARRAY),
            (&inner, Type::BYTEA_ARRAY),
            (&length, Type::INT8),
            (&head, Type::BYTEA),
            (&frontier, Type::BYTEA),
        ];
        let append = "SELECT append($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let appended = transaction.query_typed(append, &values).await;
        appended.map(drop).map_err(|error| failed(&error))
    }
}

/// Why the database refused, as its functions say it.
fn why(said: &str) -> Result<Refused, StoreError> {
    let (kind, detail) = said.split_once(' ').unwrap_or((said, ""));
    let wrong = || StoreError::Corrupt(format!("the refusal `{said}`"));
    let number = || detail.parse().map_err(|_| wrong());
    Ok(match kind {
        "no_grant" => Refused::NoGrant,
        "no_version" => Refused::NoVersion,
        "version" => Refused::Version { is: number()? },
        "uses" => Refused::Uses { is: number()? },
        "state" => Refused::State {
            is: detail.parse::<State>().map_err(|_| wrong())?,
        },
        "deadline" => Refused::Deadline,
        "stopped" => Refused::Stopped,
        "parent" => Refused::Parent,
        "exists" => Refused::Exists,
        "ticket" => Refused::Ticket,
        "seen" => Refused::Seen,
        "no_intent" => Refused::NoIntent,
        "not_held" => Refused::NotHeld,
        _ => return Err(wrong()),
    })
}

/// The sessions as a JSON list in a text. Writing texts and numbers as JSON cannot fail.
fn sessions(sessions: &[Session]) -> String {
    serde_json::to_string(sessions).unwrap_or_else(|_| "[]".to_owned())
}

/// An op as the database's functions read it.
fn op(op: &Op) -> Value {
    match op {
        Op::Open(grant) => json!({
            "op": "open",
            "id": kept(&grant.id),
            "lineage": grant.lineage.iter().map(|id| kept(id)).collect::<Vec<_>>(),
            "agent": kept(&grant.agent),
            "owner": kept(&grant.owner),
            "task": kept(&grant.task),
            "charter": kept(&grant.charter),
            "state": grant.state.name(),
            "ver": grant.ver,
            "issued_ms": grant.issued_ms,
            "deadline_ms": grant.deadline_ms,
            "deadline_ms_max": grant.deadline_ms_max,
            "credential_until_ms": grant.credential_until_ms,
            "ending": grant.ending.map(State::name),
            "sessions": sessions(&grant.sessions),
            "uses": grant.uses,
            "body": BASE64.encode(&grant.body),
            "history": BASE64.encode(&grant.history),
        }),
        Op::Step(step) => json!({
            "op": "step",
            "grant": kept(&step.grant),
            "ver": step.ver,
            "to": step.to.name(),
            "deadline_ms": step.deadline_ms,
            "credential_until_ms": step.credential_until_ms,
            "ending": step.ending.map(State::name),
            "sessions": step.sessions.as_deref().map(sessions),
        }),
        Op::Use {
            grant,
            uses,
            history,
        } => json!({
            "op": "use",
            "grant": kept(grant),
            "uses": uses,
            "history": BASE64.encode(history),
        }),
        Op::SetStop(stop) => {
            let (kind, name) = stop.scope.parts();
            if kind == "grant" {
                // Its steps are enough.
                return json!({ "op": "posted", "key": "" });
            }
            json!({
                "op": "set_stop",
                "kind": kind,
                "name": kept(name),
                "kill": stop.kill,
                "at_ms": stop.at_ms,
                "by": kept(&stop.by),
                "reason": kept(&stop.reason),
            })
        }
        Op::ClearKill { scope, at_ms } => {
            let (kind, name) = scope.parts();
            json!({ "op": "clear_kill", "kind": kind, "name": kept(name), "at_ms": at_ms })
        }
        Op::PutTicket(ticket) => json!({
            "op": "put_ticket",
            "hash": ticket.hash.to_string(),
            "agent": kept(&ticket.agent),
            "until_ms": ticket.until_ms,
        }),
        Op::TakeTicket(hash) => json!({ "op": "take_ticket", "hash": hash.to_string() }),
        Op::Once {
            space,
            value,
            until_ms,
        } => json!({
            "op": "once",
            "space": space,
            "value": value.to_string(),
            "until_ms": until_ms,
        }),
        Op::PutAnswer(answer) => json!({
            "op": "put_answer",
            "key": kept(&answer.key),
            "request": answer.request.to_string(),
            "body": BASE64.encode(&answer.body),
            "until_ms": answer.until_ms,
        }),
        Op::Begin(intent) => json!({
            "op": "begin",
            "request": kept(&intent.request),
            "grant": intent.grant.as_deref().map(kept),
            "begun_ms": intent.begun_ms,
        }),
        Op::Settle { request } => json!({ "op": "settle", "request": kept(request) }),
        Op::Post(post) => json!({
            "op": "post",
            "key": kept(&post.key),
            "body": BASE64.encode(&post.body),
        }),
        Op::Posted { key } => json!({ "op": "posted", "key": kept(key) }),
        Op::Hold(lease) => json!({
            "op": "hold",
            "what": lease.what,
            "term": lease.term,
            "lasts": lease_lasts(),
        }),
    }
}
