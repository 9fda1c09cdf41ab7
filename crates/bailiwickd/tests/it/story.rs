//! What agents and operators do with a daemon in these tests, and what its record says of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use bailiwick_ledger::{
    Effect, Entry, Hash, Phase, Record, checkpoint::Checkpoint, verify::Verifier,
};
use bailiwick_testkit::{
    daemon::{self, Daemon, Home},
    http::{Answer, Client},
};
use serde_json::{Value, json};

/// Calls that one grant of the task `shared` has.
pub(crate) const SHARED_CALLS: usize = 40;

/// Calls that one grant of [`charter`] has.
pub(crate) const CALLS: usize = 5;

/// A charter whose grants have few calls.
pub(crate) fn charter(agent: &str) -> String {
    let tasks = format!(
        r#"
  post:
    for: 1h
    tools:
      - {{ tool: ledger/post, when: "args.amount <= 1000" }}
    limits: {{ calls: {CALLS} }}
  share:
    for: 12h
    tools:
      - {{ tool: ledger/post }}
    limits: {{ calls: 2000 }}
  shared:
    for: 12h
    tools:
      - {{ tool: ledger/post }}
    limits: {{ calls: {SHARED_CALLS} }}
"#
    );
    daemon::charter(agent, &tasks)
}

pub(crate) fn home(folder: &Path, agents: &[&str]) -> Home {
    let home = Home::new(folder, env!("CARGO_BIN_EXE_bailiwickd")).unwrap();
    for agent in agents {
        home.charter(&format!("{agent}.yaml"), &charter(agent))
            .unwrap();
    }
    home
}

/// What a daemon may be started with in these tests.
pub(crate) fn plainly(command: &mut std::process::Command) {
    command.args(["--trust-everybody", "--checkpoint-every", "1"]);
}

/// Something that was released: it must be in the record, whatever came after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Released {
    /// A token of a grant.
    Token { grant: String },
    /// A call was allowed, by the entry of this number and hash.
    Allow {
        grant: String,
        request: String,
        seq: u64,
        hash: String,
    },
    /// The grant was ended before the answer.
    Ended { grant: String, bearer: String },
    /// The agent was killed before the answer.
    Killed { agent: String },
}

/// Whoever holds a grant.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) agent: String,
    pub(crate) grant: String,
    pub(crate) bearer: String,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// By the entry of this number and hash.
    Allowed {
        request: String,
        seq: u64,
        hash: String,
    },
    /// For the reason of this code.
    Denied(String),
}

/// What was asked for and not answered: the daemon is gone.
pub(crate) type Gone = std::io::Error;

/// Somebody who asks, and keeps what was released.
pub(crate) struct Asker {
    client: Client,
    operator: String,
    asked: u64,
    pub(crate) released: Vec<Released>,
}

impl Asker {
    pub(crate) fn new(home: &Home, daemon: &Daemon) -> Self {
        Self {
            client: daemon.client(),
            operator: home.operator(),
            asked: 0,
            released: Vec::new(),
        }
    }

    fn ask(&mut self, who: &str, verb: &str, path: &str, body: &Value) -> Result<Answer, Gone> {
        let headers = [("content-type", "application/json"), ("authorization", who)];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.client.ask(verb, path, &headers, &body)
    }

    /// The answer to a request for a grant.
    pub(crate) fn asked_for(&mut self, agent: &str, task: &str) -> Result<Answer, Gone> {
        self.asked_with(agent, task, &json!({}))
    }

    /// The same, with parameters of the task.
    pub(crate) fn asked_with(
        &mut self,
        agent: &str,
        task: &str,
        parameters: &Value,
    ) -> Result<Answer, Gone> {
        let body = json!({ "agent": agent, "task": task, "parameters": parameters });
        let who = format!("Bailiwick-Local {agent}");
        self.ask(&who, "POST", "/v1/grants", &body)
    }

    /// A one-time ticket of an agent.
    pub(crate) fn ticket(&mut self, agent: &str) -> Result<String, Gone> {
        let operator = self.operator.clone();
        let answer = self.ask(&operator, "POST", "/v1/tickets", &json!({ "agent": agent }))?;
        assert_eq!(answer.status, 201, "{}", answer.body);
        Ok(answer.json()["ticket"].as_str().unwrap().to_owned())
    }

    /// The answer to whoever shows a ticket.
    pub(crate) fn opens_by(
        &mut self,
        ticket: &str,
        agent: &str,
        task: &str,
    ) -> Result<Answer, Gone> {
        let body = json!({ "agent": agent, "task": task });
        let who = format!("Bailiwick-Ticket {ticket}");
        self.ask(&who, "POST", "/v1/grants", &body)
    }

