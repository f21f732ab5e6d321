//! Checks of texts. They refuse a bad text; they never shorten it, and no error repeats it.

use super::{Message, comparison};
use crate::error::{Invalid, Problem};

/// The largest size of a name, in bytes.
pub(crate) const MAX_NAME: usize = 255;
/// The largest size of a subject, in bytes: a header line by RFC 5322, section 2.1.1.
pub(crate) const MAX_SUBJECT: usize = 998;
/// The largest size of a message, in bytes.
pub(crate) const MAX_MESSAGE: usize = 1024 * 1024;

/// A text without the line break at its end, which texts from files, variables and forms often have.
pub(crate) fn without_line_end(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// A text for a header or a single line: trimmed, not empty, without control characters.
pub(crate) fn line<'a>(field: &'static str, text: &'a str, max: usize) -> Result<&'a str, Invalid> {
    let text = without_line_end(text);
    // The length is checked first, because the time of the other checks grows with it.
    let problem = if text.len() > max {
        Problem::TooLong { max }
    } else if text.chars().any(breaks_a_line) {
        Problem::ControlCharacter
    } else if text.trim().is_empty() {
        Problem::Empty
    } else {
        return Ok(text.trim());
    };
    Err(Invalid::new(field, problem))
}

/// A [`line()`] without white space.
pub(crate) fn token<'a>(field: &'static str, text: &'a str, max: usize) -> Result<&'a str, Invalid> {
    let token = line(field, text, max)?;
    if token.contains(char::is_whitespace) {
        return Err(Invalid::new(field, Problem::WhiteSpace));
    }
    Ok(token)
}

/// A name: a [`line()`] of at most [`MAX_NAME`] bytes, without characters that are not seen.
pub(crate) fn name(field: &'static str, text: &str) -> Result<String, Invalid> {
    let name = line(field, text, MAX_NAME)?;
    let is_blank = || name.chars().all(|c| c.is_whitespace() || comparison::is_invisible(c));
    if name.chars().any(comparison::is_invisible_in_names) || is_blank() {
        return Err(Invalid::new(field, Problem::InvisibleCharacter));
    }
    Ok(name.to_owned())
}

/// A name that an older program stored: a [`line()`] of at most [`MAX_NAME`] bytes.
#[cfg(feature = "mongo")]
pub(crate) fn old_name(field: &'static str, text: &str) -> Result<String, Invalid> {
    line(field, text, MAX_NAME).map(str::to_owned)
}

/// A subject: a [`line()`] of at most [`MAX_SUBJECT`] bytes.
pub(crate) fn subject(text: &str) -> Result<String, Invalid> {
    line("subject", text, MAX_SUBJECT).map(str::to_owned)
}

/// A message: any text that is not blank and has no NUL. Line breaks and spaces are kept.
pub(crate) fn message(text: &str) -> Result<Message, Invalid> {
    let problem = if text.len() > MAX_MESSAGE {
        Problem::TooLong { max: MAX_MESSAGE }
    } else if text.contains('\0') {
        Problem::ControlCharacter
    } else if text.trim().is_empty() {
        Problem::Empty
    } else {
        return Ok(Message::from_stored(text));
    };
    Err(Invalid::new("message", problem))
}

/// Control characters, and the two separators that some programs treat as line breaks.
fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem<T>(result: Result<T, Invalid>) -> Option<Problem> {
        result.err().map(|invalid| invalid.problem)
    }

    #[test]
    fn header_injections_are_refused() {
        for text in ["Hi\r\nBcc: x@y.z", "a\nb", "a\0b", "a\u{7f}", "a\u{85}b", "a\u{2028}b", "\u{9}tab"] {
            assert_eq!(problem(subject(text)), Some(Problem::ControlCharacter), "{text:?}");
        }
    }

    #[test]
    fn a_trailing_line_break_is_trimmed_and_no_other() {
        for text in ["Hi\n", "Hi\r\n", "Hi\r", "Hi\n\r\n", " Hi \n"] {
            assert_eq!(subject(text).as_deref(), Ok("Hi"), "{text:?}");
            assert_eq!(token("field", text, 4), Ok("Hi"), "{text:?}");
        }
        for text in ["\nHi", "H\ni\n", "Hi\n ", "Hi\t\n", "Hi\u{2028}", "Hi\u{85}", "Hi\0\n"] {
            assert_eq!(problem(subject(text)), Some(Problem::ControlCharacter), "{text:?}");
        }
        assert_eq!(problem(subject("\n")), Some(Problem::Empty));
        assert_eq!(message("a\n").unwrap(), "a\n");
    }

    #[test]
    fn names_are_seen() {
        for text in ["\u{200b}", "Ada\u{202e}", "\u{200d}\u{fe0f}", "A\u{ad}da", "\u{2066}Ada\u{2069}"] {
            assert_eq!(problem(name("user_name", text)), Some(Problem::InvisibleCharacter), "{text:?}");
        }
        for text in ["Ada", "👩\u{200d}💻 Ada", "می\u{200c}خواهم", "יעל", "❤\u{fe0f}"] {
            assert_eq!(name("user_name", text).as_deref(), Ok(text), "{text:?}");
        }
    }

    #[test]
    fn bounds_are_in_bytes() {
        assert!(name("user_name", &"x".repeat(255)).is_ok());
        assert_eq!(problem(name("user_name", &"é".repeat(128))), Some(Problem::TooLong { max: 255 }));
        assert_eq!(problem(name("user_name", " \u{a0} ")), Some(Problem::Empty));
        assert_eq!(name("user_name", "  Ada  ").unwrap(), "Ada");
        assert_eq!(
            problem(message(&"x".repeat(MAX_MESSAGE + 1))),
            Some(Problem::TooLong { max: MAX_MESSAGE })
        );
        assert_eq!(message(" a\r\nb\t").unwrap(), " a\r\nb\t");
    }
}
