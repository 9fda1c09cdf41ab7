//! The server of the tests against a signer and a reader by others: botocore.

use bailiwick_testkit::peers;
use secrecy::ExposeSecret;

use crate::account::{Account, ROLE, session_policy};

#[test]
fn botocore_makes_a_session_and_reads_with_it_and_is_refused_the_rest() {
    let account = Account::new();
    let Some(mut python) = peers::python_script("assume_role.py") else {
        return;
    };
    let policy = session_policy(account.now().plus_secs(300));
    let output = python
        .args([&account.fake.url(), ROLE, &policy])
        .env("AWS_ACCESS_KEY_ID", &account.broker.id)
        .env(
            "AWS_SECRET_ACCESS_KEY",
            account.broker.secret.expose_secret(),
        )
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let expected = "identity g-boto\nread 2026/11 done\nread 1999/01 AccessDenied\n\
                    write 2026/11 AccessDenied\nitem read\nwrong secret SignatureDoesNotMatch\n";
    assert_eq!(
        told,
        expected,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
