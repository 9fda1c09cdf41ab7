//! Outward effects: the intent is durable before the attempt, the outcome before its fruit is
//! handed out.

use std::{sync::Arc, time::Duration};

use bailiwick_ledger::{Entry, Phase};

use crate::{
    Broker, NotRecorded, Recorded, State,
    broker::{about, transition},
    port::{Change, Clock, Grant, Intent, Log, Mint, MintError, Minted, Op, Refused, Step, Store},
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
        let entry = Entry {
            phase: Some(Phase::Intent),
            request_id: Some(request.to_owned()),
            ..entry.clone()
        };
        let mut issuing = Grant::clone(grant);
        let mut ops = vec![Op::Begin(Intent {
            request: request.to_owned(),
            grant: Some(grant.id.clone()),
            begun_ms,
        })];
        match grant.state {
            State::Approved => issuing.state = State::Issuing,
            // The store confirms that it still is.
            State::Active => {}
            other @ (State::Requested
            | State::PendingApproval
            | State::Issuing
            | State::Suspended
            | State::Revoking
            | State::Completed
            | State::Expired
            | State::Revoked
            | State::Denied
            | State::Cancelled
            | State::Lapsed
            | State::IssueFailed
            | State::Orphaned) => return Err(NotIssued::State(other)),
        }
        // If nobody ever learns the outcome, the grant is kept until even the longest credential is
        // worth nothing.
        let step = Step {
            credential_until_ms: Some(credential_until_ms),
            ..Step::to(issuing.state, grant)
        };
        issuing.ver += 1;
        let entry = transition(entry, grant, &step);
        ops.push(Op::Step(step));
        let change = Change {
            ops,
            entries: vec![entry],
        };
        let intent = self.record(change, Arc::new(issuing.clone())).await?;
        Ok((intent, issuing))
    }
}

/// What is told of an attempt whose fruit is not handed out.
fn withheld<C>(
    grant: &Grant,
    request: &str,
    entry: Entry,
    minted: &Result<Minted<C>, MintError>,
    why: &Refused,
) -> Change {
    let entry = Entry {
        phase: Some(Phase::Outcome),
        outcome: Some("withheld".into()),
        reason_code: Some(why.to_string()),
        request_id: Some(request.to_owned()),
        credential: minted.as_ref().ok().map(|minted| minted.about.clone()),
        ..entry
    };
    Change {
        ops: vec![Op::Settle {
            request: request.to_owned(),
        }],
        entries: vec![about(entry, grant)],
    }
}

/// What is told of the attempt, and where it leaves the grant.
fn settled<C>(
    grant: &Grant,
    request: &str,
    entry: Entry,
    minted: &Result<Minted<C>, MintError>,
) -> Change {
    let mut entry = Entry {
        request_id: Some(request.to_owned()),
        ..entry
    };
    let (phase, outcome, to) = match minted {
        Ok(minted) => {
            entry.credential = Some(minted.about.clone());
            (Phase::Outcome, "ok", State::Active)
        }
        Err(MintError::Refused(_)) => (Phase::Outcome, "failed", State::IssueFailed),
        Err(MintError::Unknown(_)) => (Phase::Timeout, "unknown", State::Orphaned),
    };
    entry.phase = Some(phase);
    entry.outcome = Some(outcome.into());
    if let Err(error) = minted {
        entry.reason_code.get_or_insert_with(|| error.to_string());
    }
    let mut ops = vec![Op::Settle {
        request: request.to_owned(),
    }];
    // A later credential that fails leaves the grant, and the earlier credentials, as they are.
    let is_first = grant.state == State::Issuing;
    if is_first || minted.is_ok() {
        let step = Step {
            credential_until_ms: entry.credential.as_ref().and_then(|made| made.expires_ms),
            ..Step::to(to, grant)
        };
        entry = transition(entry, grant, &step);
        ops.push(Op::Step(step));
    } else {
        entry = about(entry, grant);
    }
    Change {
        ops,
        entries: vec![entry],
    }
}
