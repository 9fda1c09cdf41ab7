//! The keys of an issuer, asked for when they are needed and not more often.

use std::sync::{Arc, PoisonError, RwLock};

use bailiwick_authority::json::{self, Bounds, Value};
use tokio::sync::Mutex;

use crate::fetch::{Address, AddressError, Fetch, FetchError};
use crate::jwks::{Algorithm, Key, KeySet, NoKey, SET_LENGTH_MAX, SetError};

/// Keys younger than this are used without asking: so long a key that an issuer withdrew is taken.
pub const FRESH_MS: u64 = 10 * 60 * 1_000;

/// Keys older than this are not used, also if the issuer cannot be reached.
pub const STALE_MS_MAX: u64 = 4 * 60 * 60 * 1_000;

/// Between two questions to an issuer whose keys are known, whatever keys tokens name.
pub const ASK_EVERY_MS: u64 = 60 * 1_000;

/// Between two questions to an issuer that never answered.
const ASK_AGAIN_MS: u64 = 5 * 1_000;

const DISCOVERY_LENGTH_MAX: usize = 64 << 10;

const DISCOVERY_BOUNDS: Bounds = Bounds {
    bytes: DISCOVERY_LENGTH_MAX,
    depth: 8,
    values: 2_048,
};

/// Where the keys are.
#[derive(Debug, Clone)]
pub enum Source {
    /// Where the issuer's `/.well-known/openid-configuration` says.
    Discovered,
    /// There.
    At(Address),
    /// There, as a SPIFFE bundle.
    Bundle(Address),
    /// Nowhere but here.
    Known(KeySet),
}

/// Why the keys of an issuer are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeysError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("its discovery document cannot be read")]
    Discovery,
    #[error("its discovery document is another issuer's")]
    OtherIssuer,
    #[error("its discovery document names no address of keys that is asked: {0}")]
    KeysAddress(AddressError),
    #[error("its keys cannot be read: {0}")]
    Set(#[from] SetError),
}

/// Why no key of an issuer is asked about a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyFault {
    Unknown,
    Ambiguous,
    /// The issuer's keys are not known, or too old.
    Unreachable,
}

/// The keys that an issuer published.
#[derive(Debug)]
pub(crate) struct Published {
    issuer: String,
    source: Source,
    fetch: Fetch,
    held: RwLock<Option<Arc<Held>>>,
    /// When the issuer was last asked. Whoever asks holds it, so that one asks at a time.
    asked: Mutex<Option<u64>>,
}

#[derive(Debug)]
struct Held {
    keys: KeySet,
    at_ms: u64,
}

impl Published {
    pub(crate) fn new(issuer: &str, source: Source, fetch: Fetch) -> Self {
        Self {
            issuer: issuer.to_owned(),
            source,
            fetch,
            held: RwLock::default(),
            asked: Mutex::default(),
        }
    }

    /// The key of this name.
    ///
    /// # Errors
    /// If there is none, or nobody can tell.
    pub(crate) async fn key(
        &self,
        kid: &str,
        algorithm: Algorithm,
        now_ms: u64,
    ) -> Result<Key, KeyFault> {
        let find = |keys: &KeySet| match keys.key(kid, algorithm) {
            Ok(key) => Ok(key.clone()),
            Err(NoKey::Unknown) => Err(KeyFault::Unknown),
            Err(NoKey::Ambiguous) => Err(KeyFault::Ambiguous),
        };
        if let Source::Known(keys) = &self.source {
            return find(keys);
        }
        let held = self.held();
        if let Some(held) = held.as_deref().filter(|held| held.age(now_ms) < FRESH_MS) {
            match find(&held.keys) {
                Err(KeyFault::Unknown) => {}
                found => return found,
            }
        }
        let held = self.renewed(held.as_ref(), now_ms).await?;
        find(&held.keys)
    }

    /// Asks the issuer, if it was not asked just now, and tells what is known then.
    async fn renewed(&self, seen: Option<&Arc<Held>>, now_ms: u64) -> Result<Arc<Held>, KeyFault> {
        let mut asked = self.asked.lock().await;
        let held = self.held();
        let is_newer = match (&held, seen) {
            (Some(held), Some(seen)) => !Arc::ptr_eq(held, seen),
            (Some(_), None) => true,
            (None, _) => false,
        };
        let every = if held.is_some() {
            ASK_EVERY_MS
        } else {
            ASK_AGAIN_MS
        };
        let is_early = asked.is_some_and(|at| now_ms.saturating_sub(at) < every);
        if !is_newer && !is_early {
            *asked = Some(now_ms);
            match self.ask().await {
                Ok(keys) => {
                    let held = Arc::new(Held {
                        keys,
                        at_ms: now_ms,
                    });
                    let mut place = self.held.write().unwrap_or_else(PoisonError::into_inner);
                    *place = Some(Arc::clone(&held));
                    return Ok(held);
                }
                Err(error) => {
                    tracing::warn!(issuer = self.issuer, %error, "the keys of an issuer cannot be had");
                }
            }
        }
        held.filter(|held| held.age(now_ms) < STALE_MS_MAX)
            .ok_or(KeyFault::Unreachable)
    }

    fn held(&self) -> Option<Arc<Held>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.clone()
    }

    async fn ask(&self) -> Result<KeySet, KeysError> {
        match &self.source {
            Source::Known(keys) => Ok(keys.clone()),
            Source::At(address) => {
                let text = self.fetch.get(address, SET_LENGTH_MAX).await?;
                Ok(KeySet::read(&text)?)
            }
            Source::Bundle(address) => {
                let text = self.fetch.get(address, SET_LENGTH_MAX).await?;
                Ok(KeySet::read_bundle(&text)?)
            }
            Source::Discovered => {
                let address = self.discovered().await?;
                let text = self.fetch.get(&address, SET_LENGTH_MAX).await?;
                Ok(KeySet::read(&text)?)
            }
        }
    }

    // OpenID Connect Discovery 1.0, section 4.
    async fn discovered(&self) -> Result<Address, KeysError> {
        let url = format!(
            "{}/.well-known/openid-configuration",
            self.issuer.trim_end_matches('/')
        );
        let place = self.fetch.place();
        let address = Address::read(&url, place).map_err(KeysError::KeysAddress)?;
        let text = self.fetch.get(&address, DISCOVERY_LENGTH_MAX).await?;
        let told = json::read(&text, DISCOVERY_BOUNDS).map_err(|_| KeysError::Discovery)?;
        let text = |name: &str| told.get(name).and_then(Value::text);
        if text("issuer") != Some(&self.issuer) {
            return Err(KeysError::OtherIssuer);
        }
        let keys = text("jwks_uri").ok_or(KeysError::Discovery)?;
        Address::read(keys, place).map_err(KeysError::KeysAddress)
    }
}

impl Held {
    /// How old it is. A clock that went back makes it old rather than young.
    fn age(&self, now_ms: u64) -> u64 {
        now_ms.checked_sub(self.at_ms).unwrap_or(FRESH_MS)
    }
}
