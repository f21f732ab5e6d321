//! The spellings of a UUID. Other programs stored the ids of campaigns and of e-mails in other forms than
//! this store does. Every look-up of rows asks for all of them, the reader takes each for the same id, and
//! the aggregation too: otherwise a campaign would have rows for one and not for the other.
//!
//! | Spelling | Stored as |
//! |---|---|
//! | hyphenated, such as `0191d2a5-6d9c-7cc0-a1f3-3b1f5ad2e1aa` | text, in lower case (by this store) or upper case |
//! | without hyphens, in braces, or after `urn:uuid:` | text, with digits in lower or upper case |
//! | 16 bytes | binary of subtype 4 |
//!
//! Anything else is no id: a text with digits of both cases or with white space around it, and binary of
//! subtype 3, since drivers wrote its bytes in three different orders.

use bson::raw::RawBsonRef;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson};
#[cfg(feature = "mongo")]
use bson::{Document, doc};
use uuid::Uuid;

use super::Problem;

const URN: &str = "urn:uuid:";

/// The stored forms of an id, first the one of this store.
pub(super) fn spellings(id: Uuid) -> [Bson; 9] {
    let digits = id.hyphenated();
    [
        format!("{digits:x}").into(),
        format!("{digits:X}").into(),
        format!("{:x}", id.simple()).into(),
        format!("{:X}", id.simple()).into(),
        format!("{{{digits:x}}}").into(),
        format!("{{{digits:X}}}").into(),
        format!("{URN}{digits:x}").into(),
        format!("{URN}{digits:X}").into(),
        Binary { subtype: BinarySubtype::Uuid, bytes: id.as_bytes().to_vec() }.into(),
    ]
}

/// Reads one of these spellings.
pub(super) fn read(value: RawBsonRef<'_>) -> Result<Uuid, Problem> {
    let id = read_any(value)?;
    match value.as_str() {
        Some(text) if !is_spelling(text) => Err("is spelled as no look-up would find it"),
        _ => Ok(id),
    }
}

/// The same, also in a text with digits of both cases.
pub(super) fn read_any(value: RawBsonRef<'_>) -> Result<Uuid, Problem> {
    const WRONG: Problem = "does not have the form of its kind";
    match value {
        RawBsonRef::String(text) => Uuid::try_parse(text).map_err(|_| WRONG),
        RawBsonRef::Binary(binary) if binary.subtype == BinarySubtype::Uuid => {
            Uuid::from_slice(binary.bytes).map_err(|_| WRONG)
        }
        RawBsonRef::Binary(_) => Err(WRONG),
        _ => Err("is not a string"),
    }
}

/// Whether the text of a UUID is one of its spellings.
fn is_spelling(text: &str) -> bool {
    let is_urn = text.starts_with(URN);
    let digits = text.strip_prefix(URN).unwrap_or(text);
    let has = |is_case: fn(&u8) -> bool| digits.as_bytes().iter().any(is_case);
    let is_one_case = !(has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase));
    // Of the longest texts the parser takes the prefix in any case.
    is_one_case && (is_urn || digits.len() < URN.len() + 36)
}

/// The ids that are stored as binary, as bounds on the field: between them, binaries are ordered by their
/// bytes alone.
#[cfg(feature = "mongo")]
pub(super) fn binaries() -> Document {
    let bound = |byte| Binary { subtype: BinarySubtype::Uuid, bytes: vec![byte; 16] };
    doc! { "$gte": bound(0), "$lte": bound(0xff) }
}

/// The forms of a text: what is before the digits, between them and after them, as regular expressions, and
/// where the digits start.
#[cfg(feature = "mongo")]
const FORMS: [(&str, &str, &str, i32); 4] =
    [("", "-", "", 0), ("", "", "", 0), (r"\{", "-", r"\}", 1), (URN, "-", "", 9)];

