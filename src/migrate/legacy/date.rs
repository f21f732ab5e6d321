//! Dates.

use std::ops::Range;

use bson::oid::ObjectId;
use bson::raw::RawBsonRef;
use chrono::{DateTime, Utc};

use super::findings::{Findings, Reading};
use super::number::{self, Number};
use super::reason::{Rejection, Repair};
use super::slot::Slot;
use super::wrapped;
use crate::document::date_text;

/// When anything of such a platform can have happened, or be planned: the years 2005 to 2040, in
/// milliseconds. What lies outside is a mark or a mistake.
const PLAUSIBLE: Range<i64> = 1_104_537_600_000..2_240_611_200_000;

/// The dates that programs write for "never": the first and last of a calendar, and zero.
const NEVER: [i64; 5] =
    [-62_135_596_800_000, 0, 253_402_214_400_000, 253_402_300_799_000, 253_402_300_799_999];

/// A date: plain, as a text (in UTC unless it names a zone), a number, a timestamp, or wrapped.
///
/// A number counts the seconds, milli-, micro- or nanoseconds since 1970, whichever is plausible.
pub(super) fn date(value: RawBsonRef<'_>) -> Option<Reading<DateTime<Utc>>> {
    instant(value)?.and_then(plausible)
}

/// Whether an optional date says that there is none.
pub(super) fn is_never(value: RawBsonRef<'_>) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
        || instant(value).is_some_and(|instant| NEVER.contains(&instant.value))
}

/// When a record was made and when it last changed, by its `_id` if it does not say.
pub(super) fn made_and_changed(
    id: Option<ObjectId>,
    created_at: Slot<'_>,
    updated_at: Slot<'_>,
    findings: &mut Findings,
) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    let mut read = |slot| findings.optional(slot, date, Repair::ConvertedDate, Rejection::InvalidDate);
    let (mut created, mut updated) = (read(created_at), read(updated_at));
    if let (None, Some(id)) = (created_at.value, id) {
        created = plausible(id.timestamp().timestamp_millis());
        match created {
            Some(_) => findings.repair(Repair::DerivedCreatedAt),
            None => findings.reject(Rejection::InvalidDate, created_at),
        }
    }
    if updated_at.value.is_none() {
        updated = created;
        findings.repair(Repair::DerivedUpdatedAt);
    }
    (created, updated)
}

fn plausible(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis).filter(|_| PLAUSIBLE.contains(&millis))
}

/// The milliseconds since 1970.
fn instant(value: RawBsonRef<'_>) -> Option<Reading<i64>> {
    if let RawBsonRef::DateTime(date) = value {
        return Some(Reading::plain(date.timestamp_millis()));
    }
    let inner = wrapped::unwrap(value, &["$date"]).unwrap_or(value);
    let millis = match inner {
        RawBsonRef::DateTime(date) => Some(date.timestamp_millis()),
        RawBsonRef::Timestamp(timestamp) => Some(i64::from(timestamp.time) * 1_000),
        _ => number::number(inner).map_or_else(
            || date_text::parse(inner.as_str()?).map(|date| date.timestamp_millis()),
            |number| of_number(number.value),
        ),
    };
    millis.map(Reading::converted)
}

fn of_number(number: Number) -> Option<i64> {
    match number {
        Number::Whole(0) => Some(0),
        Number::Whole(number) => {
            let units =
                [number.checked_mul(1_000), Some(number), Some(number / 1_000), Some(number / 1_000_000)];
            units.into_iter().flatten().find(|millis| PLAUSIBLE.contains(millis))
        }
        #[expect(clippy::cast_possible_truncation, reason = "what is too large is not plausible")]
        Number::Other(number) => [number * 1_000.0, number]
            .map(|millis| millis.round() as i64)
            .into_iter()
            .find(|millis| PLAUSIBLE.contains(millis)),
    }
}
