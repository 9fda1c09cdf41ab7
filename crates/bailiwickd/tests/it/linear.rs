//! Three daemons under load on one PostgreSQL: no budget is overrun, and the history of each grant
//! is one that a single daemon could have told.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use bailiwick_ledger::{Hash, Record, verify::Verifier};
use bailiwick_testkit::postgres::Server;

use crate::{
    replicas::Replica,
    story::{Asker, Gone, Holder, SHARED_CALLS, Said, is_allow},
};

/// Calls in CI. `BAILIWICK_TORTURE_LOOPS=200` makes a million of it.
const LOOPS: usize = 2;
const CALLS_A_LOOP: usize = 5_000;

const REPLICAS: [&str; 3] = ["a", "b", "c"];
const ASKERS_EACH: usize = 8;

/// Grants that are in use at once: few, so that the same one is used everywhere at the same time.
const GRANTS: usize = 48;

/// Of so many calls, one is followed by the end of the grant.
const ENDED_AFTER: u64 = 60;

/// Something that was asked of a grant: when, when it was answered, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    what: What,
    /// Since the test began.
    asked: Duration,
    answered: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// A call was allowed, by the entry of this number.
    Allowed { seq: u64 },
    /// A call was denied because the grant has ended, or has no calls left.
    Denied,
    /// The grant was ended.
    Ended,
    /// The database gave no answer in time: a call that was denied, and may be counted all the same.
    Lost,
    /// The same, of an end.
    EndLost,
}

/// Whether what was asked of one grant, of whichever replica, could have been answered so by one that
/// does everything at one instant between the asking and the answer (linearizability).
///
/// A grant has a budget and an end, which makes the search for those instants short. An allowed call
/// is best placed where it was asked, the end as early as it can be after all of them, and a denied
/// call where it was answered; if these instants do not fit, none do.
fn could_be_of_one(history: &[Asked], budget: usize) -> Result<(), String> {
    let allowed = history.iter().filter_map(|one| match one.what {
        What::Allowed { seq } => Some((seq, one)),
        What::Denied | What::Ended | What::Lost | What::EndLost => None,
    });
    let allowed: BTreeMap<u64, &Asked> = allowed.collect();
    if allowed.len() > budget {
        return Err(format!("{} of {budget} calls were allowed", allowed.len()));
    }
    // The record has them in an order that whoever asked could have seen.
    let mut latest_asked = Duration::ZERO;
    for (seq, call) in &allowed {
        if call.answered < latest_asked {
            return Err(format!(
                "{call:?} stands after {latest_asked:?} in the record, as {seq}"
            ));
        }
        latest_asked = latest_asked.max(call.asked);
    }
    // What was lost may have taken what is left of the budget.
    let lost = history.iter().filter(|one| one.what == What::Lost);
    let mut taken: Vec<Duration> = lost.map(|one| one.asked.max(latest_asked)).collect();
    taken.push(latest_asked);
    taken.sort_unstable();
    let mut over = taken.get(budget - allowed.len()).copied();
    let ends = |one: &&Asked| matches!(one.what, What::Ended | What::EndLost);
    for end in history.iter().filter(ends) {
        let after = allowed.values().find(|call| call.asked > end.answered);
        if let (Some(after), What::Ended) = (after, end.what) {
            return Err(format!("{after:?} was allowed after {end:?}"));
        }
        let ended = end.asked.max(latest_asked);
        over = Some(over.map_or(ended, |over| over.min(ended)));
    }
    for denied in history.iter().filter(|one| one.what == What::Denied) {
        if over.is_none_or(|over| denied.answered < over) {
            return Err(format!("{denied:?}, and nothing was over before {over:?}"));
        }
    }
    Ok(())
}

