//! Times as people write them: `30d`, `8h`; `now`, `2027-01-31`, ms since 1970. No clock is read here.

const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// TIME-1: a duration in ms: a whole number and `ms`, `s`, `m`, `h` or `d`.
pub fn duration(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(DAY_MS),
        _ => None,
    };
    let ms = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    ms.ok_or_else(|| format!("`{}` is no duration: write 30s, 2m, 8h or 30d", short(text)))
}

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When it is sent.
    Now,
    /// In ms since 1970.
    At(u64),
}

/// TIME-2: `now`, a day (its beginning in UTC), or ms since 1970.
pub fn when(text: &str) -> Result<When, String> {
    if text == "now" {
        return Ok(When::Now);
    }
    let ms = if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { day(text) };
    ms.map(When::At)
        .ok_or_else(|| format!("`{}` is no time: write now, a day as 2027-01-31 (UTC), or ms since 1970", short(text)))
}

/// The beginning of a day from 1970 on, by the calendar's rule of leap years.
fn day(text: &str) -> Option<u64> {
    let is_written =
        text.len() == 10 && text.bytes().enumerate().all(|(n, b)| if n == 4 || n == 7 { b == b'-' } else { b.is_ascii_digit() });
    if !is_written {
        return None;
    }
    let part = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let february = if is_leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let before = usize::try_from(month.checked_sub(1)?).ok()?;
    if year < 1970 || !(1..=*months.get(before)?).contains(&day) {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let days = years + months.iter().take(before).sum::<u64>() + day - 1;
    days.checked_mul(DAY_MS)
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // TIME-1
    #[test]
    fn durations_are_whole_numbers_with_their_unit() {
        for (text, ms) in
            [("500ms", 500), ("30s", 30_000), ("2m", 120_000), ("8h", 28_800_000), ("365d", 365 * DAY_MS), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(ms), "{text}");
        }
        for text in ["", "d", "30", "30 d", "-1d", "1.5d", "1w", "99999999999999999999d", "18446744073709551615h"] {
            assert!(duration(text).unwrap_err().contains("no duration"), "{text}");
        }
    }

    // TIME-2
    #[test]
    fn a_day_is_its_beginning_in_utc() {
        assert_eq!(when("now"), Ok(When::Now));
        for (text, ms) in [
            ("1970-01-01", 0),
            ("1970-03-01", 59 * DAY_MS),
            ("2000-02-29", 951_782_400_000),
            ("2026-01-01", 1_767_225_600_000),
            ("2028-12-31", 1_861_833_600_000),
            ("2100-03-01", 4_107_542_400_000),
            ("1767225600000", 1_767_225_600_000),
        ] {
            assert_eq!(when(text), Ok(When::At(ms)), "{text}");
        }
        for text in [
            "",
            "today",
            "2027-02-29",
            "2100-02-29",
            "2027-13-01",
            "2027-00-01",
            "2027-01-00",
            "2027-1-1",
            "1969-12-31",
            "+2027-01-1",
        ] {
            assert!(when(text).unwrap_err().contains("no time"), "{text}");
        }
    }
}
