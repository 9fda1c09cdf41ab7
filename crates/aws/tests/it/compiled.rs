//! The roles that a charter compiles to, and its session policy: made, used and denied.

use bailiwick_aws::bucket::Rate;
use bailiwick_aws::key::AccessKey;
use bailiwick_aws::mint::{Minted, Minter, Order, ShortSessions};
use bailiwick_aws::revoke::{CHARS_MAX, Denial, Ended, POLICY_NAME, denial};
use bailiwick_aws::time::Timestamp;
use bailiwick_charter::Charter;
use bailiwick_charter::compile::{CompiledRole, Deadline, Site, broker, compile, session_policy};
use bailiwick_iam::arn::{AccountId, Arn};
use bailiwick_testkit::aws::Role;

use crate::account::{Account, mint};

const CHARTER: &str = r#"
agent: year-reader
owner: { team: finance, contact: finance@example.com }
purpose: Read the ledger.
environment: prod
mode: brokered
runs-as: [ "arn:aws:bedrock-agentcore:eu-central-1:111122223333:runtime/reader-AbCdEfGhIj" ]
tasks:
  read-year:
    for: 2h
    parameters: { year: "[0-9]{4}" }
    read:
      - { actions: [s3:GetObject], resources: ["arn:aws:s3:::ledger/${year}/*"] }
"#;

/// Makes a role in the account as it was compiled.
fn make(account: &Account, role: &CompiledRole) -> Arn {
    let arn: Arn = role.arn().parse().unwrap();
    let inline = role.policies.iter();
    let boundary = role.boundary_arn().parse().unwrap();
    let role = Role {
        arn: arn.clone(),
        trust: role.trust.to_json(),
        inline: inline
            .map(|it| (it.name.clone(), it.document.to_json()))
            .collect(),
        boundary: Some((boundary, role.boundary.document.to_json())),
        max_session_secs: role.max_session_seconds,
    };
    account.fake.world().add_role(role).unwrap();
    arn
}

/// An account with the roles of one charter and of the broker, and the key of the broker's session.
struct Made {
    account: Account,
    charter: Charter,
    task_role: Arn,
    broker_role: Arn,
    broker: AccessKey,
}

fn made() -> Made {
    let account = Account::new();
    let charter = Charter::parse("ledger.yaml", CHARTER).unwrap();
    let compiled = compile(&charter, &Site::default()).unwrap();
    let task_role = make(&account, compiled.tasks.get(&home()).unwrap());
    let workload = "arn:aws:ecs:eu-central-1:111122223333:service/tools/broker";
    let broker_role = broker(&workload.parse().unwrap(), home(), &[]).unwrap();
    let broker_role = make(&account, &broker_role);
    let (key, token) = account.fake.world().begin(&broker_role, "broker", 3_600);
    Made {
        account,
        charter,
        task_role,
        broker_role,
        broker: AccessKey::new(&key.id, &key.secret, Some(&token)),
    }
}

fn order(charter: &Charter, role: &Arn, grant: &str, deadline: Timestamp) -> Order {
    let (name, task) = charter.tasks.first_key_value().unwrap();
    let bound = task.bind([("year", "2026")]).unwrap();
    let home = home();
    let end = Deadline::of_unix_seconds(u64::try_from(deadline.0).unwrap()).unwrap();
    let policy = session_policy(task, &bound, home, home, end).unwrap();
    Order {
        grant: grant.to_owned(),
        agent: charter.agent.to_string(),
        task: name.to_string(),
        owner: charter.owner.team.clone(),
        role_arn: role.to_string(),
        session_policy: policy.to_json(),
        deadline,
    }
}

fn home() -> AccountId {
    "111122223333".parse().unwrap()
}

impl Made {
    /// Mints a grant as the broker.
    async fn mint(&self, grant: &str, seconds: u32) -> Minted {
        let minter = Minter::new(self.account.sts(), Rate::STS, ShortSessions::ByPolicy, true);
        let now = self.account.now();
        let order = order(
            &self.charter,
            &self.task_role,
            grant,
            now.plus_secs(seconds),
        );
        mint(&minter, &order, &self.broker, now).await.unwrap()
    }
}

#[tokio::test]
async fn the_compiled_broker_mints_and_denies_for_the_compiled_task_and_can_do_nothing_else() {
    let made = made();
    let account = &made.account;
    let (first, second) = (made.mint("g-01", 600).await, made.mint("g-02", 600).await);
    let ended = Ended {
        grant: "g-01".to_owned(),
        sessions_expire: first.sts_expiry,
        made_by: None,
    };
    let (first, second) = (&first.session.key, &second.session.key);
    assert_eq!(account.reads(first).await, 200);
    assert_eq!(account.object("GET", "/ledger/2025/11", first).await, 403);
    assert_eq!(account.object("PUT", "/ledger/2026/11", first).await, 403);
    assert_eq!(account.reads(&made.broker).await, 403);

    let Denial::Grants { document, .. } = denial(&[ended], None, CHARS_MAX, account.now()) else {
        panic!("expected grants");
    };
    let (iam, now) = (account.iam(), account.now());
    let name = made.task_role.resource_name();
    let put = |role, key| iam.put_role_policy(role, POLICY_NAME, &document, key, now);
    put(name, &made.broker).await.unwrap();
    assert_eq!(account.reads(first).await, 403);
    assert_eq!(account.reads(second).await, 200);
    // Not into its own role, and no agent's session into any.
    let own = made.broker_role.resource_name();
    assert!(put(own, &made.broker).await.is_err());
    assert!(put(name, second).await.is_err());

    account.advance(601);
    assert_eq!(account.reads(second).await, 403);
}

#[tokio::test]
async fn a_session_of_the_brokers_session_ends_within_the_hour_and_says_so() {
    let made = made();
    let minted = made.mint("g-01", 7_200).await;
    assert_eq!(minted.enforced_deadline, minted.sts_expiry);
    assert!(minted.sts_expiry.secs_since(made.account.now()) <= 3_600);
}
