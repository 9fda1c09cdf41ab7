use super::*;
use crate::{Chain, Entry, Stamp, note::Signer};

const EVERY: u64 = 4;

struct Ledger {
    lines: Vec<String>,
    checkpoints: Vec<Checkpoint>,
}

/// A ledger of so many entries with a checkpoint every fourth.
fn ledger(entries: u64, flavour: &str) -> Ledger {
    let mut chain = Chain::default();
    let (mut lines, mut checkpoints) = (Vec::new(), Vec::<Checkpoint>::new());
    for at in 0..entries {
        let stamp = Stamp {
            epoch: 1 + at / 6,
            time_ms: at,
            replica: "a".into(),
        };
        let entry = Entry::of(format!("{flavour}.{at}"));
        lines.push(chain.append(&entry, &stamp).unwrap().to_line());
        if chain.len().is_multiple_of(EVERY) {
            let previous = checkpoints.last().map_or(0, |last| last.size);
            checkpoints.push(Checkpoint::of(&chain, "o", 1, at, previous));
        }
    }
    Ledger { lines, checkpoints }
}

fn verify(ledger: &Ledger) -> Result<Verified, Flaw> {
    let mut verifier = Verifier::new(&ledger.checkpoints);
    for line in &ledger.lines {
        verifier.line(line)?;
    }
    verifier.finish()
}

/// Does something to a good ledger of ten entries, and looks at what is found.
fn check(tamper: impl FnOnce(&mut Ledger), expected: impl FnOnce(&Flaw) -> bool) {
    let mut tampered = ledger(10, "a");
    assert!(verify(&tampered).is_ok());
    tamper(&mut tampered);
    let flaw = verify(&tampered).unwrap_err();
    assert!(expected(&flaw), "{flaw:?}");
    assert!(!flaw.to_string().is_empty());
}

/// Seals the lines again, so that every hash is right for what it says now.
fn resealed(texts: &[String]) -> Vec<String> {
    let mut prev = Hash::ZERO;
    texts
        .iter()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = crate::canonical::text(&value["entry"]).unwrap();
            let record = Record::from_text(prev, &text).unwrap();
            prev = record.hash();
            record.to_line()
        })
        .collect()
}

#[test]
fn a_ledger_as_it_was_written_holds() {
    let verified = verify(&ledger(10, "a")).unwrap();
    assert_eq!((verified.entries, verified.covered), (10, 8));
    assert_eq!(verified.checkpoints, 2);
    assert_eq!(verify(&ledger(0, "a")).unwrap().entries, 0);
}

#[test]
fn an_edited_entry_is_named() {
    check(
        |ledger| ledger.lines[5] = ledger.lines[5].replace("a.5", "a.6"),
        |flaw| {
            matches!(
                flaw,
                Flaw::Entry {
                    seq: 5,
                    why: DecodeError::Hash { .. }
                }
            )
        },
    );
}

#[test]
fn an_entry_edited_with_all_hashes_after_it_is_found_by_the_checkpoint() {
    check(
        |ledger| {
            ledger.lines[5] = ledger.lines[5].replace("a.5", "a.6");
            ledger.lines = resealed(&ledger.lines);
        },
        |flaw| *flaw == Flaw::Rewritten { from: 4, size: 8 },
    );
}

#[test]
fn a_deleted_entry_is_named() {
    check(
        |ledger| drop(ledger.lines.remove(3)),
        |flaw| {
            *flaw
                == Flaw::Sequence {
                    expected: 3,
                    found: 4,
                }
                && flaw.first_bad() == Some(3)
        },
    );
}

#[test]
fn reordered_entries_are_named() {
    check(
        |ledger| ledger.lines.swap(2, 6),
        |flaw| {
            *flaw
                == Flaw::Sequence {
                    expected: 2,
                    found: 6,
                }
        },
    );
}

#[test]
fn a_doubled_entry_is_named() {
    check(
        |ledger| ledger.lines.insert(3, ledger.lines[2].clone()),
        |flaw| {
            *flaw
                == Flaw::Sequence {
                    expected: 3,
                    found: 2,
                }
        },
    );
}

#[test]
fn a_cut_tail_is_named_by_the_checkpoint_that_signs_for_it() {
    check(
        |ledger| ledger.lines.truncate(7),
        |flaw| {
            *flaw
                == Flaw::CutOff {
                    first_missing: 7,
                    size: 8,
                }
        },
    );
}

#[test]
fn an_emptied_ledger_is_named_by_the_checkpoint_that_signs_for_it() {
    check(
        |ledger| ledger.lines.clear(),
        |flaw| {
            *flaw
                == Flaw::CutOff {
                    first_missing: 0,
                    size: 8,
                }
        },
    );
}

#[test]
fn a_piece_of_another_ledger_is_named() {
    check(
        |tampered| {
            tampered
                .lines
                .splice(5.., ledger(10, "b").lines.split_off(5))
                .for_each(drop)
        },
        |flaw| *flaw == Flaw::Link { seq: 5 },
    );
}

#[test]
fn the_database_of_yesterday_is_named_by_the_checkpoint_of_today() {
    // Yesterday there were six entries. They were put back, and four others were written.
    check(
        |tampered| {
            let mut lines = tampered.lines[..6].to_vec();
            lines.extend(ledger(10, "b").lines.split_off(6));
            tampered.lines = resealed(&lines);
        },
        |flaw| *flaw == Flaw::Rewritten { from: 4, size: 8 },
    );
}

#[test]
fn a_missing_checkpoint_is_named_by_the_one_after_it() {
    check(
        |ledger| drop(ledger.checkpoints.remove(0)),
        |flaw| {
            *flaw
                == Flaw::CheckpointMissing {
                    missing: 4,
                    named_by: 8,
                }
        },
    );
}

#[test]
fn two_histories_under_one_key_are_a_fork() {
    check(
        |tampered| tampered.checkpoints.extend(ledger(4, "b").checkpoints),
        // Whichever of the two comes first: the entries disagree with the other.
        |flaw| {
            matches!(
                flaw,
                Flaw::Rewritten { size: 4, .. } | Flaw::Fork { size: 4 }
            )
        },
    );
}

#[test]
fn a_writer_that_was_replaced_is_named() {
    check(
        |ledger| {
            ledger.lines[8] = ledger.lines[8].replace(r#""epoch":2"#, r#""epoch":1"#);
            ledger.lines = resealed(&ledger.lines);
        },
        |flaw| {
            *flaw
                == Flaw::Epoch {
                    seq: 8,
                    found: 1,
                    before: 2,
                }
        },
    );
}

#[test]
fn only_signed_checkpoints_get_this_far() {
    let signer = Signer::new("o", &[3; 32]).unwrap();
    let [first, ..] = &ledger(10, "a").checkpoints[..] else {
        panic!("ten entries have two checkpoints");
    };
    let forged = Checkpoint {
        size: 3,
        ..first.clone()
    };
    let stranger = Signer::new("o", &[4; 32]).unwrap();
    assert!(Checkpoint::open(&first.sign(&signer), &[signer.verifier()]).is_ok());
    assert!(Checkpoint::open(&forged.sign(&stranger), &[signer.verifier()]).is_err());
}
