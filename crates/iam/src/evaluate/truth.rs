//! Yes, no, and it depends.

/// An answer in three values, ordered so that *and* is the smaller and *or* the larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Truth {
    No,
    Maybe,
    Yes,
}

impl Truth {
    pub(crate) fn and(self, other: Self) -> Self {
        self.min(other)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        self.max(other)
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Truth {
    fn from(known: bool) -> Self {
        if known { Self::Yes } else { Self::No }
    }
}

/// Whether any of the answers is yes; stops at the first that is.
pub(crate) fn any(answers: impl IntoIterator<Item = Truth>) -> Truth {
    let mut found = Truth::No;
    for answer in answers {
        found = found.or(answer);
        if found == Truth::Yes {
            break;
        }
    }
    found
}

/// Whether all of the answers are yes; stops at the first no.
pub(crate) fn all(answers: impl IntoIterator<Item = Truth>) -> Truth {
    let mut found = Truth::Yes;
    for answer in answers {
        found = found.and(answer);
        if found == Truth::No {
            break;
        }
    }
    found
}
