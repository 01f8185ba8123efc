//! Times as people and names of files have them: `2026-11-27T04-41-09.123Z`.

use std::fmt;

/// A time of the world, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    unix_ms: u64,
}

impl Stamp {
    /// Of milliseconds since 1970.
    pub fn new(unix_ms: u64) -> Stamp {
        Stamp { unix_ms }
    }
}

/// With dashes in the time of day, since a colon cannot stand in every file's name.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ms) = (self.unix_ms / 1000, self.unix_ms % 1000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}.{ms:03}Z")
    }
}

/// Year, month and day of a day since 1970 (Howard Hinnant, chrono-compatible low-level date algorithms, `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    // Days since 1 March of the year 0; the year begins in March, so that the leap day is its last.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        let said = |unix_ms| Stamp::new(unix_ms).to_string();
        assert_eq!(said(0), "1970-01-01T00-00-00.000Z");
        assert_eq!(said(951_782_399_999), "2000-02-28T23-59-59.999Z");
        assert_eq!(said(951_782_400_000), "2000-02-29T00-00-00.000Z");
        assert_eq!(said(1_795_754_362_001), "2026-11-27T04-39-22.001Z");
        assert_eq!(said(4_107_542_400_000), "2100-03-01T00-00-00.000Z");
    }
}
