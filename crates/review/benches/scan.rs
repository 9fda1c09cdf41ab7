//! A whole scan, escalation included, of estates that differ in size alone.

#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use bailiwick_estate::{Estate, File};
use bailiwick_iam_catalog::builtin;
use bailiwick_testkit::estates::snapshot;

fn main() {
    divan::main();
}

#[divan::bench(args = [100, 1_000], sample_count = 3, sample_size = 1)]
fn scan(bencher: divan::Bencher<'_, '_>, roles: usize) {
    let Some(files) = snapshot(roles) else {
        return;
    };
    let files = files
        .iter()
        .map(|(path, text)| File::of_bytes("estate", path, text.as_bytes()))
        .collect();
    let estate = Estate::load(files).unwrap();
    bencher.bench_local(|| bailiwick_review::scan(&estate, builtin()));
}
