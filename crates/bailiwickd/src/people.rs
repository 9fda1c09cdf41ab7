//! The file that names whom an issuer vouches for as an operator, read again when it changes.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bailiwick_gateway::operator::Role;
use bailiwick_identity::{People, Proofs, settings};

use crate::fault::Fault;

/// The file, and what stood in it when it was last read.
#[derive(Debug)]
pub(crate) struct Source {
    file: Option<PathBuf>,
    /// Tokens that prove agents prove no operator.
    proofs: Arc<Proofs>,
    seen: Option<String>,
}

impl Source {
    pub(crate) fn new(file: Option<&Path>, proofs: &Arc<Proofs>) -> Self {
        Self {
            file: file.map(Path::to_owned),
            proofs: Arc::clone(proofs),
            seen: None,
        }
    }

    /// Who the operators are; `None` where the file says what it said when it was last asked for.
    ///
    /// # Errors
    /// If it cannot be read or meant. The same text is complained of once.
    pub(crate) fn changed(&mut self) -> anyhow::Result<Option<People<Role>>> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let text = fs::read_to_string(file).map_err(|error| {
            Fault::new(format!("--operators `{}`: {error}", file.display())).mend(
                "docs/operate/operators.md says what stands in it; without the flag, operators have tokens alone",
            )
        })?;
        if self.seen.as_ref() == Some(&text) {
            return Ok(None);
        }
        let people = settings::people(file, &text);
        self.seen = Some(text);
        let people = people.map_err(|error| Fault::new(error.to_string()))?;
        for (issuer, audience) in people.audiences() {
            if self.proofs.takes(issuer, audience) {
                let what = format!(
                    "{}: tokens of `{issuer}` for `{audience}` prove agents (--identity), and would prove operators too",
                    file.display()
                );
                let mend = "give operators an `audience` of their own, and have the issuer make tokens for it";
                return Err(Fault::new(what).mend(mend).into());
            }
        }
        Ok(Some(people))
    }
}

/// What is in force, for the log and the record.
pub(crate) fn told(people: &People<Role>) -> String {
    let issuers: Vec<&str> = people.audiences().map(|(issuer, _)| issuer).collect();
    format!(
        "operators: {} rules, vouched for by {}",
        people.rules(),
        issuers.join(", ")
    )
}
