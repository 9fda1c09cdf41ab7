//! A broker, its store in memory, and an AWS account that answers over loopback.

use std::{
    future::Future as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use bailiwick_aws::{
    bucket::Rate,
    endpoint::{Endpoint, Region, Service},
    iam::Iam,
    key::AccessKey,
    mint::{Minted, Minter, ShortSessions},
    sts::Sts,
    transport::Transport,
};
use bailiwick_broker::{
    Broker, NotRecorded, Recorded, State,
    port::{Clock, Grant, Log, LogError, Spooled, Store as _},
};
use bailiwick_credentials::{Canaries, Keys, NoCredentials, Revoker, Sessions, Standing, Wanted};
use bailiwick_ledger::Entry;
use bailiwick_store::Memory;
use bailiwick_testkit::aws::{FakeAws, Role, World};
use secrecy::ExposeSecret as _;

use crate::token::Token;

pub(crate) const ACCOUNT: &str = "111122223333";

const BROKER: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],
     "Resource":"arn:aws:iam::111122223333:role/agents/*"},
    {"Effect":"Allow","Action":["iam:PutRolePolicy","iam:GetRolePolicy","iam:DeleteRolePolicy"],
     "Resource":"arn:aws:iam::111122223333:role/agents/*"}]}"#;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/broker"},
     "Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]}]}"#;

