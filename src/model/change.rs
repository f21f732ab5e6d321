//! The change of one field by a patch.

/// The change of one optional field by a patch.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// Keeps the value.
    #[default]
    Keep,
    /// Sets a value.
    Set(T),
    /// Removes the value.
    Clear,
}

impl<T> std::fmt::Debug for Change<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Keep => "Keep",
            Self::Set(_) => "Set(..)",
            Self::Clear => "Clear",
        })
    }
}
