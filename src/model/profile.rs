//! The provider's data about the owner of a mailbox.

use serde::Serialize;
use serde_json::{Map, Value};

use super::debug::discreet_debug;
use super::text;
use crate::error::{Invalid, Problem};

/// The provider's data about the owner of a mailbox: a JSON object.
///
/// ```
/// use campaign_store::UserProfile;
/// use serde_json::Map;
///
/// let profile = Map::from_iter([("name".to_owned(), "Ada".into())]);
/// assert_eq!(UserProfile::new(profile)?.as_json()["name"], "Ada");
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct UserProfile(Map<String, Value>);

discreet_debug!(UserProfile {});

impl UserProfile {
    /// The largest size as JSON, in bytes.
    pub const MAX_LEN: usize = 64 * 1024;
    /// The largest number of levels. The object itself is the first.
    pub const MAX_DEPTH: usize = 32;

    /// Checks a profile.
    ///
    /// # Errors
    /// [`Invalid`] when the profile is larger than [`UserProfile::MAX_LEN`] or deeper than
    /// [`UserProfile::MAX_DEPTH`], or contains a number of 2⁶³ or more, or a key that is empty, starts
    /// with `$` or contains a control character.
    pub fn new(profile: Map<String, Value>) -> Result<Self, Invalid> {
        let refuse = |problem| Err(Invalid::new("user_profile", problem));
        if let Some(problem) =
            profile.iter().find_map(|(key, value)| problem_of(key, value, Self::MAX_DEPTH - 1))
        {
            return refuse(problem);
        }
        let profile = Self(profile);
        if serde_json::to_vec(&profile).map_or(usize::MAX, |json| json.len()) > Self::MAX_LEN {
            return refuse(Problem::TooLong { max: Self::MAX_LEN });
        }
        Ok(profile)
    }

    pub(crate) fn from_stored(profile: Map<String, Value>) -> Self {
        Self(profile)
    }

    /// The profile as JSON.
    #[must_use]
    pub fn as_json(&self) -> &Map<String, Value> {
        &self.0
    }
}

fn problem_of(key: &str, value: &Value, levels: usize) -> Option<Problem> {
    // A key is kept as it is, so a line break at its end is refused too.
    if text::without_line_end(key) != key || text::line("user_profile", key, UserProfile::MAX_LEN).is_err() {
        return Some(Problem::ControlCharacter);
    }
    if key.starts_with('$') {
        return Some(Problem::ReservedKey);
    }
    if levels == 0 && (value.is_object() || value.is_array()) {
        return Some(Problem::TooDeep { max: UserProfile::MAX_DEPTH });
    }
    match value {
        Value::Number(number) if number.is_u64() && !number.is_i64() => Some(Problem::NumberNotStorable),
        Value::Array(values) => values.iter().find_map(|value| problem_of("item", value, levels - 1)),
        Value::Object(map) => map.iter().find_map(|(key, value)| problem_of(key, value, levels - 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(value: &Value) -> Result<UserProfile, Invalid> {
        UserProfile::new(value.as_object().unwrap().clone())
    }

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }))
    }

    #[test]
    fn bounds_are_kept() {
        assert!(check(&json!({"name": "Ada", "ids": [1, -2, 0.5, null, true]})).is_ok());
        assert!(check(&nested(UserProfile::MAX_DEPTH)).is_ok());
        for bad in [
            nested(UserProfile::MAX_DEPTH + 1),
            json!({"a\0": 1}),
            json!({"": 1}),
            json!({"a": [{"$oid": "x"}]}),
            json!({"a": [u64::MAX]}),
            json!({"a": "x".repeat(UserProfile::MAX_LEN)}),
        ] {
            assert!(check(&bad).is_err());
        }
    }
}
