//! What is wrong with what we were given: which file, what, and what to do.

use std::fmt;

/// Bad usage or bad input. The process exits with 2.
#[derive(Debug)]
pub(crate) struct Fault {
    what: String,
    mend: Option<String>,
}

impl Fault {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            mend: None,
        }
    }

    pub(crate) fn mend(self, mend: impl Into<String>) -> Self {
        Self {
            mend: Some(mend.into()),
            ..self
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.mend {
            Some(mend) => write!(f, "\n  {mend}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

/// The whole chain, each cause behind the one before.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.join(": ")
}
