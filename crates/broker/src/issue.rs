//! Outward effects: the intent is durable before the attempt, the outcome before its fruit is
//! handed out.

use std::{sync::Arc, time::Duration};

use bailiwick_ledger::Entry;

use crate::{
    Broker, NotRecorded, Recorded, State,
    port::{Change, Clock, Grant, Log, Mint, MintError, Minted, Place, Refused, Store},
    protocol::{begun, made, opened, settled, withheld},
};

/// A mint that has not answered by then has an unknown outcome.
pub const MINT_TIMEOUT: Duration = Duration::from_secs(10);

/// How often an outcome is told anew because the grant took another step meanwhile.
const ATTEMPTS_MAX: u32 = 16;

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
        let (intent, issuing) = self.begin(&grant, request, entry, mint).await?;
        let minted = tokio::time::timeout(MINT_TIMEOUT, mint.mint(&intent, request)).await;
        let minted = minted.unwrap_or_else(|_| {
            let waited = MINT_TIMEOUT.as_secs();
            Err(MintError::Unknown(format!("no answer in {waited} s")))
        });
        let places = self.settle(issuing, request, entry, &minted).await?;
        Ok(Recorded::new(minted?.credential, places))
    }

    /// Hands out a credential of a grant that this process has made by itself, as it signs a token:
    /// once the record of it is durable. [`Broker::issue`] is for those that others make.
    ///
    /// # Errors
    /// If the grant is in no state for it, or it is not known to be durable; then nobody sees it.
    pub async fn issue_made<T>(
        &self,
        grant: Arc<Grant>,
        request: &str,
        entry: &Entry,
        minted: Minted<T>,
    ) -> Result<Recorded<(Arc<Grant>, T)>, NotIssued> {
        let Minted { credential, about } = minted;
        let mut grant = grant;
        let mut attempt = 0;
        loop {
            attempt += 1;
            self.may_issue(&grant)?;
            let made = made(&grant, request, entry, self.now_ms(), about.clone());
            let (change, active) = made.map_err(NotIssued::State)?;
            let refused = match self.record(change, ()).await {
                Ok(recorded) => {
                    let value = (Arc::new(active), credential);
                    return Ok(Recorded::new(value, recorded.places().to_vec()));
                }
                Err(NotRecorded::Refused(refused)) => refused,
                Err(error) => return Err(error.into()),
            };
            grant = self.moved_on(&grant, refused, attempt).await?;
        }
    }

    /// Opens a grant, together with what it costs, and hands out a credential of it that this process
    /// has made by itself: all of it in one change.
    ///
    /// # Errors
    /// If a stop covers it, if anything of it is refused, or if it is not known to be durable.
    pub async fn open_made<T>(
        &self,
        grant: Grant,
        opening: Change,
        request: &str,
        entry: &Entry,
        minted: Minted<T>,
    ) -> Result<Recorded<(Arc<Grant>, T)>, NotIssued> {
        let Minted { credential, about } = minted;
        self.may_issue(&grant)?;
        let made = made(&grant, request, entry, self.now_ms(), about);
        let (issued, active) = made.map_err(NotIssued::State)?;
        let mut change = opened(grant, opening);
        change.ops.extend(issued.ops);
        change.entries.extend(issued.entries);
        let recorded = self.record(change, (Arc::new(active), credential)).await;
        Ok(recorded?)
    }

    fn may_issue(&self, grant: &Grant) -> Result<(), NotRecorded> {
        if self.stop_covering(grant).is_some() {
            return Err(Refused::Stopped.into());
        }
        if self.now_ms() >= grant.deadline_ms {
            return Err(Refused::Deadline.into());
        }
        Ok(())
    }

    /// The grant as it is now, if only another step of its life was faster.
    async fn moved_on(
        &self,
        grant: &Grant,
        refused: Refused,
        attempt: u32,
    ) -> Result<Arc<Grant>, NotRecorded> {
        if matches!(refused, Refused::Version { .. }) && attempt < ATTEMPTS_MAX {
            let now = self.store.grant(&grant.id).await?.value;
            if let Some(now) = now.filter(|now| now.state == State::Active) {
                return Ok(now);
            }
        }
        Err(refused.into())
    }

    /// Records what came of the attempt. A renewal or another credential may have moved the grant on
    /// meanwhile; what ended it refuses the outcome, and then what was made is dropped unseen.
    async fn settle<T: Send>(
        &self,
        issuing: Grant,
        request: &str,
        entry: &Entry,
        minted: &Result<Minted<T>, MintError>,
    ) -> Result<Vec<Place>, NotIssued> {
        let mut grant = issuing;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let outcome = settled(&grant, request, entry.clone(), minted);
            let refused = match self.record(outcome, ()).await {
                Ok(recorded) => return Ok(recorded.places().to_vec()),
                Err(NotRecorded::Refused(refused)) => refused,
                Err(error) => return Err(error.into()),
            };
            let refused = match self.moved_on(&grant, refused, attempt).await {
                Ok(now) => {
                    grant = Arc::unwrap_or_clone(now);
                    continue;
                }
                Err(NotRecorded::Refused(refused)) => refused,
                Err(error) => return Err(error.into()),
            };
            let withheld = withheld(&grant, request, entry.clone(), minted, &refused);
            self.record(withheld, ()).await?.into_value();
            return Err(NotRecorded::Refused(refused).into());
        }
    }

    /// Announces the attempt. Answers with the grant as it is while the attempt is under way.
    async fn begin<M: Mint>(
        &self,
        grant: &Arc<Grant>,
        request: &str,
        entry: &Entry,
        mint: &M,
    ) -> Result<(Recorded<Arc<Grant>>, Grant), NotIssued> {
        self.may_issue(grant)?;
        let begun_ms = self.now_ms();
        let until_ms = mint.until_ms_max(grant, begun_ms);
        let session = mint.session(grant, request, begun_ms);
        let begun = begun(grant, request, entry.clone(), begun_ms, until_ms, session);
        let (change, issuing) = begun.map_err(NotIssued::State)?;
        let intent = self.record(change, Arc::new(issuing.clone())).await?;
        Ok((intent, issuing))
    }
}
