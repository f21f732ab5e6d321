//! What is found out about a document while it is read.

use std::collections::BTreeSet;

use bson::oid::ObjectId;
use bson::raw::RawBsonRef;

use super::Mapped;
use super::reason::{Reason, Rejection, Repair};
use super::slot::Slot;

/// A value as it was understood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading<T> {
    pub(super) value: T,
    /// Whether it was in another form than a record of today has it.
    pub(super) converted: bool,
}

impl<T> Reading<T> {
    pub(super) fn plain(value: T) -> Self {
        Self { value, converted: false }
    }

    pub(super) fn converted(value: T) -> Self {
        Self { value, converted: true }
    }

    /// What the value means, if it means anything.
    pub(super) fn and_then<U>(self, meaning: impl FnOnce(T) -> Option<U>) -> Option<Reading<U>> {
        meaning(self.value).map(|value| Reading { value, converted: self.converted })
    }
}

/// What was repaired, and what is wrong.
#[derive(Default)]
pub(super) struct Findings {
    repairs: BTreeSet<Repair>,
    reasons: Vec<Reason>,
}

impl Findings {
    pub(super) fn repair(&mut self, repair: Repair) {
        self.repairs.insert(repair);
    }

    pub(super) fn reject(&mut self, code: Rejection, slot: Slot<'_>) {
        self.reasons.push(slot.reason(code));
    }

    /// Takes over what is wrong with a part of the document.
    pub(super) fn reject_for(&mut self, part: Self) {
        self.reasons.extend(part.reasons);
    }

    /// A field that may be absent; `repair` names what converting it is, `code` that it is unreadable.
    pub(super) fn optional<'a, T>(
        &mut self,
        slot: Slot<'a>,
        read: impl FnOnce(RawBsonRef<'a>) -> Option<Reading<T>>,
        repair: Repair,
        code: Rejection,
    ) -> Option<T> {
        let reading = read(slot.value?);
        match &reading {
            Some(reading) if reading.converted => self.repair(repair),
            Some(_) => {}
            None => self.reject(code, slot),
        }
        reading.map(|reading| reading.value)
    }

    /// A field that must be there.
    pub(super) fn required<'a, T>(
        &mut self,
        slot: Slot<'a>,
        read: impl FnOnce(RawBsonRef<'a>) -> Option<Reading<T>>,
        repair: Repair,
        code: Rejection,
    ) -> Option<T> {
        if slot.value.is_none() {
            self.reject(code, slot);
        }
        self.optional(slot, read, repair, code)
    }

    /// A state, which `read` makes of any text.
    pub(super) fn status<S: Default>(
        &mut self,
        slot: Slot<'_>,
        read: impl FnOnce(&str) -> (S, Option<Repair>),
    ) -> S {
        let Some(value) = slot.value else { return S::default() };
        let Some(text) = value.as_str() else {
            self.reject(Rejection::InvalidStatus, slot);
            return S::default();
        };
        let (status, repair) = read(text);
        self.repairs.extend(repair);
        status
    }

    /// The `_id`. Nothing but an `ObjectId` is one: another document may have the id that a text spells.
    pub(super) fn own_id(&mut self, slot: Slot<'_>) -> Option<ObjectId> {
        let id = slot.value.and_then(RawBsonRef::as_object_id);
        if id.is_none() {
            self.reject(Rejection::InvalidId, slot);
        }
        id
    }

    /// The record with the repairs, unless anything is wrong.
    pub(super) fn conclude<T>(mut self, record: Option<T>) -> Mapped<(T, BTreeSet<Repair>)> {
        match record {
            Some(record) if self.reasons.is_empty() => Ok((record, self.repairs)),
            _ => {
                self.reasons.sort();
                Err(self.reasons)
            }
        }
    }
}
