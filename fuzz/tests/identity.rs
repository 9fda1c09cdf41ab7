//! The targets of proofs of identity on their seeds, each bit of them changed in turn.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::Path;

fn changed(target: &str, run: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let mut count = 0;
    for seed in fs::read_dir(seeds).unwrap() {
        let seed = fs::read(seed.unwrap().path()).unwrap();
        run(&seed);
        for at in 0..seed.len() {
            for bit in 0..8 {
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
