//! The declaration of a stored record: one line per field.

use bson::raw::{RawDocument, RawDocumentBuf};

#[cfg(feature = "mongo")]
use super::Shape;
use super::{Changes, Field, Fields};
use crate::collection::Collection;
use crate::error::Result;

/// A type that can be read from a stored document.
pub(crate) trait Decode: Sized + Send + 'static {
    /// The collection that stores it.
    const COLLECTION: Collection;

    /// The fields that reading needs; none stand for all.
    #[cfg(feature = "mongo")]
    fn fields() -> Vec<&'static str> {
        Vec::new()
    }

    /// Reads the stored form.
    fn decode(document: &RawDocument) -> Result<Self>;
}

/// A record that has a stored form.
pub(crate) trait Record: Decode {
    /// Writes the stored form for an insert, with a new `_id` if the record does not know one.
    fn encode(&self) -> RawDocumentBuf;
}

/// Fields that a document stores together: a whole record, or a part of one. Implemented by [`part!`].
pub(crate) trait Part: Sized {
    /// The stored names, in stored order.
    fn names(texts: Texts) -> Vec<Field>;

    /// Reads the fields.
    fn read(fields: &Fields<'_>, texts: Texts) -> Result<Self>;

    /// Adds the fields to a document.
    fn append(&self, document: &mut RawDocumentBuf);

    /// Adds the readable fields to the shape of a document.
    #[cfg(feature = "mongo")]
    fn shape(shape: Shape) -> Shape;

    /// Sets all fields that are present.
    fn set_all(&self, changes: Changes) -> Changes {
        let mut document = RawDocumentBuf::new();
        self.append(&mut document);
        Self::names(Texts::Read).into_iter().fold(changes, |changes, name| {
            match document.get(name.as_str()) {
                Ok(Some(value)) => changes.set_raw(name, value.into()),
                _ => changes,
            }
        })
    }

    /// Sets the fields that differ in `other`, except texts.
    fn set_other(&self, other: &Self, changes: Changes) -> Changes;
}

/// Whether to read the texts of a record, which can be large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    /// The whole record.
    Read,
    /// All fields except the one declared as `body`.
    LeaveBody,
    /// All fields except those declared as `text` or `body`.
    Leave,
}

