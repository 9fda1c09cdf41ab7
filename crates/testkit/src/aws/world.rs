//! What there is: roles, users' keys, sessions, and the time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bailiwick_iam::arn::Arn;
use bailiwick_iam::layers::{Compiled, NamedPolicy};
use bailiwick_iam::policy::{ParsePolicyError, Policy};
use bailiwick_iam::request::Principal;
use sha2::{Digest, Sha256};

use super::decide::{Ask, decide};
use super::refusal::Refusal;
use super::verify::hex;

/// A role to be made.
#[derive(Debug, Clone)]
pub struct Role {
    pub arn: Arn,
    /// Who may assume it.
    pub trust: String,
    /// Its inline policies: name and document.
    pub inline: Vec<(String, String)>,
    /// The managed policy that bounds it: name and document.
    pub boundary: Option<(Arn, String)>,
    pub max_session_secs: u32,
}

/// An access key of a user.
#[derive(Debug, Clone)]
pub struct Key {
    pub id: String,
    pub secret: String,
}

/// A session that was made.
#[derive(Debug, Clone)]
pub struct Session {
    /// The role's whole ARN.
    pub role: Arn,
    pub name: String,
    pub source_identity: Option<String>,
    pub tags: Vec<(String, String)>,
    /// The keys of the tags that sessions of this session bear too.
    pub transitive: Vec<String>,
    /// When the role was assumed, in seconds since 1970.
    pub issued: i64,
    pub expires: i64,
    pub(super) policies: Vec<Document>,
    /// How many of the policies `GetScopedCredentials` laid on.
    pub(super) scoped: u32,
}

/// A policy, as it was written and made ready to decide.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) compiled: Arc<Compiled>,
}

#[derive(Debug)]
pub(super) struct Existing {
    pub(super) id: String,
    pub(super) arn: Arn,
    pub(super) trust: Arc<Compiled>,
    pub(super) inline: BTreeMap<String, Document>,
    pub(super) boundary: Option<(Arn, Arc<Compiled>)>,
    pub(super) max_session_secs: u32,
}

/// Who makes a call, with the policies of this moment.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) principal: Principal,
    pub(super) user_id: String,
    pub(super) identity: Vec<Arc<Compiled>>,
    pub(super) boundary: Option<Arc<Compiled>>,
    pub(super) session: Option<Session>,
}

#[derive(Debug)]
struct Issued {
    secret: String,
    token: Option<String>,
    holder: Holder,
}

#[derive(Debug)]
enum Holder {
    User { arn: Arn, policy: Arc<Compiled> },
    Session(Session),
}

/// Everything the server knows. IAM's delay is not in it: what is put is in force with the next call.
#[derive(Debug, Default)]
pub struct World {
    roles: BTreeMap<Arn, Existing>,
    keys: BTreeMap<String, Issued>,
    calls: BTreeMap<String, u64>,
    /// The same, by the name of the session that asked.
    calls_of: BTreeMap<(String, String), u64>,
    ahead_secs: i64,
    made: u64,
}

impl World {
    /// Makes a role and tells its unique id.
    ///
    /// # Errors
    /// If a policy cannot be read.
    pub fn add_role(&mut self, role: Role) -> Result<String, ParsePolicyError> {
        let id = self.made("AROA").id;
        let mut inline = BTreeMap::new();
        for (name, text) in role.inline {
            inline.insert(name.clone(), Document::read(&name, &text)?);
        }
        let boundary = match role.boundary {
            Some((arn, text)) => Some((arn, Document::read("boundary", &text)?.compiled)),
            None => None,
        };
        let existing = Existing {
            id: id.clone(),
            boundary,
            trust: Document::read("trust", &role.trust)?.compiled,
            arn: role.arn.clone(),
            inline,
            max_session_secs: role.max_session_secs,
        };
        self.roles.insert(role.arn, existing);
        Ok(id)
    }

    /// Makes a user with one policy and an access key.
    ///
    /// # Errors
    /// If the policy cannot be read.
    pub fn add_user(&mut self, arn: Arn, policy: &str) -> Result<Key, ParsePolicyError> {
        let policy = Document::read("user", policy)?.compiled;
        let key = self.made("AKIA");
        let issued = Issued {
            secret: key.secret.clone(),
            token: None,
            holder: Holder::User { arn, policy },
        };
        self.keys.insert(key.id.clone(), issued);
        Ok(key)
    }

    /// Begins a session of a role as a platform does, which asks nobody: its key and its token.
    pub fn begin(&mut self, role: &Arn, name: &str, seconds: u32) -> (Key, String) {
        let issued = self.now();
        self.issue(Session {
            role: role.clone(),
            name: name.to_owned(),
            source_identity: None,
            tags: Vec::new(),
            transitive: Vec::new(),
            issued,
            expires: issued + i64::from(seconds),
            policies: Vec::new(),
            scoped: 0,
        })
    }