    pub(crate) fn open(&mut self, agent: &str, task: &str) -> Result<Holder, Gone> {
        let opened = self.tries_to_open(agent, task)?;
        Ok(opened.unwrap())
    }

    /// `None`: the store gave no answer.
    pub(crate) fn tries_to_open(
        &mut self,
        agent: &str,
        task: &str,
    ) -> Result<Option<Holder>, Gone> {
        let answer = self.asked_for(agent, task)?;
        if answer.status == 503 {
            return Ok(None);
        }
        assert_eq!(answer.status, 201, "{}", answer.body);
        let body = answer.json();
        let grant = body["grant"]["id"].as_str().unwrap().to_owned();
        self.released.push(Released::Token {
            grant: grant.clone(),
        });
        Ok(Some(Holder {
            agent: agent.to_owned(),
            grant,
            bearer: format!("Bearer {}", body["token"].as_str().unwrap()),
        }))
    }

    /// Asks for one call. Whatever is not an allowing decision is a no, and never an answer without
    /// a decision.
    pub(crate) fn call(&mut self, held: &Holder) -> Result<bool, Gone> {
        match self.told(held)? {
            Said::Allowed { request, seq, hash } => {
                self.released.push(Released::Allow {
                    grant: held.grant.clone(),
                    request,
                    seq,
                    hash,
                });
                Ok(true)
            }
            Said::Denied(_) => Ok(false),
        }
    }

    /// The same, with what was said, and without keeping it.
    pub(crate) fn told(&mut self, held: &Holder) -> Result<Said, Gone> {
        self.asked += 1;
        let request = format!("{}#{}", held.grant, self.asked);
        let body = json!({
            "subject": { "type": "agent", "id": held.agent },
            "action": { "name": "call", "properties": { "amount": 10 } },
            "resource": { "type": "tool", "id": "ledger/post" },
        })
        .to_string();
        let headers = [
            ("content-type", "application/json"),
            ("authorization", held.bearer.as_str()),
            ("x-request-id", request.as_str()),
        ];
        let answer = self
            .client
            .ask("POST", "/access/v1/evaluation", &headers, &body)?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let said = answer.json();
        let context = &said["context"];
        if !said["decision"].as_bool().unwrap() {
            let reason = context["reason"]["code"].as_str().unwrap();
            return Ok(Said::Denied(reason.to_owned()));
        }
        let record = &context["record"];
        Ok(Said::Allowed {
            request,
            seq: record["seq"].as_u64().unwrap(),
            hash: record["hash"].as_str().unwrap().to_owned(),
        })
    }

    /// Asks for the AWS credentials of a grant.
    pub(crate) fn credentials(&mut self, held: &Holder) -> Result<Answer, Gone> {
        self.ask(&held.bearer, "GET", "/v1/credentials", &Value::Null)
    }

    pub(crate) fn end(&mut self, held: &Holder) -> Result<Answer, Gone> {
        let path = format!("/v1/grants/{}", held.grant);
        let answer = self.ask(&held.bearer, "DELETE", &path, &Value::Null)?;
        if answer.status == 200 {
            self.released.push(Released::Ended {
                grant: held.grant.clone(),
                bearer: held.bearer.clone(),
            });
        }
        Ok(answer)
    }

    pub(crate) fn kill(&mut self, agent: &str) -> Result<Answer, Gone> {
        let body = json!({ "scope": "agent", "name": agent, "reason": "a test" });
        let operator = self.operator.clone();
        let answer = self.ask(&operator, "POST", "/v1/kill", &body)?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.released.push(Released::Killed {
            agent: agent.to_owned(),
        });
        Ok(answer)
    }

    /// Lets new grants of a killed agent open again.
    pub(crate) fn clear(&mut self, agent: &str) -> Result<(), Gone> {
        let body = json!({ "scope": "agent", "name": agent, "reason": "a test" });
        let operator = self.operator.clone();
        let answer = self.ask(&operator, "POST", "/v1/kill/clear", &body)?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Ok(())
    }

    pub(crate) fn operator_reads(&mut self, path: &str) -> Result<Answer, Gone> {
        let operator = self.operator.clone();
        self.ask(&operator, "GET", path, &Value::Null)
    }

    pub(crate) fn ready(&mut self) -> Result<bool, Gone> {
        let answer = self.client.ask("GET", "/readyz", &[], "")?;
        assert!(matches!(answer.status, 200 | 503), "{}", answer.body);
        Ok(answer.status == 200)
    }
}

/// The record of a daemon, read and verified as it grows.
pub(crate) struct Account {
    records: Vec<Record>,
    entries: Vec<Entry>,
    allowed: BTreeMap<String, usize>,
}

impl Account {
    /// Nothing read yet.
    pub(crate) fn new() -> Self {
        Self {
            records: Vec::new(),
            entries: Vec::new(),
            allowed: BTreeMap::new(),
        }
    }

