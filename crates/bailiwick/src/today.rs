//! What day it is. The clock is asked once, here.

use std::time::{SystemTime, UNIX_EPOCH};

use bailiwick_review::waiver::Day;

use crate::fault::Fault;

/// The day that was given, else the day it is in UTC.
pub(crate) fn today(given: Option<&str>) -> Result<Day, Fault> {
    let text = match given {
        Some(text) => text.to_owned(),
        None => now(),
    };
    text.parse::<Day>()
        .map_err(|error| Fault::new(error.to_string()).mend("give --today as 2026-12-31"))
}

fn now() -> String {
    let secs = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (year, month, day) = civil(i64::try_from(secs / 86_400).unwrap_or_default());
    format!("{year:04}-{month:02}-{day:02}")
}

/// Days from 1970-01-01 to a day.
pub(crate) fn days_since_1970(day: Day) -> i64 {
    let text = day.to_string();
    let mut parts = text.split('-').map(|part| part.parse().unwrap_or(1));
    let mut next = || parts.next().unwrap_or(1);
    let (year, month, day): (i64, i64, i64) = (next(), next(), next());
    // Years begin in March, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

/// Year, month and day of so many days after 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

const DAY_MS: u64 = 86_400_000;

/// An instant of the ledger as people write it.
pub(crate) fn utc(ms: u64) -> String {
    let (year, month, day) = civil(i64::try_from(ms / DAY_MS).unwrap_or_default());
    let (secs, ms) = (ms % DAY_MS / 1_000, ms % 1_000);
    let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// The instant at which a day begins, or which a time names, in milliseconds since 1970.
pub(crate) fn instant(text: &str) -> Result<u64, Fault> {
    let (day, time) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let day: Option<u64> = day
        .parse()
        .ok()
        .and_then(|day| u64::try_from(days_since_1970(day)).ok());
    let time = time.strip_suffix('Z').and_then(|time| {
        let mut parts = time.split(':').map(|part| {
            let is_two_digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u64>().ok().filter(|_| is_two_digits)
        });
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        let is_a_time = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
        is_a_time.then_some(((hour * 60 + minute) * 60 + second) * 1_000)
    });
    match (day, time) {
        (Some(day), Some(time)) => Ok(day * DAY_MS + time),
        _ => Err(Fault::new(format!("`{text}` is neither a day nor a time"))
            .mend("write it as 2026-12-31, or as 2026-12-31T23:59:59Z")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_its_number_name_each_other_for_eight_hundred_years() {
        for days in (-30_000..262_000).step_by(13) {
            let (year, month, day) = civil(days);
            let written = format!("{year:04}-{month:02}-{day:02}");
            let day: Day = written.parse().unwrap();
            assert_eq!(days_since_1970(day), days, "{written}");
        }
    }

    #[test]
    fn the_epoch_is_day_zero_and_a_leap_day_counts() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(days_since_1970("2024-03-01".parse().unwrap()), 19_783);
    }

    #[test]
    fn a_day_that_is_none_is_refused_with_its_form() {
        let fault = today(Some("2026-02-30")).unwrap_err();
        assert!(fault.to_string().contains("2026-02-30"));
    }

    #[test]
    fn an_instant_is_read_as_it_is_written() {
        let ms = 1_709_210_096_000;
        assert_eq!(utc(ms), "2024-02-29T12:34:56.000Z");
        assert_eq!(instant("2024-02-29T12:34:56Z").unwrap(), ms);
        assert_eq!(instant("1970-01-02").unwrap(), DAY_MS);
        for text in [
            "",
            "2024",
            "2024-02-29T",
            "2024-02-29T24:00:00Z",
            "2024-02-29T1:00:00Z",
            "2024-02-29T12:34:56",
            "1969-12-31",
        ] {
            assert!(instant(text).is_err(), "{text}");
        }
    }
}
