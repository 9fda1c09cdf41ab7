//! Tokens whose signature was found good, by their hash.
//!
//! To check an Ed25519 signature costs more than the rest of a decision, and an agent shows the same
//! token with every call. What the signature says does not change; whether the token is still in
//! time and its grant still active is looked at each time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bailiwick_authority::token::GrantToken;
use bailiwick_ledger::Hash;

/// Tokens that are remembered. One takes some hundred bytes.
const BELIEVED_MAX: usize = 10_000;

#[derive(Default)]
pub(crate) struct Believed(Mutex<HashMap<Hash, Token>>);

struct Token {
    said: Arc<GrantToken>,
    until_secs: u64,
}

impl Believed {
    /// What the token says, if it was believed before and still may be.
    pub(crate) fn find(&self, shown: &str, now_secs: u64) -> Option<Arc<GrantToken>> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let token = tokens.get(&Hash::of(&[shown.as_bytes()]))?;
        (now_secs < token.until_secs).then(|| Arc::clone(&token.said))
    }

    /// Remembers what a token says, until then.
    pub(crate) fn keep(
        &self,
        shown: &str,
        said: GrantToken,
        until_secs: u64,
        now_secs: u64,
    ) -> Arc<GrantToken> {
        let said = Arc::new(said);
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= BELIEVED_MAX {
            tokens.retain(|_, token| now_secs < token.until_secs);
        }
        if tokens.len() >= BELIEVED_MAX {
            tokens.clear();
        }
        let token = Token {
            said: Arc::clone(&said),
            until_secs,
        };
        tokens.insert(Hash::of(&[shown.as_bytes()]), token);
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(grant: &str) -> GrantToken {
        GrantToken {
            iss: "i".into(),
            aud: "a".into(),
            sub: "s".into(),
            txn: "t".into(),
            jti: "j".into(),
            iat: 0,
            exp: 100,
            grant: grant.into(),
            agent: "a".into(),
            task: "t".into(),
            jkt: None,
            requester: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn a_token_is_believed_until_its_end_and_no_other_for_it() {
        let believed = Believed::default();
        believed.keep("a.b.c", token("g1"), 100, 10);
        let found =
            |shown: &str, now: u64| believed.find(shown, now).map(|said| said.grant.clone());
        assert_eq!(found("a.b.c", 99).as_deref(), Some("g1"));
        assert_eq!(found("a.b.c", 100), None);
        assert_eq!(found("a.b.C", 99), None);
        assert_eq!(found("a.b.", 99), None);
    }

    #[test]
    fn it_never_remembers_more_than_it_may() {
        let believed = Believed::default();
        for number in 0..BELIEVED_MAX * 2 {
            believed.keep(&number.to_string(), token("g"), 100, 10);
        }
        assert!(believed.0.lock().unwrap().len() <= BELIEVED_MAX);
    }
}
