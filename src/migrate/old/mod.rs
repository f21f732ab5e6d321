//! Reading the old collections.

pub(crate) mod old_collection;
pub(crate) mod page;
pub(crate) mod range;
