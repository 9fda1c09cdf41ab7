//! What keeps a charter from being judged by.

use std::fmt;

use bailiwick_charter::Place;

/// One thing wrong with a charter that reads well and cannot be judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub agent: String,
    /// Where it stands in the charter's file.
    pub place: Option<Place>,
    pub what: String,
    pub mend: String,
}

/// Everything that is wrong, in the order of the charters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            agent,
            place,
            what,
            mend,
        } = self;
        write!(f, "the charter of `{agent}`")?;
        if let Some(place) = place {
            write!(f, ", {place}")?;
        }
        write!(f, ": {what}; {mend}")
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}
