//! Which login ids and which addresses are the same, whatever the alphabet they are written in.

use icu_properties::CodePointSetData;
use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint};
use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use unicode_normalization::UnicodeNormalization;

/// The form in which login ids are compared and stored: the profile `UsernameCaseMapped` of RFC 8265, which maps wide
/// letters and upper case and composes accents; of an address, the domain by UTS 46 besides. `None` if the profile
/// refuses it, as it does symbols and ligatures.
pub(super) fn of_login_id(text: &str) -> Option<String> {
    let name = UsernameCaseMapped::enforce(text).ok()?;
    match name.rsplit_once('@') {
        Some((local, domain)) => Some(format!("{local}@{}", domain_of(domain)?)),
        None => Some(name.into_owned()),
    }
}

/// The form in which addresses are compared: in lower case, the local part composed (NFC), the domain by UTS 46.
/// `None` if it has no domain or one that UTS 46 refuses.
pub(super) fn of_address(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let local: String = local.to_lowercase().nfc().collect();
    Some(format!("{local}@{}", domain_of(domain)?))
}

/// The same address with its domain in ASCII, as many programs store it.
pub(super) fn with_ascii_domain(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    Some(format!("{local}@{}", idna::domain_to_ascii(domain).ok()?))
}

/// A domain in Unicode, whether it was given so or in ASCII (`xn--…`).
fn domain_of(domain: &str) -> Option<String> {
    match idna::domain_to_unicode(domain) {
        (domain, Ok(())) => Some(domain),
        _ => None,
    }
}

/// Whether a character is not seen, but makes a text another one or turns its direction: those with the properties
/// `Default_Ignorable_Code_Point` and `Bidi_Control` of Unicode.
pub(super) fn is_invisible(c: char) -> bool {
    // The properties of ASCII are known, and nearly all texts are ASCII.
    !c.is_ascii() && (CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) || turns_direction(c))
}

/// As [`is_invisible`], for names: Persian and Indian ones are spelled with joiners, and emoji are made with joiners,
/// variation selectors and tags.
pub(super) fn is_invisible_in_names(c: char) -> bool {
    let joins = matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0020}'..='\u{e01ef}');
    is_invisible(c) && !joins
}

fn turns_direction(c: char) -> bool {
    CodePointSetData::new::<BidiControl>().contains(c)
}

/// Whether a text has one form only, which most have.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()) && !text.contains("xn--")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_ids_are_compared_by_rfc_8265() {
        for (text, form) in [
            ("Ada", Some("ada")),
            ("ＡＤＡ", Some("ada")),
            ("e\u{301}va", Some("éva")),
            ("Ada＠Example.com", Some("ada@example.com")),
            ("ada@Bücher.example", Some("ada@bücher.example")),
            ("ada@xn--bcher-kva.example", Some("ada@bücher.example")),
            ("ınfo@example.com", Some("ınfo@example.com")),
            ("in\u{200b}fo", None),
            ("\u{fb01}fi", None),
            ("a da", None),
            ("", None),
        ] {
            assert_eq!(of_login_id(text).as_deref(), form, "{text:?}");
        }
    }

    #[test]
    fn addresses_are_compared_by_composed_local_part_and_domain() {
        for (text, form) in [
            ("Bob@Example.com", Some("bob@example.com")),
            ("Bob@Bücher.example", Some("bob@bücher.example")),
            ("bob@xn--bcher-kva.example", Some("bob@bücher.example")),
            ("bob@ｂücher.example", Some("bob@bücher.example")),
            ("e\u{301}va@example.com", Some("éva@example.com")),
            // Local parts in wide letters are other mailboxes.
            ("ｂob@example.com", Some("ｂob@example.com")),
            ("bob@xn--a.example", None),
            ("bob", None),
        ] {
            assert_eq!(of_address(text).as_deref(), form, "{text:?}");
        }
        assert_eq!(with_ascii_domain("bob@bücher.example").as_deref(), Some("bob@xn--bcher-kva.example"));
    }

    #[test]
    fn invisible_characters_are_known() {
        for c in ['\u{ad}', '\u{200b}', '\u{200e}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{61c}', '\u{3164}']
        {
            assert!(is_invisible(c) && is_invisible_in_names(c), "{c:?}");
        }
        for c in ['\u{200d}', '\u{200c}', '\u{fe0f}', '\u{e007f}'] {
            assert!(is_invisible(c) && !is_invisible_in_names(c), "{c:?}");
        }
        for c in ['a', 'é', 'ש', '字', '👩', '-'] {
            assert!(!is_invisible(c), "{c:?}");
        }
    }
}
