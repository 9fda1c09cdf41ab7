//! What is said beside an estate: what its agents are for, and what they did.
//!
//! Both are arguments of a scan. Without them the rules about intent have no subject, and the others
//! judge configuration alone.

use bailiwick_charter::Charters;
use bailiwick_estate::usage::Usage;

/// The charters of an estate's agents, where somebody wrote any, and what a trail saw of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Intent<'i> {
    pub charters: Option<&'i Charters>,
    pub usage: Option<&'i Usage>,
}
