//! What is said beside an estate: what its agents are for.
//!
//! Both are arguments of a scan. Without them the rules about intent have no subject, and the others
//! judge configuration alone.

use bailiwick_charter::Charters;

/// The charters of an estate's agents, where somebody wrote any.
#[derive(Debug, Clone, Copy, Default)]
pub struct Intent<'i> {
    pub charters: Option<&'i Charters>,
}