#[test]
fn a_history_that_no_single_daemon_could_have_told_is_found_out() {
    let at = |what, asked, answered| Asked {
        what,
        asked: Duration::from_millis(asked),
        answered: Duration::from_millis(answered),
    };
    let allowed = |seq, asked, answered| at(What::Allowed { seq }, asked, answered);
    let fits = |history: &[Asked]| could_be_of_one(history, 2).is_ok();
    let (one, two) = (allowed(7, 0, 10), allowed(9, 5, 20));
    let end = at(What::Ended, 30, 40);
    assert!(fits(&[one, two]));
    assert!(fits(&[one, end]) && fits(&[one, end, at(What::Denied, 30, 31)]));
    // While it is being ended a call may fall on either side.
    assert!(fits(&[one, end, allowed(8, 35, 50)]));
    assert!(fits(&[
        one,
        end,
        allowed(8, 40, 50),
        at(What::Denied, 10, 41)
    ]));
    // Used up: denied while the last call is not answered yet.
    assert!(fits(&[one, two, at(What::Denied, 6, 7)]));
    // A call without an answer may be counted, and an end without one may have been made.
    let lost = at(What::Lost, 12, 30);
    assert!(fits(&[one, lost, at(What::Denied, 13, 14)]));
    assert!(!fits(&[one, lost, at(What::Denied, 8, 11)]));
    let end_lost = at(What::EndLost, 12, 30);
    assert!(fits(&[one, end_lost, at(What::Denied, 13, 14)]));
    assert!(fits(&[one, end_lost, allowed(8, 40, 50)]));
    let wrong = [
        ("one call too many", vec![one, two, allowed(10, 6, 7)]),
        (
            "allowed after the end was acknowledged",
            vec![one, end, allowed(8, 41, 50)],
        ),
        (
            "denied before anything was over",
            vec![one, two, at(What::Denied, 1, 4)],
        ),
        (
            "denied, and nothing was over",
            vec![one, at(What::Denied, 6, 7)],
        ),
        (
            "denied before an end that a later call was allowed before",
            vec![
                one,
                at(What::Ended, 11, 40),
                allowed(8, 30, 50),
                at(What::Denied, 12, 20),
            ],
        ),
        (
            "recorded in an order that was seen to be another",
            vec![allowed(9, 0, 10), allowed(7, 20, 30)],
        ),
    ];
    for (why, history) in wrong {
        assert!(!fits(&history), "{why}");
    }
}

/// Grants in use, and what was asked of all there ever were.
struct Field {
    begun: Instant,
    grants: Vec<Mutex<Holder>>,
    calls: usize,
}

/// What one asker did.
#[derive(Default)]
struct Done {
    history: Vec<(String, Asked)>,
    released: Vec<(u64, Hash)>,
    calls: usize,
    /// Calls that were denied although nothing was over, because other replicas were faster each time.
    contended: usize,
}

impl Field {
    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Calls and ends grants, and opens others in their place, until it made its share of the calls.
    fn work(&self, asker: &mut Asker, mut seed: u64) -> Result<Done, Gone> {
        let mut done = Done::default();
        while done.calls < self.calls {
            // Marsaglia's xorshift is random enough to choose by.
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let place = &self.grants[usize::try_from(seed % GRANTS as u64).unwrap()];
            let held = place.lock().unwrap().clone();
            let is_over = self.call(asker, &held, &mut done)?;
            let ends = (seed >> 32).is_multiple_of(ENDED_AFTER);
            if ends {
                self.end(asker, &held, &mut done)?;
            }
            if is_over || ends {
                let another = loop {
                    // The database may give no answer on a machine that has much else to do.
                    if let Some(opened) = asker.tries_to_open("worker", "shared")? {
                        break opened;
                    }
                };
                let mut held_now = place.lock().unwrap();
                if held_now.grant == held.grant {
                    *held_now = another;
                }
            }
        }
        Ok(done)
    }

    /// Answers whether the grant is over.
    fn call(&self, asker: &mut Asker, held: &Holder, done: &mut Done) -> Result<bool, Gone> {
        let asked = self.now();
        let said = asker.told(held)?;
        let answered = self.now();
        done.calls += 1;
        let what = match said {
            Said::Allowed { seq, hash, .. } => {
                done.released.push((seq, hash.parse().unwrap()));
                What::Allowed { seq }
            }
            Said::Denied(reason) => match reason.as_str() {
                "contended" => {
                    done.contended += 1;
                    return Ok(false);
                }
                "store_unavailable" => What::Lost,
                "budget_calls" | "grant_not_active" | "stopped" => What::Denied,
                other => panic!("denied because of `{other}`"),
            },
        };
        let asked = Asked {
            what,
            asked,
            answered,
        };
        done.history.push((held.grant.clone(), asked));
        Ok(what == What::Denied)
    }

