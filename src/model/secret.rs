//! Secrets in memory.

use std::fmt;
use std::marker::PhantomData;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, Zeroizing};

use super::text;
use crate::error::{Invalid, Problem};

/// A secret text.
///
/// A secret cannot be shown, compared with `==` or serialised, and its memory is wiped when it is
/// dropped. Only [`expose`](Self::expose) gives access to the text.
///
/// ```
/// use campaign_store::AccessToken;
///
/// let token = AccessToken::new("ya29.a0AfH6")?;
/// assert_eq!(format!("{token:?}"), "Secret<access_token>([redacted])");
/// assert_eq!(token.expose(), "ya29.a0AfH6");
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
///
/// Accidental uses as a text do not compile:
///
/// ```compile_fail
/// # let token = campaign_store::AccessToken::new("ya29.a0AfH6").unwrap();
/// println!("{token}");
/// ```
/// ```compile_fail
/// # let token = campaign_store::AccessToken::new("ya29.a0AfH6").unwrap();
/// serde_json::to_string(&token);
/// ```
/// ```compile_fail
/// # let token = campaign_store::AccessToken::new("ya29.a0AfH6").unwrap();
/// assert!(token == token);
/// ```
pub struct Secret<K: SecretKind>(SecretString, PhantomData<fn() -> K>);

/// The password that a user logs in with: at least 8 characters (Unicode code points, after NFKC), at most
/// 1,024 bytes, any characters. Equivalent Unicode forms (NFKC) are the same password. The store can ask
/// for more, see [`PasswordOptions::min_length`](crate::PasswordOptions::min_length).
pub type LoginPassword = Secret<kind::LoginPassword>;
/// The password of a mailbox at its provider: at most 1,024 bytes, no control characters.
pub type MailboxPassword = Secret<kind::MailboxPassword>;
/// An OAuth access token: at most 16 KiB of visible ASCII characters.
pub type AccessToken = Secret<kind::AccessToken>;
/// An OAuth refresh token: at most 16 KiB of visible ASCII characters.
pub type RefreshToken = Secret<kind::RefreshToken>;

/// A kind of secret, and the rules for its text. [`kind`] has all of them; the trait is sealed.
pub trait SecretKind: sealed::Sealed + 'static {
    /// The name of the field that stores it.
    const NAME: &'static str;
    /// The smallest number of characters: Unicode code points, after NFKC.
    const MIN_LEN: usize;
    /// The largest number of bytes.
    const MAX_LEN: usize;
    /// Whether a secret of this kind can contain this character.
    fn allows(c: char) -> bool;
}

/// The kinds of secrets.
pub mod kind {
    macro_rules! kinds {
        ($($(#[$doc:meta])* $kind:ident = $name:literal, $min:literal..=$max:literal, $allows:expr;)+) => {$(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            #[expect(clippy::exhaustive_enums, reason = "it has no values")]
            pub enum $kind {}

            impl super::sealed::Sealed for $kind {}

            impl super::SecretKind for $kind {
                const NAME: &'static str = $name;
                const MIN_LEN: usize = $min;
                const MAX_LEN: usize = $max;
                fn allows(c: char) -> bool {
                    let allows: fn(char) -> bool = $allows;
                    allows(c)
                }
            }
        )+};
    }

    kinds! {
        /// See [`LoginPassword`](super::LoginPassword).
        LoginPassword = "password", 8..=1_024, |_| true;
        /// See [`MailboxPassword`](super::MailboxPassword).
        MailboxPassword = "password", 1..=1_024, |c| !c.is_control();
        /// See [`AccessToken`](super::AccessToken).
        AccessToken = "access_token", 1..=16_384, |c| c.is_ascii_graphic();
        /// See [`RefreshToken`](super::RefreshToken).
        RefreshToken = "refresh_token", 1..=16_384, |c| c.is_ascii_graphic();
    }
}

mod sealed {
    pub trait Sealed {}
}

impl<K: SecretKind> Secret<K> {
    /// The smallest number of characters: Unicode code points, after NFKC.
    pub const MIN_LEN: usize = K::MIN_LEN;
    /// The largest number of bytes.
    pub const MAX_LEN: usize = K::MAX_LEN;

    /// Takes over a secret. The memory of `text` is wiped, even if the text is refused. A line break at its end
    /// is trimmed, unless the kind allows line breaks.
    ///
    /// # Errors
    /// [`Invalid`] when the text is empty, shorter than [`MIN_LEN`](Self::MIN_LEN), longer than
    /// [`MAX_LEN`](Self::MAX_LEN), or contains a character that the kind does not allow. It never
    /// contains the text.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let mut text = text.into();
        if !K::allows('\n') {
            text.truncate(text::without_line_end(&text).len());
        }
        match check::<K>(&text) {
            Ok(()) => Ok(Self::from_checked(text)),
            Err(problem) => {
                text.zeroize();
                Err(Invalid::new(K::NAME, problem))
            }
        }
    }

