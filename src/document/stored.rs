//! How each type of the model is stored: its BSON types, with reading and writing in one place.

use bson::oid::ObjectId;
use bson::raw::{RawBson, RawBsonRef, RawDocumentBuf};
use bson::{Bson, Document, doc};
use chrono::{DateTime, Utc};

use super::Field;
use super::problem::Problem;
use super::{json, spelling};
use crate::model::{
    CampaignDuration, CampaignId, CampaignStatus, ClerkUserId, EmailAddress, LoginId, MailboxId,
    MailboxStatus, Message, MetricId, Provider, TrackingId, UserId, UserProfile,
};

/// A value of a field.
pub(crate) trait Stored: Sized {
    /// The JSON schema of the values that can be read.
    fn schema() -> Document;

    /// Reads a value.
    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem>;

    /// Calls `write` with the stored form.
    fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R;

    /// Adds the stored form to a document.
    fn append(&self, document: &mut RawDocumentBuf, name: Field) {
        self.with(|value| document.append(name, value));
    }

    /// The stored form as a value of its own.
    fn to_raw(&self) -> RawBson {
        self.with(|value| value.into())
    }

    /// The same for filters.
    fn to_bson(&self) -> Bson {
        self.to_raw().try_into().unwrap_or(Bson::Null)
    }
}

/// A value that is left out when a record is read without its texts.
pub(crate) trait Unread {
    /// The placeholder for the value.
    fn unread() -> Self;
}

impl Unread for String {
    fn unread() -> Self {
        Self::new()
    }
}

impl Unread for Message {
    fn unread() -> Self {
        Self::from_stored("")
    }
}

impl<T> Unread for Option<T> {
    fn unread() -> Self {
        None
    }
}

impl Unread for EmailAddress {
    fn unread() -> Self {
        Self::from_stored("")
    }
}

/// The types of numbers.
const NUMBER: [&str; 4] = ["int", "long", "double", "decimal"];

macro_rules! object_ids {
    ($($id:ident),+) => {
        $(impl Stored for $id {
            fn schema() -> Document {
                doc! { "bsonType": ["objectId"] }
            }

            fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
                ObjectId::read(value).map(Self::from)
            }

            fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R {
                self.as_object_id().with(write)
            }
        })+
    };
}

object_ids!(UserId, MailboxId, MetricId);

macro_rules! uuids {
    ($($id:ident: $read:path),+) => {
        $(impl Stored for $id {
            fn schema() -> Document {
                String::schema()
            }

            fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
                $read(value).map(Self::from)
            }

            fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R {
                let mut buffer = uuid::Uuid::encode_buffer();
                write(RawBsonRef::String(self.as_uuid().hyphenated().encode_lower(&mut buffer)))
            }
        })+
    };
}

// A row must not count for a campaign whose look-ups would not find it.
uuids!(CampaignId: spelling::read, TrackingId: spelling::read_any);

/// Texts that are normalised on entry, but read as they are, because older programs wrote others.
macro_rules! texts {
    ($($text:ident),+) => {
        $(impl Stored for $text {
            fn schema() -> Document {
                String::schema()
            }

            fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
                text(value).map(Self::from_stored)
            }

            fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R {
                write(RawBsonRef::String(self.as_str()))
            }
        })+
    };
}

texts!(ClerkUserId, EmailAddress, LoginId, Message, Provider);

macro_rules! fixed_texts {
    ($($text:ident),+) => {
        $(impl Stored for $text {
            fn schema() -> Document {
                let values: Vec<Bson> = Self::ALL.iter().map(|value| value.as_str().into()).collect();
                doc! { "bsonType": ["string"], "enum": values }
            }

            fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
                text(value)?.parse().map_err(|_| "does not have the form of its kind")
            }

            fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R {
                write(RawBsonRef::String(self.as_str()))
            }
        })+
    };
}

fixed_texts!(CampaignStatus, MailboxStatus);

impl Stored for ObjectId {
    fn schema() -> Document {
        doc! { "bsonType": ["objectId"] }
    }

    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
        value.as_object_id().ok_or("is not an ObjectId")
    }

    fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R {
        write(RawBsonRef::ObjectId(*self))
    }
}

impl Stored for String {
    fn schema() -> Document {
        doc! { "bsonType": ["string"] }
    }

    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
        text(value).map(str::to_owned)
    }

    fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R {
        write(RawBsonRef::String(self))
    }
}

