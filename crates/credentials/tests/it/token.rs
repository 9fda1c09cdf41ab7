//! A grant's token, as the gateway makes one first; the benchmark reads this file too.

use std::sync::Arc;

use bailiwick_broker::{
    Recorded,
    port::{self, Grant, Mint, MintError},
};
use bailiwick_ledger::Credential;

pub(crate) struct Token;

impl Mint for Token {
    type Credential = ();

    fn until_ms_max(&self, grant: &Grant, _: u64) -> u64 {
        grant.deadline_ms
    }

    async fn mint(
        &self,
        grant: &Recorded<Arc<Grant>>,
        _: &str,
    ) -> Result<port::Minted<()>, MintError> {
        Ok(port::Minted {
            credential: (),
            about: Credential {
                kind: "token".into(),
                expires_ms: Some(grant.value().deadline_ms),
                ..Credential::default()
            },
        })
    }
}
