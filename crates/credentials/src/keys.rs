//! What the broker itself signs with.

use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError},
};
use bailiwick_aws::key::AccessKey;

/// A key is asked for anew when it has less than this to live.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// The broker's own key, from wherever the platform keeps it; asked for again before it expires.
#[derive(Debug)]
pub struct Keys {
    provider: SharedCredentialsProvider,
    last: Mutex<Option<Credentials>>,
}

/// There is no key to sign with.
#[derive(Debug, thiserror::Error)]
#[error("the broker has no key for AWS")]
pub struct NoKey(#[source] CredentialsError);

impl Keys {
    pub fn of(provider: impl ProvideCredentials + 'static) -> Self {
        Self {
            provider: SharedCredentialsProvider::new(provider),
            last: Mutex::default(),
        }
    }

    /// One key that does not change.
    pub fn fixed(key: &AccessKey) -> Self {
        Self::of(key.credentials())
    }

    /// The key of now.
    ///
    /// # Errors
    /// If the platform gives none.
    pub async fn key(&self) -> Result<AccessKey, NoKey> {
        if let Some(key) = self.fresh() {
            return Ok(key);
        }
        let given = self.provider.provide_credentials().await.map_err(NoKey)?;
        let key = AccessKey::from(&given);
        *self.last() = Some(given);
        Ok(key)
    }

    fn fresh(&self) -> Option<AccessKey> {
        let last = self.last();
        let last = last.as_ref()?;
        let expires = last.expiry();
        let is_fresh = expires.is_none_or(|expires| expires > SystemTime::now() + RENEW_BEFORE);
        is_fresh.then(|| AccessKey::from(last))
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Credentials>> {
        self.last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
