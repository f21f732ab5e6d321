/// What is wrong with a value; never the value itself.
pub(crate) type Problem = &'static str;
