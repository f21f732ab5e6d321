//! Booleans.

use bson::raw::RawBsonRef;

use super::findings::Reading;
use super::number::{self, Number};

/// A boolean, or one of the fixed words, or 0 or 1 of any type.
pub(super) fn boolean(value: RawBsonRef<'_>) -> Option<Reading<bool>> {
    if let RawBsonRef::Boolean(value) = value {
        return Some(Reading::plain(value));
    }
    let is = |word: &&str| value.as_str().is_some_and(|text| text.trim().eq_ignore_ascii_case(word));
    if ["true", "yes", "on"].iter().any(is) {
        return Some(Reading::converted(true));
    }
    if ["false", "no", "off"].iter().any(is) {
        return Some(Reading::converted(false));
    }
    match number::number(value)?.value {
        Number::Whole(0) => Some(Reading::converted(false)),
        Number::Whole(1) => Some(Reading::converted(true)),
        _ => None,
    }
}
