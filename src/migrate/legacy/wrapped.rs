//! Extended JSON that was stored as it is, by an import that did not know it: `{"$oid": "…"}`.

use bson::raw::RawBsonRef;

/// The value in an object whose one key is one of `keys`.
pub(super) fn unwrap<'a>(value: RawBsonRef<'a>, keys: &[&str]) -> Option<RawBsonRef<'a>> {
    let mut elements = value.as_document()?.iter();
    let (Some(Ok((key, inner))), None) = (elements.next(), elements.next()) else { return None };
    keys.contains(&key.as_str()).then_some(inner)
}
