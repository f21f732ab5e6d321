//! A collection in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

use bson::oid::ObjectId;
use bson::raw::{RawDocument, RawDocumentBuf};
use chrono::{DateTime, Utc};

use super::index::Index;
use crate::collection::Collection;
use crate::document::{Changes, Decode, Field, ID, Query, Record, Spellings, UPDATED_AT, id_of, nearest};
use crate::error::{Error, Result};
use crate::model::Scope;
use crate::page::{Order, Page, PageRequest};
use crate::schema;

/// The documents of a collection in stored form, with the indexes of the schema.
///
/// Every method sees the documents within the scope of the call, and no others.
pub(super) struct Table {
    collection: Collection,
    scope: Scope,
    rows: BTreeMap<ObjectId, RawDocumentBuf>,
    indexes: Vec<Index>,
}

impl Table {
    pub(super) fn new(collection: Collection) -> Self {
        // The rows are in the order of `_id` as it is, and no index is needed for that.
        let is_needed = |spec: &&schema::IndexSpec| !spec.keys.contains(&ID.as_str());
        let indexes = schema::indexes_of(collection).filter(is_needed).map(Index::new).collect();
        Self { collection, scope: Scope::AllUsers, rows: BTreeMap::new(), indexes }
    }

    /// Sets the scope of the next calls.
    pub(super) fn enter(&mut self, scope: Scope) {
        self.scope = scope;
    }

    /// Adds a record.
    pub(super) fn insert(&mut self, record: &impl Record) -> Result<()> {
        self.insert_document(record.encode())
    }

    /// Adds a document.
    pub(super) fn insert_document(&mut self, document: RawDocumentBuf) -> Result<()> {
        let id = id_of(self.collection, &document)?;
        if !self.sees(&document) {
            return Err(Error::not_found(self.collection, id));
        }
        self.check_unique(id, &document)?;
        for index in &mut self.indexes {
            index.insert(id, &document);
        }
        self.rows.insert(id, document);
        Ok(())
    }

    /// Changes the row with this id and returns it.
    pub(super) fn change<T: Decode>(&mut self, id: ObjectId, changes: &Changes) -> Result<T> {
        let before = self.rows.get(&id).filter(|row| self.scope.has(self.collection, row));
        let before = before.ok_or_else(|| Error::not_found(self.collection, id))?;
        let after = changes.apply_to(before);
        let record = T::decode(&after)?;
        self.check_unique(id, &after)?;
        for index in &mut self.indexes {
            if !index.is_unchanged(before, &after) {
                index.remove(id, before);
                index.insert(id, &after);
            }
        }
        self.rows.insert(id, after);
        Ok(record)
    }