    /// Reads on from where it was, over HTTP.
    pub(crate) fn read_on(&mut self, asker: &mut Asker) {
        loop {
            let path = format!("/v1/ledger/entries?limit=10000&from={}", self.records.len());
            let answer = asker.operator_reads(&path).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
            if answer.body.is_empty() {
                return;
            }
            for line in answer.body.lines() {
                let record = Record::from_line(line).unwrap();
                // What was read before is still what it follows.
                let before = self.records.last().map_or(Hash::ZERO, Record::hash);
                assert_eq!(record.prev(), before, "entry {}", record.seq());
                let entry = record.entry().unwrap();
                if is_allow(&entry) {
                    let grant = entry.grant.as_ref().unwrap().id.clone();
                    *self.allowed.entry(grant).or_default() += 1;
                }
                self.records.push(record);
                self.entries.push(entry);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// The whole chain holds, with the checkpoints that were published beside it.
    pub(crate) fn verify(&self, home: &Home) {
        let key = std::fs::read_to_string(home.data().join("ledger.pub")).unwrap();
        let keys = [key.trim().parse().unwrap()];
        let mut notes: Vec<_> = std::fs::read_dir(home.data().join("checkpoints"))
            .unwrap()
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|kind| kind == "note"))
            .collect();
        notes.sort();
        let checkpoints: Vec<Checkpoint> = notes
            .iter()
            .map(|note| Checkpoint::open(&std::fs::read_to_string(note).unwrap(), &keys).unwrap())
            .collect();
        let mut verifier = Verifier::new(&checkpoints);
        for record in &self.records {
            verifier.record(record).unwrap();
        }
        let verified = verifier.finish().unwrap();
        assert_eq!(verified.checkpoints, checkpoints.len());
    }

    /// Everything that was released is in the record, as it was released.
    pub(crate) fn holds(&self, released: &[Released]) {
        let tokens: BTreeSet<&str> = self
            .entries
            .iter()
            .filter(|entry| entry.phase == Some(Phase::Outcome) && entry.credential.is_some())
            .filter_map(|entry| Some(entry.grant.as_ref()?.id.as_str()))
            .collect();
        let killed: BTreeSet<&str> = self
            .entries
            .iter()
            .filter(|entry| entry.event == "stop.set")
            .filter_map(|entry| Some(entry.agent.as_ref()?.id.as_str()))
            .collect();
        let ended: BTreeSet<&str> = self
            .entries
            .iter()
            .filter_map(|entry| entry.grant.as_ref())
            .filter(|grant| grant.state_to.as_deref() == Some("revoking"))
            .map(|grant| grant.id.as_str())
            .collect();
        for one in released {
            match one {
                Released::Token { grant } => assert!(tokens.contains(grant.as_str()), "{one:?}"),
                Released::Killed { agent } => assert!(killed.contains(agent.as_str()), "{one:?}"),
                Released::Ended { grant, .. } => assert!(ended.contains(grant.as_str()), "{one:?}"),
                Released::Allow {
                    grant,
                    request,
                    seq,
                    hash,
                } => {
                    let at = usize::try_from(*seq).unwrap();
                    let entry = self.entries.get(at).unwrap_or_else(|| panic!("{one:?}"));
                    assert!(is_allow(entry), "{one:?} {entry:?}");
                    assert_eq!(self.records[at].hash().to_string(), *hash, "{one:?}");
                    assert_eq!(entry.grant.as_ref().unwrap().id, *grant);
                    assert_eq!(entry.request_id.as_ref(), Some(request));
                }
            }
        }
    }

    /// How often calls of this grant were allowed, told or not.
    pub(crate) fn allowed(&self, grant: &str) -> usize {
        self.allowed.get(grant).copied().unwrap_or_default()
    }

    pub(crate) fn grants(&self) -> impl Iterator<Item = &str> {
        self.allowed.keys().map(String::as_str)
    }

    /// Attempts to make a credential that were announced, each with how often it was said to be over.
    pub(crate) fn attempts(&self) -> BTreeMap<String, usize> {
        let mut attempts = BTreeMap::new();
        for entry in &self.entries {
            let Some(request) = &entry.request_id else {
                continue;
            };
            match entry.phase {
                Some(Phase::Intent) => drop(attempts.insert(request.clone(), 0)),
                Some(Phase::Outcome | Phase::Timeout) => {
                    *attempts.entry(request.clone()).or_default() += 1;
                }
                None => {}
            }
        }
        attempts
    }
}

pub(crate) fn is_allow(entry: &Entry) -> bool {
    let decision = entry.decision.as_ref();
    entry.event == "decision" && decision.is_some_and(|decision| decision.effect == Effect::Allow)
}
