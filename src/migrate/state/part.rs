use bson::{Bson, Document, doc};

use super::counts::Counts;
use crate::migrate::MigrationStep;
use crate::migrate::old::range::Range;

/// A range of the `_id`s of an old collection, and how far it is copied.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) id: String,
    pub(crate) range: Range,
    /// The last `_id` that is done.
    pub(crate) last: Option<Bson>,
    /// How often it was written.
    pub(crate) sequence: i64,
    /// Who may write it.
    pub(crate) token: i64,
    pub(crate) counts: Counts,
    pub(crate) is_done: bool,
}

impl Part {
    pub(crate) fn new(step: MigrationStep, name: &str, range: Range) -> Self {
        Self {
            id: format!("{}/{name}", step.source()),
            range,
            last: None,
            sequence: 0,
            token: 0,
            counts: Counts::default(),
            is_done: false,
        }
    }

    /// The part after one more write.
    pub(crate) fn after(&self, last: Option<Bson>, counts: &Counts, is_done: bool) -> Self {
        let mut next = self.clone();
        next.last = last.or(next.last);
        next.counts += counts;
        next.sequence += 1;
        next.is_done = is_done;
        next
    }

    /// Finds the part only if nobody else has written it or may write it by now.
    pub(crate) fn unchanged(&self) -> Document {
        doc! { "_id": &self.id, "token": self.token, "sequence": self.sequence }
    }

    pub(crate) fn to_document(&self, step: MigrationStep) -> Document {
        let mut document = doc! {
            "_id": &self.id,
            "step": step.source(),
            "sequence": self.sequence,
            "token": self.token,
            "counts": self.counts.to_document(),
            "is_done": self.is_done,
        };
        for (name, id) in [("from", &self.range.from), ("until", &self.range.until), ("last", &self.last)] {
            if let Some(id) = id {
                document.insert(name, id);
            }
        }
        document
    }

    pub(crate) fn from_document(mut document: Document) -> Option<Self> {
        let counts = document.get_document("counts").map(Counts::from_document).unwrap_or_default();
        Some(Self {
            id: document.get_str("_id").ok()?.to_owned(),
            sequence: document.get_i64("sequence").ok()?,
            token: document.get_i64("token").ok()?,
            counts,
            is_done: document.get_bool("is_done").ok()?,
            range: Range { from: document.remove("from"), until: document.remove("until") },
            last: document.remove("last"),
        })
    }
}
