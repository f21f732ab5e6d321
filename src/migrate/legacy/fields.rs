//! The fields of a legacy document.

use bson::raw::RawDocument;

use super::Mapped;
use super::findings::Findings;
use super::reason::{Reason, Rejection};
use super::slot::Slot;
use crate::document::Field;

/// The fields of a legacy document that have a name of the schema, in any spelling.
pub(super) struct Slots<'a>(Vec<Slot<'a>>);

impl<'a> Slots<'a> {
    /// Reads the fields of these names in one pass, and passes over others.
    ///
    /// # Errors
    /// The document is malformed.
    pub(super) fn read(
        document: &'a RawDocument,
        names: impl IntoIterator<Item = Field>,
        findings: &mut Findings,
    ) -> Mapped<Self> {
        let mut slots: Vec<_> = names.into_iter().map(Slot::absent).collect();
        let mut expected = 0;
        for element in document.iter_elements() {
            let element = element.map_err(|_| malformed())?;
            let key = element.key().as_str();
            // Documents have their fields in much the same order, so the next one is mostly the next one.
            let place = find(&slots, expected, |name| key == name)
                .or_else(|| find(&slots, expected, |name| is_spelling_of(name, key)));
            if let Some((place, slot)) = place.and_then(|place| Some((place, slots.get_mut(place)?))) {
                match slot.fill(key, element.value().map_err(|_| malformed())?) {
                    Ok(None) => {}
                    Ok(Some(repair)) => findings.repair(repair),
                    Err(code) => findings.reject(code, *slot),
                }
                expected = place + 1;
            }
        }
        Ok(Self(slots))
    }

    /// What the document holds for a field.
    pub(super) fn get(&self, name: Field) -> Slot<'a> {
        let slot = self.0.iter().find(|slot| slot.name == name.as_str());
        slot.copied().unwrap_or(Slot::absent(name))
    }
}

fn find(slots: &[Slot<'_>], start: usize, is_it: impl Fn(&str) -> bool) -> Option<usize> {
    let (before, after) = slots.split_at_checked(start)?;
    let position = |part: &[Slot<'_>]| part.iter().position(|slot| is_it(slot.name));
    position(after).map(|place| start + place).or_else(|| position(before))
}

/// Whether a key is the name in other words: `userId`, `UserID` or `user-id` for `user_id`.
pub(super) fn is_spelling_of(name: &str, key: &str) -> bool {
    fn letters(text: &str) -> impl Iterator<Item = u8> {
        text.bytes().filter(|byte| !matches!(byte, b'_' | b'-')).map(|byte| byte.to_ascii_lowercase())
    }
    // `id` is not `_id`.
    !name.starts_with('_') && !key.starts_with('_') && letters(name).eq(letters(key))
}

fn malformed() -> Vec<Reason> {
    vec![Reason { code: Rejection::MalformedBson, path: "(document)", bson_type: "object" }]
}
