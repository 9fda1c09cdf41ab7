//! The rules, one file each.

use crate::rule::Rule;

mod id_01;
mod id_02;
mod id_03;
mod id_05;
mod perm_01;
mod perm_02;
mod perm_03;
mod perm_07;
mod trust_01;
mod trust_02;
mod trust_05;

/// Every rule, in the order of the manual.
pub const RULES: &[Rule] = &[
    id_01::RULE,
    id_02::RULE,
    id_03::RULE,
    id_05::RULE,
    perm_01::RULE,
    perm_02::RULE,
    perm_03::RULE,
    perm_07::RULE,
    trust_01::RULE,
    trust_02::RULE,
    trust_05::RULE,
];
