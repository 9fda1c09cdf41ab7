//! An account with a broker and a task role, and a way to try a credential.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use bailiwick_aws::bucket::Rate;
use bailiwick_aws::endpoint::{Endpoint, Region, Service};
use bailiwick_aws::iam::Iam;
use bailiwick_aws::key::AccessKey;
use bailiwick_aws::mint::{MintError, Minted, Minter, Order, ShortSessions};
use bailiwick_aws::sts::{AssumeRole, Sts};
use bailiwick_aws::time::Timestamp;
use bailiwick_aws::transport::Transport;
use bailiwick_testkit::aws::{FakeAws, Role, World};
use secrecy::ExposeSecret;

pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/agents/ledger-task";
pub(crate) const NEXT_ROLE: &str = "arn:aws:iam::111122223333:role/next";

const BROKER: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],
     "Resource":"arn:aws:iam::111122223333:role/agents/*"},
    {"Effect":"Allow","Action":["iam:PutRolePolicy","iam:GetRolePolicy","iam:DeleteRolePolicy"],
     "Resource":"arn:aws:iam::111122223333:role/agents/*"}]}"#;

/// The broker may assume it, under the name of the session as source identity, as an agent.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/broker"},
     "Action":["sts:AssumeRole","sts:SetSourceIdentity"]},
    {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/broker"},
     "Action":"sts:TagSession","Condition":{"StringLike":{"aws:RequestTag/agent":"?*"}}}]}"#;

const TASK: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::ledger/*"},
    {"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"*"},
    {"Effect":"Allow","Action":"sts:GetScopedCredentials","Resource":"*"},
    {"Effect":"Allow","Action":"sts:*","Resource":"arn:aws:iam::111122223333:role/next"}]}"#;

const NEXT_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:role/agents/ledger-task"},
     "Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]}]}"#;

/// The account, and the broker's key in it.
pub(crate) struct Account {
    pub(crate) fake: FakeAws,
    pub(crate) role_id: String,
    pub(crate) broker: AccessKey,
    pub(crate) region: Region,
}

impl Account {
    pub(crate) fn new() -> Self {
        let mut world = World::default();
        let role = |arn: &str, trust: &str, policy: &str| Role {
            arn: arn.parse().unwrap(),
            trust: trust.to_owned(),
            inline: vec![("task".to_owned(), policy.to_owned())],
            boundary: None,
            max_session_secs: 43_200,
        };
        let role_id = world.add_role(role(ROLE, TRUST, TASK)).unwrap();
        world.add_role(role(NEXT_ROLE, NEXT_TRUST, TASK)).unwrap();
        let broker = "arn:aws:iam::111122223333:user/broker".parse().unwrap();
        let key = world.add_user(broker, BROKER).unwrap();
        Self {
            fake: FakeAws::start(world).unwrap(),
            role_id,
            broker: AccessKey::new(&key.id, &key.secret, None),
            region: "eu-central-1".parse().unwrap(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.fake.world().now())
    }

    pub(crate) fn advance(&self, seconds: u32) {
        self.fake.world().advance(seconds);
    }

    fn endpoint(&self, service: Service) -> Endpoint {
        Endpoint::at(service, &self.region, &self.fake.url()).unwrap()
    }

    pub(crate) fn sts(&self) -> Sts {
        Sts {
            endpoint: self.endpoint(Service::Sts),
            transport: Transport::new(Duration::from_millis(500)),
        }
    }

    pub(crate) fn iam(&self) -> Iam {
        Iam {
            endpoint: self.endpoint(Service::Iam),
            transport: Transport::default(),
        }
    }

    pub(crate) fn minter(&self, short: ShortSessions) -> Minter {
        Minter::new(self.sts(), Rate::STS, short, false)
    }

    /// Reading one prefix, for so long.
    pub(crate) fn order(&self, grant: &str, seconds: u32) -> Order {
        let deadline = self.now().plus_secs(seconds);
        Order {
            grant: grant.to_owned(),
            agent: "ledger".to_owned(),
            task: "monthly-report".to_owned(),
            owner: "finance".to_owned(),
            role_arn: ROLE.to_owned(),
            session_policy: session_policy(deadline),
            deadline,
        }
    }

    /// Asks for a session of the task role without the minter's care.
    pub(crate) fn assume_role(&self) -> AssumeRole {
        AssumeRole {
            role_arn: ROLE.to_owned(),
            session_name: "by-hand".to_owned(),
            source_identity: "by-hand".to_owned(),
            session_policy: None,
            duration_secs: 900,
            tags: vec![("agent".to_owned(), "ledger".to_owned())],
        }
    }

    /// The status of one call to S3.
    pub(crate) async fn object(&self, method: &str, path: &str, key: &AccessKey) -> u16 {
        self.call("s3", method, path, &[], "", key).await
    }

    pub(crate) async fn reads(&self, key: &AccessKey) -> u16 {
        self.object("GET", "/ledger/2026/11", key).await
    }

    /// The status of one call to DynamoDB.
    pub(crate) async fn item(&self, operation: &str, key: &AccessKey) -> u16 {
        let target = format!("DynamoDB_20120810.{operation}");
        let body = r#"{"TableName":"entries"}"#;
        self.call(
            "dynamodb",
            "POST",
            "/",
            &[("x-amz-target", &target)],
            body,
            key,
        )
        .await
    }

    /// Signs as the SDK does, and sends.
    async fn call(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        key: &AccessKey,
    ) -> u16 {
        let uri = format!("{}{path}", self.fake.url());
        let mut request = http::Request::builder().method(method).uri(&uri);
        let authority = self.fake.url().replace("http://", "");
        let mut all = vec![("host", authority.as_str())];
        all.extend(headers);
        for (name, value) in &all {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.to_owned()).unwrap();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let token = key.session_token.as_ref();
        let identity = Credentials::new(
            &*key.id,
            key.secret.expose_secret(),
            token.map(|it| it.expose_secret().to_owned()),
            None,
            "test",
        )
        .into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region.as_str())
            .name(service)
            .time(SystemTime::from(self.now()))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let signable = SignableBody::Bytes(body.as_bytes());
        let signable = SignableRequest::new(method, &uri, all.into_iter(), signable).unwrap();
        let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Transport::default().send(request).await.unwrap().status
    }
}

/// Waits for a turn and mints.
pub(crate) async fn mint(
    minter: &Minter,
    order: &Order,
    key: &AccessKey,
    now: Timestamp,
) -> Result<Minted, MintError> {
    let turn = minter.turn().await?;
    minter.mint(order, turn, key, now).await
}

pub(crate) fn session_policy(deadline: Timestamp) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[
        {{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ledger/2026/*"}},
        {{"Effect":"Allow","Action":"dynamodb:GetItem","Resource":"*"}},
        {{"Effect":"Deny","Action":"*","Resource":"*",
          "Condition":{{"DateGreaterThanEquals":{{"aws:CurrentTime":"{deadline}"}}}}}}]}}"#
    )
}
