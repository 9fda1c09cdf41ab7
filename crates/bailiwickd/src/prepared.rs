//! All that is read before the store is opened: what is wrong there stops the start and leaves
//! nothing behind.

use std::{path::Path, sync::Arc};

use bailiwick_authority::token::{Keyring, SigningSecret};
use bailiwick_gateway::{
    Door, Keys, Rules,
    operator::{Operators, Role},
};
use bailiwick_identity::{People, Proofs};
use bailiwick_ledger::{argument::ArgumentKey, note};
use tokio_rustls::TlsAcceptor;

use crate::{
    args::Run,
    aws::{self, Account},
    data::{Folder, Secret},
    fault::Fault,
    folders::{Folders, Look},
    identity, people, tls,
    watch::now_ms,
};

/// What was read.
pub(crate) struct Prepared {
    pub(crate) data: Arc<Folder>,
    pub(crate) operators: Operators,
    pub(crate) folders: Folders,
    /// The folders as they were when the rules were read from them.
    pub(crate) seen: Look,
    pub(crate) rules: Rules,
    pub(crate) door: Door,
    pub(crate) proofs: Arc<Proofs>,
    /// Operators whom an issuer vouches for, and the file that names them.
    pub(crate) people: Option<People<Role>>,
    pub(crate) vouched: people::Source,
    /// What an operator should know of the proofs.
    pub(crate) notes: Vec<String>,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) keys: Keys,
    /// What receivers of signals are sent as `Authorization`.
    pub(crate) authorization: Option<String>,
    pub(crate) account: Option<Account>,
}

impl Prepared {
    /// Reads everything.
    ///
    /// # Errors
    /// The first thing that cannot be taken as it is.
    pub(crate) async fn read(asked: &Run) -> anyhow::Result<Self> {
        let data = Arc::new(Folder::open(&asked.data.folder)?);
        let operators = data.operators()?;
        let folders = Folders {
            charters: asked.charters.clone(),
            policies: asked.policies.clone(),
            tools: asked.tools.clone(),
            estate: asked.estate.clone(),
            grant_seconds_max: Some(asked.grant_max),
            argument_key: ArgumentKey::new(data.secret(Secret::Arguments)?),
        };
        let seen = folders.look();
        let rules = rules(&folders)?;
        let door = Door::new(asked.hosts.iter().map(String::as_str))
            .map_err(|error| Fault::new(format!("--host: {error}")))?;
        let (proofs, notes) = identity::proofs(asked.identity.as_deref())?;
        let mut vouched = people::Source::new(asked.operators.as_deref(), &proofs);
        let people = vouched.changed()?;
        let tls = match (&asked.tls_cert, &asked.tls_key) {
            (Some(certificate), Some(key)) => Some(tls::acceptor(certificate, key, &proofs)?),
            _ => None,
        };
        let authorization = asked.signal_authorization.as_deref();
        Ok(Self {
            operators,
            folders,
            seen,
            rules,
            door,
            proofs,
            people,
            vouched,
            notes,
            tls,
            keys: keys(asked, &data)?,
            authorization: authorization.map(header).transpose()?,
            account: aws::account(&asked.aws).await?,
            data,
        })
    }
}

fn rules(folders: &Folders) -> anyhow::Result<Rules> {
    let read = folders.read(now_ms()).map_err(|problems| {
        let lines: String = problems.iter().map(|line| format!("\n  {line}")).collect();
        Fault::new(format!("the folders cannot be put in force:{lines}"))
            .mend("mend them, or name other folders with --charters and --policies")
    });
    Ok(read?)
}

/// The keys of this authority; the public one is written for auditors.
fn keys(asked: &Run, data: &Folder) -> anyhow::Result<Keys> {
    let checkpoints = note::Signer::new(&asked.origin, &data.secret(Secret::Checkpoints)?)
        .map_err(|error| Fault::new(format!("--origin `{}`: {error}", asked.origin)))?;
    data.publish_key(&checkpoints.verifier().to_string())?;
    Ok(Keys {
        tokens: Keyring::new(SigningSecret::new(&data.secret(Secret::Tokens)?)),
        checkpoints,
    })
}

/// The value of a header, from a file.
fn header(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Fault::new(format!("{}: {error}", file.display())))?;
    let text = text.trim();
    let is_header = !text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !is_header {
        let fault = Fault::new(format!("{} holds no one line of text", file.display()));
        return Err(fault.mend("write it as it is sent: `Bearer …`").into());
    }
    Ok(text.to_owned())
}
