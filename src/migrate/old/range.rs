use bson::Bson;

/// Documents of an old collection that follow each other.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Range {
    /// The first `_id`; without one, from the start.
    pub(crate) from: Option<Bson>,
    /// The `_id` before which it ends; without one, at the end.
    pub(crate) until: Option<Bson>,
}

impl Range {
    /// The ranges between these `_id`s, from the first document to the last.
    pub(crate) fn between(cuts: Vec<Bson>) -> Vec<Self> {
        let mut ranges = Vec::with_capacity(cuts.len() + 1);
        let mut from = None;
        for cut in cuts {
            ranges.push(Self { from: from.replace(cut.clone()), until: Some(cut) });
        }
        ranges.push(Self { from, until: None });
        ranges
    }
}
