//! The targets of the run time on their seeds, cut off everywhere and changed in every place.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::Path;

/// Every bit where one input costs little, else one of each byte.
fn changed(target: &str, run: fn(&[u8])) {
    changed_in(target, run, |_| 0..8);
}

fn changed_once(target: &str, run: fn(&[u8])) {
    changed_in(target, run, |at| at % 8..at % 8 + 1);
}

fn changed_in(target: &str, run: fn(&[u8]), bits: fn(usize) -> std::ops::Range<usize>) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut count = 0;
    for seed in fs::read_dir(seeds).unwrap() {
        let seed = fs::read(seed.unwrap().path()).unwrap();
        run(&seed);
        for at in 0..seed.len() {
            for bit in bits(at) {
                let mut changed = seed.clone();
                changed[at] ^= 1 << bit;
                run(&changed);
            }
            run(&seed[..at]);
        }
        count += 1;
    }
    assert!(count > 0, "{target} has no seeds");
}

#[test]
fn a_proof_by_signature_is_read_or_refused() {
    changed("identity_signature", bailiwick_fuzz::identity_signature);
}

#[test]
fn a_set_of_keys_is_read_or_refused() {
    changed("identity_keys", bailiwick_fuzz::identity_keys);
}

#[test]
fn a_token_that_nobody_signed_proves_nobody() {
    changed("identity_token", bailiwick_fuzz::identity_token);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_read_or_refused() {
    changed("identity_certificate", bailiwick_fuzz::identity_certificate);
}

#[test]
fn our_own_token_has_one_spelling_and_a_reason_for_being_taken() {
    changed("token", bailiwick_fuzz::token);
}

#[test]
fn arguments_are_judged_as_whoever_acts_on_them_reads_them() {
    changed_once("arguments", bailiwick_fuzz::arguments);
}

#[test]
fn whatever_is_asked_of_authzen_is_decided_or_refused() {
    changed_once("authzen", bailiwick_fuzz::authzen);
}
