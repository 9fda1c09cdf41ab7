//! What the escalation graph costs, and what an answer from it does.

#![expect(clippy::unwrap_used, reason = "a benchmark")]

use bailiwick_estate::{Estate, File};
use bailiwick_iam_catalog::builtin;
use bailiwick_review::escalation::graph;

fn main() {
    divan::main();
}

/// An account with 946 of AWS's managed policies, under two SCPs.
fn estate(roles: usize) -> Option<Estate> {
    let files = bailiwick_testkit::estates::snapshot(roles)?;
    let files = files
        .iter()
        .map(|(below, text)| File::of_bytes("estate", below, text.as_bytes()));
    Some(Estate::load(files.collect()).unwrap())
}

/// Who can become an administrator.
#[divan::bench(args = [100, 1_000, 10_000], sample_count = 5, sample_size = 1)]
fn search(bencher: divan::Bencher<'_, '_>, roles: usize) {
    let Some(estate) = estate(roles) else {
        return;
    };
    bencher.bench_local(|| {
        let graph = graph(&estate, builtin());
        let principals = estate.principals();
        principals
            .map(|it| graph.account_admin(it) as usize)
            .sum::<usize>()
    });
}

/// Whom everyone can become, with proofs and cuts.
#[divan::bench(args = [100, 1_000], sample_count = 3, sample_size = 1)]
fn reaches(bencher: divan::Bencher<'_, '_>, roles: usize) {
    let Some(estate) = estate(roles) else {
        return;
    };
    let graph = graph(&estate, builtin());
    bencher.bench_local(|| {
        graph
            .reaches()
            .map(|reach| reach.reaches.len())
            .sum::<usize>()
    });
}
