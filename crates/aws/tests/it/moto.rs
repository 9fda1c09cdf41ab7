//! The same calls at a server by others, where it answers: moto. It checks no limits and tells no
//! source identity, so it stands beside the server of the tests and not in its place.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use bailiwick_aws::{
    call::CallError,
    endpoint::{Endpoint, Region, Service},
    iam::Iam,
    key::AccessKey,
    mint::MintError,
    revoke::{CHARS_MAX, Denial, Ended, POLICY_NAME, denial},
    sts::{AssumeRole, Sts},
    time::Timestamp,
    transport::Transport,
};
use bailiwick_testkit::peers;

const ROLE: &str = "arn:aws:iam::123456789012:role/agents/prod/reader-task";

struct Moto {
    process: Child,
    url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// moto with one role in it; `None` if it is not installed.
fn moto() -> Option<Moto> {
    let mut server = peers::program("moto_server")?;
    let mut aws = peers::program("aws")?;
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let process = server
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let moto = Moto {
        process,
        url: format!("http://127.0.0.1:{port}"),
    };
    let begun = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "moto does not start"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    let made = by_hand(&mut aws, &moto.url)
        .args(["iam", "create-role", "--role-name", "reader-task"])
        .args([
            "--path",
            "/agents/prod/",
            "--assume-role-policy-document",
            "{}",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
    Some(moto)
}

fn by_hand<'c>(aws: &'c mut Command, url: &str) -> &'c mut Command {
    aws.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .args(["--endpoint-url", url])
}

#[tokio::test]
async fn another_server_takes_our_calls_and_we_read_its_answers() {
    let Some(moto) = moto() else {
        return;
    };
    let region: Region = "us-east-1".parse().unwrap();
    let at = |service| Endpoint::at(service, &region, &moto.url).unwrap();
    let sts = Sts {
        endpoint: at(Service::Sts),
        transport: Transport::default(),
    };
    let iam = Iam {
        endpoint: at(Service::Iam),
        transport: Transport::default(),
    };
    let key = AccessKey::new("AKIAIOSFODNN7EXAMPLE", "secret", None);
    let now = Timestamp::from(SystemTime::now());

    let caller = sts.caller_identity(&key, now).await.unwrap();
    assert_eq!(caller.account, "123456789012");
    let call = AssumeRole {
        role_arn: ROLE.to_owned(),
        session_name: "g-01".to_owned(),
        source_identity: "g-01".to_owned(),
        session_policy: Some(crate::account::session_policy(now.plus_secs(300))),
        duration_secs: 900,
        tags: vec![("agent".to_owned(), "reader".to_owned())],
    };
    let session = sts.assume_role(&call, &key, now).await.unwrap();
    assert_eq!(
        session.arn,
        "arn:aws:sts::123456789012:assumed-role/reader-task/g-01"
    );
    assert!((895..=905).contains(&session.expires.secs_since(now)));
    let caller = sts.caller_identity(&session.key, now).await.unwrap();
    assert_eq!(caller.arn, session.arn);

    let ended = Ended {
        grant: "g-01".to_owned(),
        sessions_expire: session.expires,
        made_by: None,
    };
    let Denial::Grants { document, .. } = denial(&[ended], None, CHARS_MAX, now) else {
        panic!("expected grants");
    };
    let name = "reader-task";
    iam.put_role_policy(name, POLICY_NAME, &document, &key, now)
        .await
        .unwrap();
    let read = iam.role_policy(name, POLICY_NAME, &key, now).await.unwrap();
    let same = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(read.as_deref().map(same), Some(same(&document)));
    for _ in 0..2 {
        iam.delete_role_policy(name, POLICY_NAME, &key, now)
            .await
            .unwrap();
    }
    assert_eq!(
        iam.role_policy(name, POLICY_NAME, &key, now).await.unwrap(),
        None
    );
    let gone = iam.put_role_policy("nobody", POLICY_NAME, &document, &key, now);
    let Err(CallError::Refused { error, .. }) = gone.await else {
        panic!("expected a refusal");
    };
    assert_eq!(error.code, "NoSuchEntity");
}

/// moto tells no source identity; a session that does not say whose it is is not handed out.
#[tokio::test]
async fn a_session_without_its_source_identity_is_not_handed_out() {
    let Some(moto) = moto() else {
        return;
    };
    let region: Region = "us-east-1".parse().unwrap();
    let sts = Sts {
        endpoint: Endpoint::at(Service::Sts, &region, &moto.url).unwrap(),
        transport: Transport::default(),
    };
    let minter = bailiwick_aws::mint::Minter::new(
        sts,
        bailiwick_aws::bucket::Rate::STS,
        bailiwick_aws::mint::ShortSessions::ByPolicy,
        false,
    );
    let key = AccessKey::new("AKIAIOSFODNN7EXAMPLE", "secret", None);
    let now = Timestamp::from(SystemTime::now());
    let order = bailiwick_aws::mint::Order {
        grant: "g-01".to_owned(),
        agent: "reader".to_owned(),
        task: "read".to_owned(),
        owner: "finance".to_owned(),
        role_arn: ROLE.to_owned(),
        session_policy: crate::account::session_policy(now.plus_secs(300)),
        deadline: now.plus_secs(300),
    };
    let minted = crate::account::mint(&minter, &order, &key, now).await;
    let Err(MintError::Another {
        source_identity, ..
    }) = minted
    else {
        panic!("{minted:?}");
    };
    assert_eq!(source_identity, None);
}
