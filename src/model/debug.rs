//! Debug output that is safe to log.

/// Implements `Debug` with the named fields only: ids and states, but no address and no text that a
/// person wrote.
macro_rules! discreet_debug {
    ($name:ident { $($field:ident),* }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
            }
        }
    };
}

pub(super) use discreet_debug;
