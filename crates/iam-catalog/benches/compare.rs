//! Containment of real policies: every ordered pair of AWS's managed policies, roles of several
//! policies with boundary and SCP, and a thousand roles compared all with all.
//!
//! One program, because what counts is the spread over millions of different questions.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark reads a clock and prints"
)]

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bailiwick_iam::access::{Access, Algebra, Contained, Unknown, group_equal};
use bailiwick_iam::layers::{Compiled, Layers, Level, NamedPolicy};
use bailiwick_iam::policy::Policy;
use bailiwick_iam_catalog::builtin;
use bailiwick_testkit::peers;
use serde_json::{Map, Value};

fn main() {
    let Some(policies) = managed_policies() else {
        return;
    };
    // Where instructions are counted, a sample is enough.
    let is_sample = std::env::args().any(|argument| argument == "--sample-count");
    pairs(&policies, if is_sample { 997 } else { 1 });
    roles(&policies, if is_sample { 20 } else { 400 });
    thousand_roles(&policies);
}

fn managed_policies() -> Option<Vec<Arc<Compiled>>> {
    let text = fs::read_to_string(peers::managed_policies()?).ok()?;
    let all: Map<String, Value> = serde_json::from_str(&text).ok()?;
    let compile = |(name, entry): (&String, &Value)| {
        let policy = Policy::parse(&entry.get("document")?.to_string()).ok()?;
        let named = NamedPolicy {
            name: name.as_str().into(),
            policy: Arc::new(policy),
        };
        Some(Arc::new(Compiled::new(named)))
    };
    Some(all.iter().filter_map(compile).collect())
}

fn identity(policies: &[Arc<Compiled>]) -> Layers {
    Layers {
        identity: Some(policies.into()),
        ..Layers::default()
    }
}

#[derive(Default)]
struct Tally {
    times: Vec<Duration>,
    proved: usize,
    refuted: usize,
    by_reading: usize,
    unknown: usize,
}

impl Tally {
    fn time(&mut self, ask: impl FnOnce() -> Contained) -> Contained {
        let start = Instant::now();
        let answer = black_box(ask());
        self.times.push(start.elapsed());
        match &answer {
            Contained::Proved => self.proved += 1,
            Contained::Refuted(_) => self.refuted += 1,
            Contained::Unknown(Unknown::Reading { .. }) => self.by_reading += 1,
            Contained::Unknown(_) => self.unknown += 1,
        }
        answer
    }

    fn print(mut self, what: &str) {
        self.times.sort_unstable();
        let last = self.times.len().saturating_sub(1);
        let at = |share: f64| {
            self.times
                .get((last as f64 * share) as usize)
                .copied()
                .unwrap_or_default()
        };
        println!(
            "{what}: {} questions; p50 {:?}, p95 {:?}, p99 {:?}, p99.9 {:?}, max {:?}\n  contained {}, not {}, not by one reading alone {}, unknown {}",
            self.times.len(),
            at(0.5),
            at(0.95),
            at(0.99),
            at(0.999),
            at(1.0),
            self.proved,
            self.refuted,
            self.by_reading,
            self.unknown,
        );
    }
}

fn pairs(policies: &[Arc<Compiled>], step: usize) {
    let algebra = Algebra::new(builtin());
    let layers: Vec<Layers> = policies
        .iter()
        .map(|policy| identity(std::slice::from_ref(policy)))
        .collect();
    let all: Vec<Access<'_>> = layers
        .iter()
        .map(|layers| algebra.access(layers, None))
        .collect();
    let (mut tally, mut certified) = (Tally::default(), Tally::default());
    let ordered = all.iter().enumerate().flat_map(|(at, inner)| {
        let others = all
            .iter()
            .enumerate()
            .filter(move |(other, _)| *other != at);
        others.map(move |(_, outer)| (outer, inner))
    });
    for (outer, inner) in ordered.step_by(step) {
        if tally.time(|| outer.contains(inner)) == Contained::Proved {
            _ = certified.time(|| outer.contains_with_certificate(inner).0);
        }
    }
    tally.print("managed policies, ordered pairs, both readings");
    certified.print("of these the contained, with a certificate written and checked");
}

/// A role of five policies in one of ten, with a boundary and an SCP on both.
fn roles(policies: &[Arc<Compiled>], count: usize) {
    let algebra = Algebra::new(builtin());
    let named = |name: &str| {
        policies
            .iter()
            .find(|policy| &**policy.name() == name)
            .cloned()
    };
    let boundary: Vec<Arc<Compiled>> = named("PowerUserAccess").into_iter().collect();
    let level = Level {
        target: "root".into(),
        policies: named("AdministratorAccess").into_iter().collect(),
    };
    let role = |from: usize, many: usize| {
        let chosen: Vec<_> = (0..many)
            .filter_map(|at| {
                policies
                    .get((from * 37 + at * 101) % policies.len())
                    .cloned()
            })
            .collect();
        Layers {
            boundary: Some(boundary.as_slice().into()),
            scp: Some([level.clone()].into()),
            ..identity(&chosen)
        }
    };
    let mut tally = Tally::default();
    for at in 0..count {
        // Every other five are among the ten.
        let five = role(at, 5);
        let ten = role(at + at % 2, 10);
        let (ten, five) = (algebra.access(&ten, None), algebra.access(&five, None));
        _ = tally.time(|| ten.contains(&five));
    }
    tally.print("roles of 5 in roles of 10, with boundary and SCP");
}

fn thousand_roles(policies: &[Arc<Compiled>]) {
    let algebra = Algebra::new(builtin());
    // Of a thousand roles, every third carries what another carries, in another order.
    let layers: Vec<Layers> = (0..1_000)
        .map(|at| {
            let kind = at % 667;
            let mut chosen: Vec<_> = (0..3)
                .filter_map(|more| {
                    policies
                        .get((kind * 13 + more * 577) % policies.len())
                        .cloned()
                })
                .collect();
            if at >= 667 {
                chosen.reverse();
            }
            identity(&chosen)
        })
        .collect();
    let start = Instant::now();
    let all: Vec<Access<'_>> = layers
        .iter()
        .map(|layers| algebra.access(layers, None))
        .collect();
    let found = black_box(group_equal(&all));
    println!(
        "1,000 roles, all with all: {:?}; {} groups, {} undecided",
        start.elapsed(),
        found.groups.len(),
        found.undecided.len()
    );
}