impl Stored for bool {
    fn schema() -> Document {
        doc! { "bsonType": ["bool"] }
    }

    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
        value.as_bool().ok_or("is not a boolean")
    }

    fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R {
        write(RawBsonRef::Boolean(*self))
    }
}

impl Stored for DateTime<Utc> {
    fn schema() -> Document {
        doc! { "bsonType": ["date"] }
    }

    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
        let millis = value.as_datetime().ok_or("is not a date")?.timestamp_millis();
        DateTime::from_timestamp_millis(millis).ok_or("is a date out of the calendar")
    }

    fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R {
        write(RawBsonRef::DateTime(bson::DateTime::from_chrono(*self)))
    }
}

/// Percentages. Old documents have them in all number types.
impl Stored for f64 {
    fn schema() -> Document {
        doc! { "bsonType": NUMBER }
    }

    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
        match value {
            RawBsonRef::Double(number) => Ok(number),
            RawBsonRef::Int32(number) => Ok(number.into()),
            #[expect(clippy::cast_precision_loss, reason = "rates and hours are small")]
            RawBsonRef::Int64(number) => Ok(number as Self),
            // Only its text gives its value, in a form that doubles have too.
            RawBsonRef::Decimal128(number) => number.to_string().parse().map_err(|_| "is not a number"),
            _ => Err("is not a number"),
        }
    }

    fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R {
        write(RawBsonRef::Double(*self))
    }
}

/// Counts: whole numbers from 0, in any number type.
impl Stored for u64 {
    fn schema() -> Document {
        doc! { "bsonType": NUMBER, "minimum": 0, "multipleOf": 1 }
    }

    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
        /// Up to this, every whole number is a double.
        const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
        let count = match value {
            RawBsonRef::Int32(number) => Self::try_from(number).ok(),
            RawBsonRef::Int64(number) => Self::try_from(number).ok(),
            _ => Some(f64::read(value)?)
                .filter(|number| (0.0..=MAX_EXACT).contains(number) && number.fract() == 0.0)
                .map(|number| {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
                    let count = number as Self;
                    count
                }),
        };
        count.ok_or("is not a count")
    }

    fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R {
        write(RawBsonRef::Int64(i64::try_from(*self).unwrap_or(i64::MAX)))
    }
}

impl Stored for CampaignDuration {
    fn schema() -> Document {
        doc! { "bsonType": NUMBER, "minimum": Self::MIN_HOURS, "maximum": Self::MAX_HOURS }
    }

    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
        Self::hours(f64::read(value)?).map_err(|_| "is out of its bounds")
    }

    fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R {
        self.as_hours().with(write)
    }
}

impl Stored for UserProfile {
    fn schema() -> Document {
        doc! { "bsonType": ["object"] }
    }

    fn read(value: RawBsonRef<'_>) -> Result<Self, Problem> {
        json::from_raw(value).map(Self::from_stored)
    }

    fn with<R>(&self, write: impl FnOnce(RawBsonRef<'_>) -> R) -> R {
        // A profile has no key that a document cannot have: its constructor checked that.
        write(RawBsonRef::Document(
            &RawDocumentBuf::try_from(&json::to_document(self.as_json())).unwrap_or_default(),
        ))
    }
}

fn text(value: RawBsonRef<'_>) -> Result<&str, Problem> {
    value.as_str().ok_or("is not a string")
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use bson::Decimal128;

    use super::*;

    #[test]
    fn counts_are_read_from_any_number_type() {
        let decimals = ["7", "7.0", "0.7E1"].map(|text| Decimal128::from_str(text).unwrap());
        let decimals = decimals.map(RawBsonRef::Decimal128);
        let plain = [RawBsonRef::Int32(7), RawBsonRef::Int64(7), RawBsonRef::Double(7.0)];
        for value in plain.into_iter().chain(decimals) {
            assert_eq!(u64::read(value), Ok(7));
        }
        for value in [
            RawBsonRef::Int32(-1),
            RawBsonRef::Int64(i64::MIN),
            RawBsonRef::Double(0.5),
            RawBsonRef::Double(f64::NAN),
            RawBsonRef::Double(1e300),
            RawBsonRef::Decimal128(Decimal128::from_str("-1").unwrap()),
            RawBsonRef::Decimal128(Decimal128::from_str("NaN").unwrap()),
            RawBsonRef::String("7"),
        ] {
            assert!(u64::read(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn hours_are_read_from_decimals() {
        let hours = RawBsonRef::Decimal128(Decimal128::from_str("1.5").unwrap());
        assert_eq!(CampaignDuration::read(hours), Ok(CampaignDuration::hours(1.5).unwrap()));
    }
}