/// Declares fields that a document stores together. The declaration generates their names (a module `field`),
/// reading, with or without texts, writing, the changes between two records, and the shape that a validator
/// checks.
///
/// A line has the field of the type, the stored name, and how the field is stored:
///
/// - `required`: a document without it cannot be read;
/// - `optional`: an `Option`, absent rather than null;
/// - `default(value)`: always written, and `value` if it is absent;
/// - `mark`: what events leave in a row, read tolerantly (see [`Marked`](super::Marked));
/// - `part`: the fields of another declaration, so it has no name.
///
/// `, text` at the end marks a field that a reading can leave out, and `, body` one that summaries leave out
/// too.
macro_rules! part {
    ($part:ident {
        $($field:ident: $($name:literal)? $kind:ident $(($default:expr))? $(, $text:ident)?;)+
    }) => {
        /// The stored names.
        #[expect(non_upper_case_globals, reason = "they are named like the fields")]
        pub(crate) mod field {
            use bson::raw::cstr;

            use crate::document::Field;

            $($(pub(crate) const $field: Field = cstr!($name);)?)+
        }

        /// The same names as plain texts.
        #[expect(dead_code, non_upper_case_globals, reason = "indexes are on some of the fields")]
        pub(crate) mod name {
            $($(pub(crate) const $field: &str = $name;)?)+
        }

        impl $crate::document::Part for $part {
            fn names(texts: $crate::document::Texts) -> Vec<$crate::document::Field> {
                let _ = texts;
                [$($crate::document::part!(
                    @names $kind $($text)? (texts, $($crate::document::part!(@name $field $name),)? |part: &Self| &part.$field)
                )),+]
                .concat()
            }

            fn read(
                fields: &$crate::document::Fields<'_>,
                texts: $crate::document::Texts,
            ) -> $crate::error::Result<Self> {
                let _ = texts;
                Ok(Self {
                    $($field: $crate::document::part!(
                        @read $kind $(($default))? $($text)? (fields, texts $(, $crate::document::part!(@name $field $name))?)
                    ),)+
                })
            }

            fn append(&self, document: &mut bson::raw::RawDocumentBuf) {
                $($crate::document::part!(
                    @append $kind (document, &self.$field $(, $crate::document::part!(@name $field $name))?)
                );)+
            }

            #[cfg(feature = "mongo")]
            fn shape(shape: $crate::document::Shape) -> $crate::document::Shape {
                shape$(.$kind($($crate::document::part!(@name $field $name),)? |part: &Self| &part.$field))+
            }

            fn set_other(
                &self,
                other: &Self,
                changes: $crate::document::Changes,
            ) -> $crate::document::Changes {
                $(let changes = $crate::document::part!(
                    @set $kind $($text)? (changes, &self.$field, &other.$field $(, $crate::document::part!(@name $field $name))?)
                );)+
                changes
            }
        }
    };

    (@name $field:ident $name:literal) => { field::$field };

    (@names part ($texts:ident, $field:expr)) => { $crate::document::names_of($texts, $field) };
    (@names $kind:ident $text:ident ($texts:ident, $name:expr, $field:expr)) => {
        if $crate::document::part!(@reads $text $texts) { vec![$name] } else { Vec::new() }
    };
    (@names $kind:ident ($texts:ident, $name:expr, $field:expr)) => { vec![$name] };

    (@reads text $texts:ident) => { $texts != $crate::document::Texts::Leave };
    (@reads body $texts:ident) => { $texts == $crate::document::Texts::Read };

    (@read $kind:ident $text:ident ($fields:ident, $texts:ident, $name:expr)) => {
        if $crate::document::part!(@reads $text $texts) {
            $fields.$kind($name)?
        } else {
            $crate::document::Unread::unread()
        }
    };
    (@read part ($fields:ident, $texts:ident)) => { $crate::document::Part::read($fields, $texts)? };
    (@read default ($default:expr) ($fields:ident, $texts:ident, $name:expr)) => {
        $fields.optional($name)?.unwrap_or($default)
    };
    (@read $kind:ident ($fields:ident, $texts:ident, $name:expr)) => { $fields.$kind($name)? };

    (@append part ($document:ident, $value:expr)) => { $crate::document::Part::append($value, $document) };
    (@append optional ($document:ident, $value:expr, $name:expr)) => {
        if let Some(value) = $value {
            $crate::document::Stored::append(value, $document, $name);
        }
    };
    (@append mark ($document:ident, $value:expr, $name:expr)) => {
        if let Some(value) = $crate::document::Marked::to_stored($value) {
            $document.append($name, value);
        }
    };
    (@append $kind:ident ($document:ident, $value:expr, $name:expr)) => {
        $crate::document::Stored::append($value, $document, $name)
    };

    (@set $kind:ident $text:ident ($changes:ident, $value:expr, $other:expr, $name:expr)) => { $changes };
    (@set part ($changes:ident, $value:expr, $other:expr)) => {
        $crate::document::Part::set_other($value, $other, $changes)
    };
    (@set optional ($changes:ident, $value:expr, $other:expr, $name:expr)) => {
        match $other {
            other if $crate::document::is_same($value, other) => $changes,
            Some(other) => $changes.set($name, other),
            None => $changes.unset($name),
        }
    };
    (@set mark ($changes:ident, $value:expr, $other:expr, $name:expr)) => {
        if $crate::document::is_same($value, $other) {
            $changes
        } else {
            match $crate::document::Marked::to_stored($other) {
                Some(other) => $changes.set_raw($name, other),
                None => $changes.unset($name),
            }
        }
    };
    (@set $kind:ident ($changes:ident, $value:expr, $other:expr, $name:expr)) => {
        if $crate::document::is_same($value, $other) { $changes } else { $changes.set($name, $other) }
    };
}

pub(crate) use part;

/// Whether a field has the same value in both records.
pub(crate) fn is_same<T: PartialEq>(one: &T, other: &T) -> bool {
    one == other
}

/// The names of a part, given the field of a record that holds it.
pub(crate) fn names_of<R, T: Part>(texts: Texts, _field: impl Fn(&R) -> &T) -> Vec<Field> {
    T::names(texts)
}