const TASK: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::ledger/*"}]}"#;

pub(crate) const OBJECT: &str = "arn:aws:s3:::ledger/2026/11";

/// The clock of the account, so that both sides mean the same.
#[derive(Clone)]
pub(crate) struct AccountClock {
    fake: Arc<FakeAws>,
    memory: Memory,
    held_up: Arc<AtomicBool>,
}

impl Clock for AccountClock {
    fn now_ms(&self) -> u64 {
        let now_ms = u64::try_from(self.fake.world().now()).unwrap() * 1_000;
        // Time passes between the record of what is about to be done and the doing.
        if self.held_up.load(Ordering::Relaxed) && self.has_begun() {
            now_ms + 6_000
        } else {
            now_ms
        }
    }
}

impl AccountClock {
    fn has_begun(&self) -> bool {
        let intents = std::pin::pin!(self.memory.intents(1));
        let mut context = Context::from_waker(Waker::noop());
        match intents.poll(&mut context) {
            Poll::Ready(intents) => !intents.unwrap().is_empty(),
            Poll::Pending => false,
        }
    }
}

/// Nothing is kept beside the store here.
#[derive(Debug)]
pub(crate) struct NoLog;

impl Log for NoLog {
    fn spool(&self, _: &Spooled) -> Result<(), LogError> {
        Err(LogError("none".into()))
    }
    fn spooled(&self) -> Result<Vec<Spooled>, LogError> {
        Ok(Vec::new())
    }
    fn forget(&self, _: usize) -> Result<(), LogError> {
        Ok(())
    }
    fn publish(&self, _: u64, _: &str) -> Result<(), LogError> {
        Ok(())
    }
    fn published(&self) -> Result<u64, LogError> {
        Ok(0)
    }
}

pub(crate) type TheBroker = Broker<Memory, NoLog, AccountClock>;

pub(crate) struct House {
    pub(crate) fake: Arc<FakeAws>,
    pub(crate) broker: Arc<TheBroker>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) key: AccessKey,
    pub(crate) memory: Memory,
    /// Whether whoever announces something is held up before it does it.
    pub(crate) held_up: Arc<AtomicBool>,
    region: Region,
}

pub(crate) fn role_of(agent: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/agents/prod/{agent}-task")
}

impl House {
    /// With the roles of these agents.
    pub(crate) async fn of(agents: &[&str]) -> Self {
        Self::with(agents, TASK).await
    }

    /// With roles whose own policy is this one.
    pub(crate) async fn with(agents: &[&str], policy: &str) -> Self {
        let mut world = World::default();
        for agent in agents {
            world
                .add_role(Role {
                    arn: role_of(agent).parse().unwrap(),
                    trust: TRUST.to_owned(),
                    inline: vec![("task".to_owned(), policy.to_owned())],
                    boundary: None,
                    max_session_secs: 43_200,
                })
                .unwrap();
        }
        let broker = format!("arn:aws:iam::{ACCOUNT}:user/broker");
        let key = world.add_user(broker.parse().unwrap(), BROKER).unwrap();
        let key = AccessKey::new(&key.id, &key.secret, None);
        let fake = Arc::new(FakeAws::start(world).unwrap());
        let memory = Memory::new("a");
        Self::on(fake, key, memory).await
    }

    /// The same account, with another process that took over the store.
    pub(crate) async fn taken_over(&self) -> Self {
        let memory = self.memory.reopen("b");
        Self::on(Arc::clone(&self.fake), self.key.clone(), memory).await
    }

    async fn on(fake: Arc<FakeAws>, key: AccessKey, memory: Memory) -> Self {
        let held_up: Arc<AtomicBool> = Arc::default();
        let clock = AccountClock {
            fake: Arc::clone(&fake),
            memory: memory.clone(),
            held_up: Arc::clone(&held_up),
        };
        let store = memory.clone();
        let broker = Broker::open(store, NoLog, clock).await.unwrap();
        let region: Region = "eu-central-1".parse().unwrap();
        let minter = Minter::new(
            sts(&fake, &region),
            Rate::STS,
            ShortSessions::ByPolicy,
            false,
        );
        let sessions = Sessions::new(minter, Keys::fixed(&key));
        Self {
            broker: Arc::new(broker),
            sessions: Arc::new(sessions),
            standing: Arc::default(),
            fake,
            key,
            memory,
            held_up,
            region,
        }
    }

    pub(crate) fn revoker(&self) -> Revoker<Memory, NoLog, AccountClock> {
        let iam = Iam {
            endpoint: Endpoint::at(Service::Iam, &self.region, &self.fake.url()).unwrap(),
            transport: Transport::new(Duration::from_millis(500)),
        };
        Revoker::new(
            Arc::clone(&self.broker),
            Arc::clone(&self.sessions),
            sts(&self.fake, &self.region),
            iam,
            Arc::clone(&self.standing),
        )
    }

    pub(crate) fn canaries(&self) -> Canaries {
        Canaries {
            sessions: Arc::clone(&self.sessions),
            standing: Arc::clone(&self.standing),
            iam: Iam {
                endpoint: Endpoint::at(Service::Iam, &self.region, &self.fake.url()).unwrap(),
                transport: Transport::default(),
            },
            s3: Endpoint::at(Service::S3, &self.region, &self.fake.url()).unwrap(),
            transport: Transport::default(),
        }
    }

    /// An active grant of a task that reads one prefix, for so long.
    pub(crate) async fn grant(&self, id: &str, agent: &str, seconds: u64) -> Arc<Grant> {
        let now_ms = self.broker.now_ms();
        let grant = Grant {
            id: id.into(),
            lineage: Vec::new(),
            agent: agent.into(),
            owner: "payments".into(),
            task: "reconcile".into(),
            charter: "c1".into(),
            state: State::Approved,
            ver: 1,
            issued_ms: now_ms,
            deadline_ms: now_ms + seconds * 1_000,
            deadline_ms_max: now_ms + seconds * 1_000,
            credential_until_ms: 0,
            ending: None,
            sessions: Vec::new(),
            uses: 0,
            body: Vec::new(),
            history: Vec::new(),
        };
        let opened = self.broker.open_grant(grant, Vec::new(), Vec::new()).await;
        let request = format!("token-{id}");
        let issued = self
            .broker
            .issue(
                opened.unwrap().into_value(),
                &request,
                &Entry::of("credential.issued"),
                &Token,
            )
            .await;
        issued.unwrap().into_value();
        self.kept(id).await
    }

    pub(crate) async fn kept(&self, id: &str) -> Arc<Grant> {
        self.broker.store().grant(id).await.unwrap().value.unwrap()
    }

    /// Asks for the credentials of a grant, as the gateway does.
    pub(crate) async fn ask(&self, grant: &Arc<Grant>) -> Result<Arc<Minted>, NoCredentials> {
        let wanted = wanted(grant, &role_of(&grant.agent));
        let entry = Entry::of("credential.issued");
        let made = self
            .sessions
            .of_grant(&self.broker, Arc::clone(grant), wanted, entry)
            .await;
        made.map(Recorded::into_value)
    }

    /// A grant with credentials.
    pub(crate) async fn armed(&self, id: &str, agent: &str, seconds: u64) -> Arc<Minted> {
        let grant = self.grant(id, agent, seconds).await;
        self.ask(&grant).await.unwrap()
    }

    /// Whether AWS lets the credentials read.
    pub(crate) fn reads(&self, made: &Minted) -> bool {
        self.may(made, "s3:GetObject")
    }

    pub(crate) fn may(&self, made: &Minted, action: &str) -> bool {
        let key = &made.session.key;
        let token = key.session_token.as_ref();
        let token = token.map(|token| token.expose_secret());
        self.fake.world().allows(&key.id, token, action, OBJECT)
    }

    pub(crate) async fn end(&self, id: &str) {
        let grant = self.kept(id).await;
        let ended = self
            .broker
            .end(&grant, State::Completed, &Entry::default())
            .await;
        ended.unwrap().into_value();
    }

    /// The policy that denies ended grants, of an agent's role.
    pub(crate) fn policy(&self, agent: &str) -> Option<String> {
        let role = role_of(agent).parse().unwrap();
        let world = self.fake.world();
        let policy = world.inline_policy(&role, bailiwick_aws::revoke::POLICY_NAME);
        policy.map(str::to_owned)
    }

    /// The record, as it would be read.
    pub(crate) async fn told(&self) -> String {
        let records = self.broker.store().records(0, 10_000).await.unwrap();
        let lines = records.iter().map(|record| record.text().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    }

    pub(crate) async fn posts(&self) -> usize {
        self.broker.store().posts(10_000).await.unwrap().len()
    }

    pub(crate) fn calls(&self, action: &str) -> u64 {
        self.fake.world().calls(action)
    }

    pub(crate) fn advance(&self, seconds: u32) {
        self.fake.world().advance(seconds);
    }
}

fn sts(fake: &FakeAws, region: &Region) -> Sts {
    Sts {
        endpoint: Endpoint::at(Service::Sts, region, &fake.url()).unwrap(),
        transport: Transport::new(Duration::from_millis(500)),
    }
}

/// Reading, until the grant's deadline.
pub(crate) fn wanted(grant: &Grant, role: &str) -> Wanted {
    let deadline =
        bailiwick_aws::time::Timestamp(i64::try_from(grant.deadline_ms / 1_000).unwrap());
    Wanted {
        role_arn: role.to_owned(),
        session_policy: format!(
            r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/2026/*"}},
            {{"Effect":"Deny","Action":"*","Resource":"*",
              "Condition":{{"DateGreaterThanEquals":{{"aws:CurrentTime":"{deadline}"}}}}}}]}}"#
        ),
        deadline_ms: grant.deadline_ms,
    }
}

pub(crate) fn refused(error: &NoCredentials) -> bool {
    matches!(
        error,
        NoCredentials::NotRecorded(NotRecorded::Refused(_))
            | NoCredentials::NotIssued(bailiwick_broker::NotIssued::State(_))
    )
}
