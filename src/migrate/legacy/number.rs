//! Numbers.

use bson::raw::RawBsonRef;

use super::findings::Reading;
use super::wrapped;
use crate::model::CampaignDuration;

/// A number of any type, exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Whole(i64),
    /// Not whole, not finite, or not within 64 bits.
    Other(f64),
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        /// Below it in magnitude every whole double is an `i64`: 2⁶³.
        const END: f64 = 9_223_372_036_854_775_808.0;
        if number.fract() == 0.0 && number.abs() < END {
            #[expect(clippy::cast_possible_truncation, reason = "checked")]
            Self::Whole(number as i64)
        } else {
            Self::Other(number)
        }
    }
}

/// A number: plain, as a text, as a decimal, or wrapped.
pub(super) fn number(value: RawBsonRef<'_>) -> Option<Reading<Number>> {
    const WRAPPERS: &[&str] = &["$numberInt", "$numberLong", "$numberDouble", "$numberDecimal"];
    Some(match value {
        RawBsonRef::Int32(number) => Reading::plain(Number::Whole(number.into())),
        RawBsonRef::Int64(number) => Reading::plain(Number::Whole(number)),
        RawBsonRef::Double(number) => Reading::plain(number.into()),
        RawBsonRef::String(text) => Reading::converted(parse(text)?),
        RawBsonRef::Decimal128(number) => Reading::converted(parse(&number.to_string())?),
        _ => Reading::converted(parse(wrapped::unwrap(value, WRAPPERS)?.as_str()?)?),
    })
}

fn parse(text: &str) -> Option<Number> {
    /// More than any number of use has.
    const MAX_LEN: usize = 40;
    let text = text.trim();
    // Rust also reads words, such as `infinity`.
    if text.len() > MAX_LEN || !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return None;
    }
    text.parse().map(Number::Whole).ok().or_else(|| text.parse::<f64>().ok().map(Number::from))
}

/// A number of hours that a campaign can run.
pub(super) fn hours(value: RawBsonRef<'_>) -> Option<Reading<CampaignDuration>> {
    number(value)?.and_then(|number| {
        let hours = match number {
            Number::Whole(hours) => i32::try_from(hours).ok()?.into(),
            Number::Other(hours) => hours,
        };
        CampaignDuration::hours(hours).ok()
    })
}

/// A whole number from 0.
pub(super) fn count(value: RawBsonRef<'_>) -> Option<Reading<u64>> {
    number(value)?.and_then(|number| match number {
        Number::Whole(count) => u64::try_from(count).ok(),
        Number::Other(_) => None,
    })
}