#[cfg(feature = "mongo")]
fn regex((before, hyphen, after, _): (&str, &str, &str, i32)) -> String {
    let digits = |case: &str| [8, 4, 4, 4, 12].map(|n| format!("[0-9{case}]{{{n}}}")).join(hyphen);
    format!("{before}({}|{}){after}", digits("a-f"), digits("A-F"))
}

/// An expression: the form of this store for a text that spells an id, and any other value as it is.
#[cfg(feature = "mongo")]
pub(super) fn stored_form(value: &str) -> Document {
    let lower = |start: i32, length: i32| doc! { "$toLower": { "$substrBytes": [value, start, length] } };
    let branches = FORMS.map(|form| {
        let (_, hyphen, _, start) = form;
        let stored = if hyphen.is_empty() {
            let parts = [(0, 8), (8, 4), (12, 4), (16, 4), (20, 12)].map(|(at, length)| lower(at, length));
            let parts = parts.into_iter().flat_map(|part| [Bson::from("-"), part.into()]).skip(1);
            doc! { "$concat": parts.collect::<Vec<_>>() }
        } else {
            lower(start, 36)
        };
        let is_form = doc! { "$regexMatch": { "input": value, "regex": format!(r"^{}\z", regex(form)) } };
        doc! { "case": is_form, "then": stored }
    });
    let text = doc! { "$switch": { "branches": branches.to_vec(), "default": value } };
    doc! { "$cond": [{ "$eq": [{ "$type": value }, "string"] }, text, value] }
}

/// A filter: the field has no spelling of an id.
#[cfg(feature = "mongo")]
pub(super) fn is_no_spelling(field: &str) -> Document {
    let text = doc! { "$regex": format!(r"^({})\z", FORMS.map(regex).join("|")) };
    // In a filter, an array also has the values of its elements.
    doc! { "$or": [{ field: { "$type": "array" } }, { "$nor": [{ field: text }, { field: binaries() }] }] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_bson(value: &Bson) -> Result<Uuid, Problem> {
        let document = bson::RawDocumentBuf::try_from(&bson::doc! { "id": value.clone() }).unwrap();
        read(document.get("id").unwrap().unwrap())
    }

    #[test]
    fn every_spelling_is_read() {
        let id = Uuid::from_u128(0x0191_d2a5_6d9c_7cc0_a1f3_3b1f_5ad2_e1aa);
        let all = spellings(id);
        for (n, spelling) in all.iter().enumerate() {
            assert_eq!(read_bson(spelling), Ok(id), "{spelling}");
            assert!(!all[..n].contains(spelling), "{spelling}");
        }
        // Digits have no case.
        let id = Uuid::from_u128(7);
        assert!(spellings(id).iter().all(|spelling| read_bson(spelling) == Ok(id)));
    }

    #[test]
    fn what_is_no_spelling_is_not_read() {
        let id = Uuid::from_u128(0x0191_d2a5_6d9c_7cc0_a1f3_3b1f_5ad2_e1aa);
        let bytes = id.as_bytes().to_vec();
        let binary = |subtype| Bson::from(Binary { subtype, bytes: bytes.clone() });
        for value in [
            "0191D2a5-6d9c-7cc0-a1f3-3b1f5ad2e1aa".into(),
            " 0191d2a5-6d9c-7cc0-a1f3-3b1f5ad2e1aa".into(),
            format!("URN:UUID:{id}").into(),
            format!("URN:UUID:{id:X}").into(),
            "URN:UUID:01910000-6000-7000-1000-300000000000".into(),
            format!("urn:uuid:{}", id.simple()).into(),
            format!("{{{}}}", id.simple()).into(),
            "camp-17".into(),
            "".into(),
            7.into(),
            binary(BinarySubtype::UuidOld),
            binary(BinarySubtype::Generic),
            Binary { subtype: BinarySubtype::Uuid, bytes: vec![1; 15] }.into(),
        ] {
            assert!(read_bson(&value).is_err(), "{value}");
        }
    }
}