    /// Seconds since 1970, by the clock of this server.
    #[must_use]
    pub fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        i64::try_from(seconds).unwrap_or(i64::MAX) + self.ahead_secs
    }

    pub fn advance(&mut self, seconds: u32) {
        self.ahead_secs += i64::from(seconds);
    }

    /// How often an action such as `sts:AssumeRole` was asked for with a right signature.
    #[must_use]
    pub fn calls(&self, action: &str) -> u64 {
        self.calls.get(action).copied().unwrap_or(0)
    }

    /// How often a session of this name asked for an action.
    #[must_use]
    pub fn calls_of(&self, session: &str, action: &str) -> u64 {
        let by = (session.to_owned(), action.to_owned());
        self.calls_of.get(&by).copied().unwrap_or(0)
    }

    /// Every session that was made, expired or not.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.keys.values().filter_map(|it| match &it.holder {
            Holder::User { .. } => None,
            Holder::Session(session) => Some(session),
        })
    }

    /// Whether whoever has this key may do this now, decided as a call on the wire is.
    #[must_use]
    pub fn allows(&self, key_id: &str, token: Option<&str>, action: &str, resource: &str) -> bool {
        let caller = self.key(key_id, token);
        caller.is_ok_and(|(_, caller)| decide(self, &caller, &Ask::new(action, resource)).is_ok())
    }

    /// The keys and tokens of every session of this name: what whoever overheard them has.
    #[must_use]
    pub fn overheard(&self, session: &str) -> Vec<(Key, String)> {
        let of_session = self.keys.iter().filter_map(|(id, issued)| {
            let is_it = matches!(&issued.holder, Holder::Session(it) if it.name == session);
            let key = Key {
                id: id.clone(),
                secret: issued.secret.clone(),
            };
            is_it.then(|| (key, issued.token.clone().unwrap_or_default()))
        });
        of_session.collect()
    }

    /// Takes an inline policy away, as somebody at the console would.
    pub fn take_inline_policy(&mut self, role: &Arn, name: &str) {
        if let Some(role) = self.roles.get_mut(role) {
            role.inline.remove(name);
        }
    }

    /// The document of an inline policy, as it was put.
    #[must_use]
    pub fn inline_policy(&self, role: &Arn, name: &str) -> Option<&str> {
        let document = self.roles.get(role)?.inline.get(name)?;
        Some(&document.text)
    }

    pub(super) fn count(&mut self, action: &str, caller: &Caller) {
        *self.calls.entry(action.to_owned()).or_default() += 1;
        if let Some(session) = &caller.session {
            let by = (session.name.clone(), action.to_owned());
            *self.calls_of.entry(by).or_default() += 1;
        }
    }

    pub(super) fn role(&self, arn: &Arn) -> Option<&Existing> {
        self.roles.get(arn)
    }

    /// A role by its name, which is unique in an account in any case of letters.
    pub(super) fn role_named(&mut self, account: &str, name: &str) -> Option<&mut Existing> {
        let mut roles = self.roles.values_mut();
        roles.find(|it| {
            it.arn.account() == account && it.arn.resource_name().eq_ignore_ascii_case(name)
        })
    }

    /// Hands out a session: its key and its token.
    pub(super) fn issue(&mut self, session: Session) -> (Key, String) {
        let key = self.made("ASIA");
        let token = format!("token/{}==", self.made("").secret);
        let issued = Issued {
            secret: key.secret.clone(),
            token: Some(token.clone()),
            holder: Holder::Session(session),
        };
        self.keys.insert(key.id.clone(), issued);
        (key, token)
    }

    /// The secret of a key, and who acts with it.
    pub(super) fn key(&self, id: &str, token: Option<&str>) -> Result<(String, Caller), Refusal> {
        let invalid = || {
            let message = "The security token included in the request is invalid.";
            Refusal::new(403, "InvalidClientTokenId", message.to_owned())
        };
        let issued = self.keys.get(id).ok_or_else(invalid)?;
        if issued.token.as_deref() != token {
            return Err(invalid());
        }
        let caller = match &issued.holder {
            Holder::User { arn, policy } => Caller {
                principal: Principal::User(arn.clone()),
                user_id: format!("AIDA{}", id.get(4..).unwrap_or_default()),
                identity: vec![Arc::clone(policy)],
                boundary: None,
                session: None,
            },
            Holder::Session(session) => {
                if session.expires <= self.now() {
                    let message = "The security token included in the request is expired";
                    return Err(Refusal::new(403, "ExpiredToken", message.to_owned()));
                }
                self.acting(session).ok_or_else(invalid)?
            }
        };
        Ok((issued.secret.clone(), caller))
    }

    fn acting(&self, session: &Session) -> Option<Caller> {
        let role = self.roles.get(&session.role)?;
        let inline = role.inline.values();
        Some(Caller {
            principal: Principal::session(&session.role, &session.name).ok()?,
            user_id: format!("{}:{}", role.id, session.name),
            identity: inline.map(|it| Arc::clone(&it.compiled)).collect(),
            boundary: role.boundary.as_ref().map(|(_, it)| Arc::clone(it)),
            session: Some(session.clone()),
        })
    }

    /// A new id and secret: the same ones in each run.
    fn made(&mut self, prefix: &str) -> Key {
        self.made += 1;
        let part = |what: &str| hex(&Sha256::digest(format!("{what} {}", self.made)));
        let id: String = part("id").to_uppercase().chars().take(16).collect();
        Key {
            id: format!("{prefix}{id}"),
            secret: part("secret").chars().take(40).collect(),
        }
    }
}

impl Document {
    pub(super) fn read(name: &str, text: &str) -> Result<Self, ParsePolicyError> {
        let policy = Arc::new(Policy::parse(text)?);
        let name = name.into();
        Ok(Self {
            text: text.to_owned(),
            compiled: Arc::new(Compiled::new(NamedPolicy { name, policy })),
        })
    }
}

impl Caller {
    pub(super) fn arn(&self) -> String {
        self.principal
            .arn()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    pub(super) fn account(&self) -> String {
        self.principal
            .account()
            .map(|it| it.as_str().to_owned())
            .unwrap_or_default()
    }
}
