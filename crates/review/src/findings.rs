//! The rules, one file each.

use crate::rule::Rule;

mod ceil_01;
mod ceil_02;
mod ceil_03;
mod ceil_04;
mod data_01;
mod env_01;
mod env_02;
mod env_03;
mod est_01;
mod id_01;
mod id_02;
mod id_03;
mod id_05;
mod inv_01;
mod inv_02;
mod inv_03;
mod inv_04;
mod inv_05;
mod inv_07;
mod life_01;
mod life_04;
mod life_06;
mod obs_02;
mod perm_01;
mod perm_02;
mod perm_03;
mod perm_04;
mod perm_05;
mod perm_06;
mod perm_07;
mod perm_08;
mod perm_09;
mod secr_01;
mod secr_03;
mod sep_01;
mod sep_02;
mod sep_03;
mod sep_04;
mod trust_01;
mod trust_02;
mod trust_03;
mod trust_04;
mod trust_05;

#[cfg(test)]
mod tests;

/// Every rule, in the order of the manual.
pub const RULES: &[Rule] = &[
    est_01::RULE,
    id_01::RULE,
    id_02::RULE,
    id_03::RULE,
    id_05::RULE,
    perm_01::RULE,
    perm_02::RULE,
    perm_03::RULE,
    perm_04::RULE,
    perm_05::RULE,
    perm_06::RULE,
    perm_07::RULE,
    perm_08::RULE,
    perm_09::RULE,
    trust_01::RULE,
    trust_02::RULE,
    trust_03::RULE,
    trust_04::RULE,
    trust_05::RULE,
    inv_01::RULE,
    inv_02::RULE,
    inv_03::RULE,
    inv_04::RULE,
    inv_05::RULE,
    inv_07::RULE,
    sep_01::RULE,
    sep_02::RULE,
    sep_03::RULE,
    sep_04::RULE,
    env_01::RULE,
    env_02::RULE,
    env_03::RULE,
    ceil_01::RULE,
    ceil_02::RULE,
    ceil_03::RULE,
    ceil_04::RULE,
    obs_02::RULE,
    life_01::RULE,
    life_04::RULE,
    life_06::RULE,
    secr_01::RULE,
    secr_03::RULE,
    data_01::RULE,
];
