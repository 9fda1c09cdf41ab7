//! The rules, one file each.

use crate::rule::Rule;

mod trust_01;

/// Every rule, in the order of the manual.
pub const RULES: &[Rule] = &[trust_01::RULE];
