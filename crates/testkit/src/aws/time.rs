//! The two forms in which AWS writes an instant.

/// `20261126T204111Z` in seconds since 1970.
pub(super) fn read(text: &str) -> Option<i64> {
    let digits = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let shaped = text.len() == 16 && text.get(8..9) == Some("T") && text.ends_with('Z');
    if !shaped {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(4, 6)?, digits(6, 8)?);
    let months = usize::try_from(month - 1).ok()?;
    let in_months: i64 = months_of(year).iter().take(months).sum();
    let days = (1970..year).map(days_of).sum::<i64>() + in_months + day - 1;
    Some(days * 86_400 + digits(9, 11)? * 3_600 + digits(11, 13)? * 60 + digits(13, 15)?)
}

/// `2026-11-26T20:41:11Z`, of an instant after 1970.
pub(super) fn written(seconds: i64) -> String {
    let mut days = seconds.div_euclid(86_400);
    let of_day = seconds.rem_euclid(86_400);
    let mut year = 1970;
    while days >= days_of(year) {
        days -= days_of(year);
        year += 1;
    }
    let mut month = 1;
    for length in months_of(year) {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let day = days + 1;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn days_of(year: i64) -> i64 {
    months_of(year).iter().sum()
}

fn months_of(year: i64) -> [i64; 12] {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = 28 + i64::from(is_leap);
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_and_written() {
        assert_eq!(read("20261126T204111Z"), Some(1_795_725_671));
        assert_eq!(written(1_795_725_671), "2026-11-26T20:41:11Z");
        assert_eq!(written(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(read("2026-11-26T20:41Z"), None);
    }
}