    /// Changes the row with this id if it still has this version, and returns it. `taken` finds
    /// rows that have one of the new values in another spelling.
    pub(super) fn change_version<T: Decode>(
        &mut self,
        id: ObjectId,
        version: DateTime<Utc>,
        changes: &Changes,
        taken: &[(Query, &'static str)],
    ) -> Result<T> {
        let same_version = Query::all().is(UPDATED_AT, &version);
        match self.row(id) {
            Some(row) if !same_version.matches(row) => return Err(Error::conflict(self.collection, id)),
            Some(_) => self.refuse_taken(taken)?,
            None => {}
        }
        self.change(id, changes)
    }

    /// Changes the row that matches the query, and returns whether there was one.
    pub(super) fn change_found<T: Decode>(&mut self, query: &Query, changes: &Changes) -> Result<bool> {
        let found = self.matching(query, Order::OldestFirst, None).next().map(|(id, _)| id);
        match found {
            Some(id) => self.change::<T>(id, changes).map(|_| true),
            None => Ok(false),
        }
    }

    /// Removes a row.
    pub(super) fn remove(&mut self, id: ObjectId) {
        if self.row(id).is_none() {
            return;
        }
        let Some(document) = self.rows.remove(&id) else { return };
        for index in &mut self.indexes {
            index.remove(id, &document);
        }
    }

    /// The row with this id.
    pub(super) fn get<T: Decode>(&self, id: ObjectId) -> Result<Option<T>> {
        self.row(id).map(|document| T::decode(document)).transpose()
    }

    /// The first row that matches the query.
    pub(super) fn find_one<T: Decode>(&self, query: &Query) -> Result<Option<(ObjectId, T)>> {
        self.find(query, Order::OldestFirst, None, 1).pop().transpose()
    }

    /// The row that matches the query and has one of the spellings of this text, if possible the text itself.
    pub(super) fn find_spelled<T: Decode>(
        &self,
        query: Query,
        field: Field,
        text: &impl Spellings,
    ) -> Result<Option<T>> {
        let query = query.spelled(field, text);
        let rows = self.matching(&query, Order::OldestFirst, None).map(|(_, row)| row);
        nearest(rows, |row| row, field, text).map(|row| T::decode(row)).transpose()
    }

    /// Refuses values that other rows have in another spelling.
    pub(super) fn refuse_taken(&self, taken: &[(Query, &'static str)]) -> Result<()> {
        // What is unique is so over all users.
        let is_taken = |query: &Query| {
            self.candidates(query, Order::OldestFirst, None).any(|(_, row)| query.matches(row))
        };
        match taken.iter().find(|(query, _)| is_taken(query)) {
            Some((_, index)) => Err(Error::unique(self.collection, *index)),
            None => Ok(()),
        }
    }

    /// The rows after this id, each with the record read from it.
    pub(super) fn after<T: Decode, I: From<ObjectId>>(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Vec<(I, Result<T>)> {
        let range = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let rows = self.rows.range(range).filter(|(_, row)| self.sees(row)).take(limit);
        rows.map(|(id, row)| (I::from(*id), T::decode(row))).collect()
    }

    /// Whether any row matches the query.
    pub(super) fn any(&self, query: &Query) -> bool {
        self.matching(query, Order::OldestFirst, None).next().is_some()
    }

    /// All rows that match the query, ordered by id.
    pub(super) fn find_all<T: Decode>(&self, query: &Query) -> Vec<Result<(ObjectId, T)>> {
        self.find(query, Order::OldestFirst, None, usize::MAX)
    }

    /// The same, without the ids of the rows.
    pub(super) fn records<T: Decode>(&self, query: &Query) -> Vec<Result<T>> {
        self.find_all(query).into_iter().map(|row| row.map(|(_, record)| record)).collect()
    }

    /// A page of the rows that match the query.
    pub(super) fn page<T: Decode>(&self, query: &Query, request: &PageRequest) -> Result<Page<T>> {
        let tag = self.scope.narrow(self.collection, query).list_tag(self.collection);
        let after = request.position(&tag)?;
        let rows = self.rows(query, request.direction(), after, request.limit() + 1);
        Page::of(rows, request, &tag)
    }

    fn find<T: Decode>(
        &self,
        query: &Query,
        order: Order,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Vec<Result<(ObjectId, T)>> {
        let rows = self.rows(query, order, after, limit).into_iter();
        rows.map(|(id, record): (_, Result<T>)| Ok((id, record?))).collect()
    }

    /// The rows that match the query, each with the record read from it.
    fn rows<T: Decode>(
        &self,
        query: &Query,
        order: Order,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Vec<(ObjectId, Result<T>)> {
        let rows = self.matching(query, order, after).take(limit);
        rows.map(|(id, document)| (id, T::decode(document))).collect()
    }

    /// The row with this id, if it is within the scope.
    fn row(&self, id: ObjectId) -> Option<&RawDocumentBuf> {
        self.rows.get(&id).filter(|row| self.sees(row))
    }

    fn sees(&self, document: &RawDocument) -> bool {
        self.scope.has(self.collection, document)
    }

    /// The rows within the scope that match the query, after the row `after` in this order.
    fn matching(
        &self,
        query: &Query,
        order: Order,
        after: Option<ObjectId>,
    ) -> impl Iterator<Item = (ObjectId, &RawDocumentBuf)> {
        let query = self.scope.narrow(self.collection, query);
        self.candidates(&query, order, after).filter(move |(_, document)| query.matches(document))
    }

    /// The candidate rows for a query, after the row `after` in this order.
    fn candidates<'a>(
        &'a self,
        query: &Query,
        order: Order,
        after: Option<ObjectId>,
    ) -> Box<dyn Iterator<Item = (ObjectId, &'a RawDocumentBuf)> + 'a> {
        let range = match (order, after) {
            (_, None) => (Bound::Unbounded, Bound::Unbounded),
            (Order::OldestFirst, Some(id)) => (Bound::Excluded(id), Bound::Unbounded),
            (Order::NewestFirst, Some(id)) => (Bound::Unbounded, Bound::Excluded(id)),
        };
        let lists = self
            .indexes
            .iter()
            .filter_map(|index| index.candidates(query))
            .min_by_key(|lists| lists.iter().map(|list| list.len()).sum::<usize>());
        let Some(lists) = lists else {
            let rows = self.rows.range(range).map(|(id, document)| (*id, document));
            return ordered(rows, order);
        };
        let row = |id: &ObjectId| self.rows.get(id).map(|document| (*id, document));
        if let [list] = lists[..] {
            return ordered(list.range(range).filter_map(row), order);
        }
        let mut ids: Vec<_> = lists.into_iter().flat_map(|list| list.range(range)).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ordered(ids.into_iter().filter_map(move |id| row(&id)), order)
    }

    fn check_unique(&self, id: ObjectId, document: &RawDocumentBuf) -> Result<()> {
        match self.indexes.iter().find(|index| index.refuses(id, document)) {
            Some(index) => Err(Error::unique(self.collection, index.spec.name)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Table {
    /// Omits the documents: they hold addresses and secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("collection", &self.collection)
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

fn ordered<'a, T: 'a>(
    rows: impl DoubleEndedIterator<Item = T> + 'a,
    order: Order,
) -> Box<dyn Iterator<Item = T> + 'a> {
    match order {
        Order::OldestFirst => Box::new(rows),
        Order::NewestFirst => Box::new(rows.rev()),
    }
}