    fn end(&self, asker: &mut Asker, held: &Holder, done: &mut Done) -> Result<(), Gone> {
        let asked = self.now();
        let what = match asker.end(held)?.status {
            200 => What::Ended,
            503 => What::EndLost,
            // Somebody else ended it.
            _ => return Ok(()),
        };
        let asked = Asked {
            what,
            asked,
            answered: self.now(),
        };
        done.history.push((held.grant.clone(), asked));
        Ok(())
    }
}

#[test]
fn three_replicas_under_load_overrun_no_budget_and_tell_one_history() {
    let Some(server) = Server::start().unwrap() else {
        return;
    };
    let loops = std::env::var("BAILIWICK_TORTURE_LOOPS");
    let calls = CALLS_A_LOOP * loops.map_or(LOOPS, |loops| loops.parse().unwrap());
    let address = server.database().unwrap();
    let first = Replica::start(REPLICAS[0], &address, None);
    let others = REPLICAS[1..].iter();
    let others = others.map(|name| Replica::start(name, &address, Some(&first.home)));
    let replicas: Vec<Replica> = others.collect();
    let askers = || std::iter::once(&first).chain(&replicas).map(Replica::asker);
    let mut opener = first.asker();
    let grants = (0..GRANTS).map(|_| Mutex::new(opener.open("worker", "shared").unwrap()));
    let field = Arc::new(Field {
        begun: Instant::now(),
        grants: grants.collect(),
        calls: calls.div_ceil(REPLICAS.len() * ASKERS_EACH),
    });
    let working: Vec<_> = (0..ASKERS_EACH)
        .flat_map(|_| askers())
        .zip(1_u64..)
        .map(|(mut asker, number)| {
            let field = Arc::clone(&field);
            let seed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            thread::spawn(move || field.work(&mut asker, seed).unwrap())
        })
        .collect();
    let done: Vec<Done> = working.into_iter().map(|one| one.join().unwrap()).collect();
    let took = field.now();
    let called: usize = done.iter().map(|done| done.calls).sum();
    let contended: usize = done.iter().map(|done| done.contended).sum();
    let mut histories: BTreeMap<&str, Vec<Asked>> = BTreeMap::new();
    for (grant, asked) in done.iter().flat_map(|done| &done.history) {
        histories.entry(grant).or_default().push(*asked);
    }
    for (grant, history) in &histories {
        could_be_of_one(history, SHARED_CALLS).unwrap_or_else(|why| panic!("{grant}: {why}"));
    }
    let released: HashMap<u64, Hash> = done.iter().flat_map(|done| done.released.clone()).collect();
    let used_up = recorded(&mut opener, &released);
    println!(
        "{called} calls in {took:?}, {} allowed, {contended} contended; {} grants, {used_up} used up",
        released.len(),
        histories.len(),
    );
    let ended = histories
        .values()
        .flatten()
        .filter(|one| one.what == What::Ended)
        .count();
    assert!(ended > 0 && used_up > 0, "nothing was tested");
    assert!(
        contended * 100 < called,
        "{contended} of {called} calls were denied for others' sake"
    );
}

/// Reads the whole record: one chain, each release in its place, no budget overrun. Answers how many
/// grants were used up.
fn recorded(asker: &mut Asker, released: &HashMap<u64, Hash>) -> usize {
    let mut verifier = Verifier::new(&[]);
    let mut uses: HashMap<String, usize> = HashMap::new();
    let mut found = BTreeSet::new();
    let mut from = 0;
    loop {
        let path = format!("/v1/ledger/entries?limit=10000&from={from}");
        let answer = asker.operator_reads(&path).unwrap();
        if answer.body.is_empty() {
            break;
        }
        for line in answer.body.lines() {
            let record = Record::from_line(line).unwrap();
            verifier.record(&record).unwrap();
            assert_eq!(record.seq(), from);
            from += 1;
            let entry = record.entry().unwrap();
            if !is_allow(&entry) {
                assert!(!released.contains_key(&record.seq()), "{line}");
                continue;
            }
            *uses.entry(entry.grant.unwrap().id).or_default() += 1;
            if let Some(hash) = released.get(&record.seq()) {
                assert_eq!(*hash, record.hash(), "{line}");
                found.insert(record.seq());
            }
        }
    }
    verifier.finish().unwrap();
    assert_eq!(found.len(), released.len(), "released and not recorded");
    assert!(
        uses.values().all(|uses| *uses <= SHARED_CALLS),
        "a budget was overrun"
    );
    uses.values().filter(|uses| **uses == SHARED_CALLS).count()
}
