//! Reading the old collections.

pub(crate) mod page;
pub(crate) mod range;
pub(crate) mod source;