    /// The text. Keep it no longer than needed.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether both secrets are equal. The time of the comparison does not depend on where they differ.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }

    /// Whether a text is a valid secret of this kind.
    pub(crate) fn allows(text: &str) -> bool {
        check::<K>(text).is_ok()
    }

    fn from_checked(mut text: String) -> Self {
        // A boxed text has no spare capacity. Shrinking `text` could move it and leave a copy behind.
        let secret = Self(SecretString::from(text.as_str()), PhantomData);
        text.zeroize();
        secret
    }
}

fn check<K: SecretKind>(text: &str) -> Result<(), Problem> {
    if text.is_empty() {
        Err(Problem::Empty)
    } else if text.len() > K::MAX_LEN {
        Err(Problem::TooLong { max: K::MAX_LEN })
    // The length is bounded by now, which normalising needs.
    } else if normalised(text).chars().count() < K::MIN_LEN {
        Err(Problem::TooShort { min: K::MIN_LEN })
    } else if text.chars().all(K::allows) {
        Ok(())
    } else {
        Err(Problem::ForbiddenCharacter)
    }
}

/// Normalises a password, so equivalent Unicode texts are the same password (NFKC, as NIST SP 800-63B
/// recommends). The caller has bounded the length.
pub(crate) fn normalised(password: &str) -> Zeroizing<String> {
    if password.is_ascii() {
        return Zeroizing::new(password.to_owned());
    }
    // Room for the longest expansion, since growing would leave copies behind.
    let mut text = String::with_capacity(password.len() * 18);
    text.extend(password.nfkc());
    Zeroizing::new(text)
}

impl<K: SecretKind> Clone for Secret<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<K: SecretKind> fmt::Debug for Secret<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret<{}>([redacted])", K::NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem<K: SecretKind>(text: &str) -> Option<Problem> {
        Secret::<K>::new(text).err().map(|invalid| invalid.problem)
    }

    #[test]
    fn every_kind_has_its_bounds_and_characters() {
        assert_eq!(problem::<kind::LoginPassword>(""), Some(Problem::Empty));
        assert_eq!(problem::<kind::LoginPassword>("1234567"), Some(Problem::TooShort { min: 8 }));
        // Two digits of four bytes each, and letters of two code points that NFKC makes one of.
        for short in ["\u{1d7cf}\u{1d7d0}", &"\u{e9}".repeat(7), &"e\u{301}".repeat(7)] {
            let expected = Some(Problem::TooShort { min: 8 });
            assert_eq!(problem::<kind::LoginPassword>(short), expected, "129: {short:?}");
        }
        // One character that NFKC makes eighteen of.
        assert_eq!(problem::<kind::LoginPassword>("\u{fdfa}"), None);
        assert_eq!(problem::<kind::LoginPassword>("with\0NUL and space "), None);
        assert_eq!(problem::<kind::LoginPassword>(&"x".repeat(1_024)), None);
        assert_eq!(problem::<kind::LoginPassword>(&"x".repeat(1_025)), Some(Problem::TooLong { max: 1_024 }));
        for text in ["a\0", "a\rb", "a\nb", "\na"] {
            assert_eq!(problem::<kind::MailboxPassword>(text), Some(Problem::ForbiddenCharacter));
        }
        assert_eq!(problem::<kind::MailboxPassword>("ünï cödé"), None);
        assert_eq!(problem::<kind::MailboxPassword>("\n"), Some(Problem::Empty));
        assert_eq!(MailboxPassword::new(" a \r\n").unwrap().expose(), " a ");
        assert_eq!(AccessToken::new("ya29\n").unwrap().expose(), "ya29");
        assert_eq!(LoginPassword::new("correct horse\n").unwrap().expose(), "correct horse\n");
        for text in ["a b", "a\u{1}", "é"] {
            assert_eq!(problem::<kind::AccessToken>(text), Some(Problem::ForbiddenCharacter));
            assert_eq!(problem::<kind::RefreshToken>(text), Some(Problem::ForbiddenCharacter));
        }
        assert_eq!(problem::<kind::AccessToken>(&"x".repeat(16_384)), None);
        assert_eq!(
            problem::<kind::RefreshToken>(&"x".repeat(16_385)),
            Some(Problem::TooLong { max: 16_384 })
        );
    }

    #[test]
    fn comparing_is_by_text() {
        let secret = |text| AccessToken::new(text).unwrap();
        assert!(secret("abc").ct_eq(&secret("abc")));
        assert!(!secret("abc").ct_eq(&secret("abd")));
        assert!(!secret("abc").ct_eq(&secret("abcd")));
    }
}
