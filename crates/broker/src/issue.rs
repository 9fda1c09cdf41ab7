//! Outward effects: the intent is durable before the attempt, the outcome before its fruit is
//! handed out.

use std::{sync::Arc, time::Duration};

use bailiwick_ledger::Entry;

use crate::{
    Broker, NotRecorded, Recorded, State,
    port::{Clock, Grant, Log, Mint, MintError, Refused, Store},
    protocol::{begun, settled, withheld},
};

/// A mint that has not answered by then has an unknown outcome.
pub const MINT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no credential to hand out.
#[derive(Debug, thiserror::Error)]
pub enum NotIssued {
    #[error(transparent)]
    Mint(#[from] MintError),
    #[error(transparent)]
    NotRecorded(#[from] NotRecorded),
    #[error("the grant is {0}, and only an approved or active one makes a credential")]
    State(State),
}

impl<S: Store, L: Log, C: Clock> Broker<S, L, C> {
    /// Makes a credential of a grant: the first makes an approved grant active, later ones leave it
    /// so. `request` is new for each attempt; `entry` says who asked.
    ///
    /// If the process stops in between, or the outcome cannot be recorded, the credential is not
    /// handed out, and the next start settles the attempt as one of unknown outcome.
    ///
    /// # Errors
    /// If the grant is in no state for it, the mint fails, or anything is not known to be durable.
    pub async fn issue<M: Mint>(
        &self,
        grant: Arc<Grant>,
        request: &str,
        entry: &Entry,
        mint: &M,
    ) -> Result<Recorded<M::Credential>, NotIssued> {
        let until_ms = mint.until_ms_max(&grant, self.now_ms());
        let (intent, issuing) = self.begin(&grant, request, entry, until_ms).await?;
        let minted = tokio::time::timeout(MINT_TIMEOUT, mint.mint(&intent, request)).await;
        let minted = minted.unwrap_or_else(|_| {
            let waited = MINT_TIMEOUT.as_secs();
            Err(MintError::Unknown(format!("no answer in {waited} s")))
        });
        let outcome = settled(&issuing, request, entry.clone(), &minted);
        let recorded = self.record(outcome, ()).await;
        if let Err(NotRecorded::Refused(refused)) = &recorded {
            // The grant was ended meanwhile: what was made is dropped here, unseen.
            let withheld = withheld(&issuing, request, entry.clone(), &minted, refused);
            self.record(withheld, ()).await?.into_value();
        }
        let places = recorded?.places().to_vec();
        Ok(Recorded::new(minted?.credential, places))
    }

    /// Announces the attempt. Answers with the grant as it is while the attempt is under way.
    async fn begin(
        &self,
        grant: &Arc<Grant>,
        request: &str,
        entry: &Entry,
        credential_until_ms: u64,
    ) -> Result<(Recorded<Arc<Grant>>, Grant), NotIssued> {
        if self.stop_covering(grant).is_some() {
            return Err(NotRecorded::from(Refused::Stopped).into());
        }
        let begun_ms = self.now_ms();
        if begun_ms >= grant.deadline_ms {
            return Err(NotRecorded::from(Refused::Deadline).into());
        }
        let (change, issuing) = begun(grant, request, entry.clone(), begun_ms, credential_until_ms)
            .map_err(NotIssued::State)?;
        let intent = self.record(change, Arc::new(issuing.clone())).await?;
        Ok((intent, issuing))
    }
}
