//! What a provider tells about the owner of a mailbox.

use bson::raw::{RawBsonRef, RawDocument};
use serde_json::Value;

use super::findings::Reading;
use crate::document::json;
use crate::model::UserProfile;

/// A profile, if JSON can hold all of it. Dates, ids and symbols become texts.
pub(super) fn profile(value: RawBsonRef<'_>) -> Option<Reading<UserProfile>> {
    let document = value.as_document()?;
    let profile = UserProfile::new(json::from_raw(value).ok()?).ok()?;
    let mut content = Content::default();
    content.add_all(document)?;
    // Of two equal keys JSON holds one.
    let is_whole = content.values == profile.as_json().values().map(values_in).sum::<usize>();
    is_whole.then_some(Reading { value: profile, converted: content.is_converted })
}

/// What the objects and arrays of a profile hold, on all levels.
#[derive(Default)]
struct Content {
    values: usize,
    is_converted: bool,
}

impl Content {
    /// None if JSON would lose a value.
    fn add_all(&mut self, document: &RawDocument) -> Option<()> {
        document.iter().try_for_each(|element| self.add(element.ok()?.1))
    }

    fn add(&mut self, value: RawBsonRef<'_>) -> Option<()> {
        self.values += 1;
        match value {
            RawBsonRef::Document(document) => self.add_all(document),
            RawBsonRef::Array(array) => array.into_iter().try_for_each(|value| self.add(value.ok()?)),
            RawBsonRef::Undefined => None,
            RawBsonRef::Double(number) => number.is_finite().then_some(()),
            RawBsonRef::DateTime(date) => {
                self.is_converted = true;
                date.try_to_rfc3339_string().ok().map(|_| ())
            }
            RawBsonRef::ObjectId(_) | RawBsonRef::Symbol(_) => {
                self.is_converted = true;
                Some(())
            }
            _ => Some(()),
        }
    }
}

/// A value and those in it.
fn values_in(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(values_in).sum(),
        Value::Object(map) => map.values().map(values_in).sum(),
        _ => 0,
    }
}
