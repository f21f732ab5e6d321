//! Dates as text, as other programs wrote them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// Parses RFC 3339 and its relatives, and the dates of e-mails and of JavaScript, in UTC unless they name a
/// zone. Ambiguous texts, such as 04/05/2024, are not read.
pub(crate) fn parse(text: &str) -> Option<DateTime<Utc>> {
    const WITH_ZONE: [&str; 3] =
        ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%a %b %d %Y %H:%M:%S GMT%z"];
    const WITHOUT_ZONE: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];
    /// Longer than any of these formats.
    const MAX_LEN: usize = 80;
    let text = text.trim();
    if text.len() > MAX_LEN {
        return None;
    }
    if let Ok(date) = DateTime::parse_from_rfc3339(text) {
        return whole_millis(date.to_utc());
    }
    // The brackets hold the name of the zone, whose offset comes before them.
    let text = text.split(" (").next().unwrap_or(text);
    let mut zoned = WITH_ZONE.iter().filter_map(|format| DateTime::parse_from_str(text, format).ok());
    if let Some(date) = zoned.next().or_else(|| DateTime::parse_from_rfc2822(text).ok()) {
        return whole_millis(date.to_utc());
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    let mut local = WITHOUT_ZONE.iter().filter_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN));
    local.next().or_else(day).and_then(|date| whole_millis(date.and_utc()))
}

fn whole_millis(date: DateTime<Utc>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(date.timestamp_millis())
}
