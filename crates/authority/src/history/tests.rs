use proptest::prelude::*;

use super::*;

#[test]
fn no_bytes_are_a_grant_that_was_never_used() {
    assert_eq!(History::read(b""), Ok(History::default()));
    assert_eq!(History::read(b"{}"), Ok(History::default()));
}

#[test]
fn what_is_no_history_is_an_error_and_not_an_empty_one() {
    for bytes in [
        &b"null"[..],
        b"[]",
        b"{\"calls\":-1}",
        b"{\"other\":1}",
        b"\xff",
        b" {}x",
    ] {
        assert!(History::read(bytes).is_err(), "{bytes:?}");
    }
    let long = vec![b' '; HISTORY_LENGTH_MAX + 1];
    assert!(matches!(
        History::read(&long),
        Err(HistoryError::TooLong { .. })
    ));
}

/// As full as a history gets: every entry of a task of the largest size used, every bucket filled.
#[test]
fn the_fullest_history_is_within_its_bound() {
    let mut history = History {
        calls: u64::MAX,
        writes: u64::MAX,
        ..History::default()
    };
    for index in 0..512 {
        history.uses.insert(index, u64::from(u32::MAX));
        history.called.insert(index);
        if index < 16 {
            history.maybe_called.insert(index);
            history.sums.insert(index, i64::MAX);
        }
    }
    for index in 0..=16 {
        let window = history.windows.entry(index).or_default();
        window.reserved = u64::from(u32::MAX);
        for second in 0..200 {
            window.counts.push((u64::MAX, u64::from(u32::MAX)));
            window.counts.pop();
            window.add(1_790_000_000_000 + second * 1_000, 60_000);
        }
        assert!(window.counts.len() <= 62, "{}", window.counts.len());
        for (_, count) in &mut window.counts {
            *count = u64::from(u32::MAX);
        }
    }
    for hash in 0..1_024_u64 {
        history
            .untrusted
            .add(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        history
            .private
            .add(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
    let bytes = history.to_bytes();
    assert!(bytes.len() <= HISTORY_LENGTH_MAX, "{} bytes", bytes.len());
    assert_eq!(History::read(&bytes), Ok(history));
}

#[test]
fn a_clock_that_is_put_back_makes_no_call_younger() {
    let mut window = Window::default();
    window.add(600_000, 60_000);
    for now in [0, 500_000, 600_000, 659_999] {
        assert_eq!(window.count(now, 60_000), 1, "{now}");
    }
    assert_eq!(window.count(662_000, 60_000), 0);
}

proptest! {
    /// Whenever calls come, no span of the window's length holds more than were let through.
    #[test]
    fn no_span_holds_more_than_the_limit(
        steps in prop::collection::vec(0_u64..20_000, 1..200),
        most in 1_u64..8,
        span in prop::sample::select(vec![1_000_u64, 60_000, 600_000, 43_200_000]),
    ) {
        let mut window = Window::default();
        let mut now = 1_790_000_000_000;
        let mut taken: Vec<u64> = Vec::new();
        for step in steps {
            now += step;
            if window.count(now, span) < most {
                window.add(now, span);
                taken.push(now);
            }
            let within = taken.iter().filter(|at| **at > now - span).count() as u64;
            prop_assert!(within <= most);
        }
    }

    #[test]
    fn a_history_survives_being_kept(
        calls in any::<u64>(),
        uses in prop::collection::btree_map(0_u16..512, 1_u64..100, 0..20),
        sums in prop::collection::btree_map(0_u16..16, 0_i64..i64::MAX, 0..16),
        times in prop::collection::vec(0_u64..10_000_000, 0..100),
        values in prop::collection::vec(any::<u64>(), 0..2_000),
    ) {
        let mut history = History { calls, uses, sums, ..History::default() };
        for time in times {
            history.windows.entry(0).or_default().add(time, 60_000);
        }
        for value in values {
            history.untrusted.add(value);
        }
        let bytes = history.to_bytes();
        prop_assert!(bytes.len() <= HISTORY_LENGTH_MAX);
        prop_assert_eq!(History::read(&bytes), Ok(history));
    }
}
