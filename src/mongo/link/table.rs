//! A collection of the database, with the method names of the in-memory table.

mod updates;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bson::oid::ObjectId;
use bson::raw::{RawDocument, RawDocumentBuf};
use bson::{Bson, Document, doc, rawdoc};
use chrono::{DateTime, Utc};
use mongodb::action::{Action, Aggregate, Delete, Find, FindOne, FindOneAndUpdate};
use mongodb::options::{Hint, ReturnDocument};
use mongodb::{ClientSession, Database};

use super::error::{DriverResult, ours};
use super::stream::{self, Batches};
use crate::collection::Collection;
use crate::document::{Changes, Decode, Field, ID, Query, Record, Spellings, UPDATED_AT, id_of, nearest};
use crate::error::Error;
use crate::model::Scope;
use crate::page::{Order, Page, PageRequest};
use crate::repository::RecordStream;

/// The session of a transaction; `None` for a single command.
pub(crate) type Session<'a> = Option<&'a mut ClientSession>;

/// Runs an action of the driver in a transaction or as a single command.
macro_rules! in_session {
    ($action:expr, $session:expr) => {
        match $session {
            Some(session) => $action.session(session).await,
            None => $action.await,
        }
    };
}

/// Reads and writes raw documents; the records encode and decode themselves.
///
/// Every method adds the scope to its filter, and refuses to insert what is out of it.
#[derive(Clone)]
pub(crate) struct Table {
    pub(in crate::mongo) collection: Collection,
    scope: Scope,
    /// Reads from the primary, since what is read here decides.
    raw: mongodb::Collection<RawDocumentBuf>,
    /// Reads where the connection string says: for lists, streams and totals.
    lists: mongodb::Collection<RawDocumentBuf>,
    database: Database,
    /// How long the server may take for a command, where it can be told.
    limit: Option<Duration>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("collection", &self.collection).finish_non_exhaustive()
    }
}

impl Table {
    pub(crate) fn new(database: &Database, collection: Collection) -> Self {
        let raw = database.collection(collection.name());
        let scope = Scope::AllUsers;
        Self { collection, scope, lists: raw.clone(), raw, database: database.clone(), limit: None }
    }

    /// The same within a scope.
    pub(in crate::mongo) fn within(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// The same over all users, for what has been found to be within the scope by other means.
    pub(in crate::mongo) fn over_all_users(&self) -> Self {
        self.clone().within(Scope::AllUsers)
    }

    /// The driver's collection, which knows of no scope.
    pub(crate) fn unscoped(&self) -> &mongodb::Collection<RawDocumentBuf> {
        &self.raw
    }

    fn narrow<'a>(&self, query: &'a Query) -> Cow<'a, Query> {
        self.scope.narrow(self.collection, query)
    }

    fn narrow_filter(&self, filter: Document) -> Document {
        self.scope.narrow_filter(self.collection, filter)
    }

    /// The index for a filter that names documents by their ids and has the scope beside them. Without it, the
    /// server tries each index on the owner, too.
    fn hint(&self, filter: &Document) -> Option<Hint> {
        let names_ids = match filter.get(ID.as_str()) {
            Some(Bson::ObjectId(_)) => true,
            Some(Bson::Document(condition)) => condition.contains_key("$in"),
            _ => false,
        };
        (!self.scope.is_all() && names_ids).then(|| Hint::Keys(doc! { "_id": 1 }))
    }

    /// The same with a time limit for the server. The client's own limit ends the call; this one ends what
    /// the server still does for it.
    pub(in crate::mongo) fn with_limit(self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// The same with lists from this handle of the database.
    pub(in crate::mongo) fn with_lists_of(self, database: &Database) -> Self {
        Self { lists: database.collection(self.collection.name()), ..self }
    }

    /// The documents that match `filter`, from the primary.
    pub(in crate::mongo) fn find(&self, filter: Document) -> Find<'_, RawDocumentBuf> {
        self.find_for_long(filter).optional(self.limit, Find::max_time)
    }

    /// The same without a time limit of the server.
    pub(in crate::mongo) fn find_for_long(&self, filter: Document) -> Find<'_, RawDocumentBuf> {
        let filter = self.narrow_filter(filter);
        let hint = self.hint(&filter);
        self.raw.find(filter).optional(hint, Find::hint)
    }

    /// The same, from where the connection string says.
    pub(in crate::mongo) fn find_in_lists(&self, filter: Document) -> Find<'_, RawDocumentBuf> {
        self.lists.find(self.narrow_filter(filter)).optional(self.limit, Find::max_time)
    }

    /// The results of a pipeline, from where the connection string says.
    pub(in crate::mongo) fn aggregate_in_lists(
        &self,
        stages: impl IntoIterator<Item = Document>,
    ) -> Aggregate<'_> {
        self.lists.aggregate(self.narrowed(stages)).optional(self.limit, Aggregate::max_time)
    }

    /// The results of a pipeline, from the primary and without a time limit of the server.
    pub(in crate::mongo) fn aggregate_for_long(
        &self,
        stages: impl IntoIterator<Item = Document>,
    ) -> Aggregate<'_> {
        self.raw.aggregate(self.narrowed(stages))
    }

    /// A pipeline that begins with the scope. The server joins it with a `$match` that follows.
    fn narrowed(&self, stages: impl IntoIterator<Item = Document>) -> Vec<Document> {
        let scope = self.narrow_filter(Document::new());
        let first = (!scope.is_empty()).then(|| doc! { "$match": scope });
        first.into_iter().chain(stages).collect()
    }

    /// Changes one document and returns it as it is then. Unlike an update it has a limit in the server, where
    /// it may wait for a document that a transaction holds.
    pub(in crate::mongo) fn find_and_update(
        &self,
        filter: Document,
        pipeline: Vec<Document>,
    ) -> FindOneAndUpdate<'_, RawDocumentBuf> {
        let filter = self.narrow_filter(filter);
        let hint = self.hint(&filter);
        let update = self.raw.find_one_and_update(filter, pipeline).optional(hint, FindOneAndUpdate::hint);
        let update = update.return_document(ReturnDocument::After);
        update.optional(self.limit, FindOneAndUpdate::max_time)
    }

    /// Changes all rows that match the query, and returns how many changed.
    pub(in crate::mongo) async fn update_all(&self, query: &Query, changes: &Changes) -> DriverResult<u64> {
        let filter = self.narrow(query).to_filter();
        Ok(self.raw.update_many(filter, changes.to_pipeline()).await?.modified_count)
    }

    /// Adds a record.
    pub(in crate::mongo) async fn insert(
        &self,
        session: Session<'_>,
        record: &impl Record,
    ) -> DriverResult<()> {
        self.insert_document(session, record.encode()).await
    }

    /// Adds a document.
    pub(in crate::mongo) async fn insert_document(
        &self,
        session: Session<'_>,
        document: RawDocumentBuf,
    ) -> DriverResult<()> {
        self.require_within(&document)?;
        in_session!(self.raw.insert_one(document), session)?;
        Ok(())
    }

    /// Adds records in a transaction.
    pub(in crate::mongo) async fn insert_all<'a, T: Record + 'a>(
        &self,
        session: &mut ClientSession,
        records: impl IntoIterator<Item = &'a T>,
    ) -> DriverResult<()> {
        let documents: Vec<_> = records.into_iter().map(Record::encode).collect();
        documents.iter().try_for_each(|document| self.require_within(document))?;
        if !documents.is_empty() {
            self.raw.insert_many(documents).session(session).await?;
        }
        Ok(())
    }

    fn require_within(&self, document: &RawDocument) -> DriverResult<()> {
        if self.scope.has(self.collection, document) {
            return Ok(());
        }
        let id = id_of(self.collection, document).map_err(ours)?;
        Err(ours(Error::not_found(self.collection, id)))
    }

    /// Changes the row that matches the query, if there is one, and returns it.
    pub(in crate::mongo) async fn update<T: Decode>(
        &self,
        session: Session<'_>,
        query: &Query,
        changes: &Changes,
    ) -> DriverResult<Option<T>> {
        let update = self.find_and_update(query.to_filter(), changes.to_pipeline());
        decode(in_session!(update, session)?)
    }

    /// Changes the row with this id and returns it.
    pub(in crate::mongo) async fn change<T: Decode>(
        &self,
        session: Session<'_>,
        id: ObjectId,
        changes: &Changes,
    ) -> DriverResult<T> {
        let row = self.update(session, &of_id(id), changes).await?;
        row.ok_or_else(|| ours(Error::not_found(self.collection, id)))
    }

    /// Changes the row with this id if it still has this version, and returns it. `taken` finds rows that have
    /// one of the new values in another spelling.
    pub(in crate::mongo) async fn change_version<T: Decode>(
        &self,
        id: ObjectId,
        version: DateTime<Utc>,
        changes: &Changes,
        taken: impl IntoIterator<Item = (Query, &'static str)>,
    ) -> DriverResult<T> {
        let same_version = of_id(id).is(UPDATED_AT, &version);
        if let Some(index) = self.taken(None, taken).await? {
            // A stale version is a conflict, whatever the values.
            if self.any(None, &same_version).await? {
                return Err(ours(Error::unique(self.collection, index)));
            }
        }
        if let Some(row) = self.update(None, &same_version, changes).await? {
            return Ok(row);
        }
        let exists = self.any(None, &of_id(id)).await?;
        let error = if exists { Error::conflict } else { Error::not_found };
        Err(ours(error(self.collection, id)))
    }

    /// Prevents others from changing or removing the row with this id until the transaction ends.
    ///
    /// A transaction that only reads a row does not conflict with one that removes it. Two updates that
    /// cancel each other out do conflict, and leave the row as it was.
    pub(in crate::mongo) async fn lock(&self, session: &mut ClientSession, id: ObjectId) -> DriverResult<()> {
        self.lock_each(session, [of_id(id)]).await
    }

    /// The same for the rows that match these queries.
    pub(in crate::mongo) async fn lock_each(
        &self,
        session: &mut ClientSession,
        rows: impl IntoIterator<Item = Query>,
    ) -> DriverResult<()> {
        let updates = rows.into_iter().flat_map(|query| {
            let set = rawdoc! { "$set": { "_lock": true } };
            [(query.clone(), set), (query, rawdoc! { "$unset": { "_lock": true } })]
        });
        self.update_each(Some(session), updates).await?;
        Ok(())
    }

    /// Removes the row with this id, and returns whether there was one.
    pub(in crate::mongo) async fn remove(&self, session: Session<'_>, id: ObjectId) -> DriverResult<bool> {
        self.remove_found(session, &of_id(id)).await
    }

    /// Removes the row that matches the query, and returns whether there was one.
    pub(in crate::mongo) async fn remove_found(
        &self,
        session: Session<'_>,
        query: &Query,
    ) -> DriverResult<bool> {
        let filter = self.narrow(query).to_filter();
        let hint = self.hint(&filter);
        let delete = self.raw.delete_one(filter).optional(hint, Delete::hint);
        Ok(in_session!(delete, session)?.deleted_count > 0)
    }

    /// The row that matches the query.
    pub(in crate::mongo) async fn find_one<T: Decode>(
        &self,
        session: Session<'_>,
        query: &Query,
    ) -> DriverResult<Option<T>> {
        self.find_first(session, query, doc! {}).await
    }

    /// The row that matches the query and has one of the spellings of this text, if possible the text itself.
    /// It is one command however the text is spelled.
    pub(in crate::mongo) async fn find_spelled<T: Decode>(
        &self,
        session: Session<'_>,
        query: Query,
        field: Field,
        text: &impl Spellings,
    ) -> DriverResult<Option<T>> {
        let query = query.spelled(field, text);
        if text.others().is_empty() {
            return self.find_one(session, &query).await;
        }
        let mut rows = Vec::new();
        // A unique index allows one row of each spelling.
        let find = self.find(query.to_filter());
        each(session, find, |row| {
            rows.push(row.to_owned());
            Ok(())
        })
        .await?;
        decode(nearest(rows, |row| row, field, text))
    }

    /// The index that one of these rows would be in the way of, if it is there.
    pub(in crate::mongo) async fn taken(
        &self,
        mut session: Session<'_>,
        rows: impl IntoIterator<Item = (Query, &'static str)>,
    ) -> DriverResult<Option<&'static str>> {
        // What is unique is so over all users.
        let all = self.over_all_users();
        for (query, index) in rows {
            if all.any(session.as_deref_mut(), &query).await? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// Refuses values that other rows have in another spelling.
    pub(in crate::mongo) async fn refuse_taken(
        &self,
        session: Session<'_>,
        rows: impl IntoIterator<Item = (Query, &'static str)>,
    ) -> DriverResult<()> {
        match self.taken(session, rows).await? {
            Some(index) => Err(ours(Error::unique(self.collection, index))),
            None => Ok(()),
        }
    }

    /// The first row in this order that matches the query.
    pub(in crate::mongo) async fn find_first<T: Decode>(
        &self,
        session: Session<'_>,
        query: &Query,
        order: Document,
    ) -> DriverResult<Option<T>> {
        decode(self.first(session, query.to_filter(), order).await?)
    }

    /// The first document in this order that matches the filter.
    pub(in crate::mongo) async fn first(
        &self,
        session: Session<'_>,
        filter: Document,
        order: Document,
    ) -> DriverResult<Option<RawDocumentBuf>> {
        let filter = self.narrow_filter(filter);
        let hint = self.hint(&filter);
        let find = self.raw.find_one(filter).optional(hint, FindOne::hint);
        let mut find = find.optional(self.limit, FindOne::max_time);
        if !order.is_empty() {
            find = find.sort(order);
        }
        Ok(in_session!(find, session)?)
    }

    /// Whether any row matches the query.
    pub(crate) async fn any(&self, session: Session<'_>, query: &Query) -> DriverResult<bool> {
        let find = self.raw.clone_with_type::<Document>();
        let filter = self.narrow(query).to_filter();
        let hint = self.hint(&filter);
        let find = find.find_one(filter).projection(doc! { "_id": 1 }).optional(hint, FindOne::hint);
        let find = find.optional(self.limit, FindOne::max_time);
        Ok(in_session!(find, session)?.is_some())
    }

    /// The rows that match the query, ordered by id, at most `limit`.
    pub(crate) async fn find_all<T: Decode>(
        &self,
        session: Session<'_>,
        query: &Query,
        limit: usize,
    ) -> DriverResult<Vec<T>> {
        let find = self.find(query.to_filter());
        let rows = Self::rows(find, session, T::fields(), Order::OldestFirst, limit).await?;
        rows.iter().map(|row| T::decode(row).map_err(ours)).collect()
    }

    /// The rows after this id, each with the record read from it.
    pub(in crate::mongo) async fn after<T: Decode, I: From<ObjectId>>(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> DriverResult<Vec<(I, crate::Result<T>)>> {
        let order = Order::OldestFirst;
        let find = self.find(doc! { "_id": beyond(after, order) });
        let rows = Self::rows(find, None, T::fields(), order, limit).await?;
        let row = |row: &RawDocumentBuf| {
            let id = id_of(self.collection, row).map_err(ours)?;
            Ok((I::from(id), T::decode(row)))
        };
        rows.iter().map(row).collect()
    }

    /// A page of the rows that match the query.
    pub(in crate::mongo) async fn page<T: Decode>(
        &self,
        query: &Query,
        request: &PageRequest,
    ) -> DriverResult<Page<T>> {
        self.page_of(&self.lists, query, request).await
    }

    /// The same from the primary, for pages that decide.
    pub(in crate::mongo) async fn deciding_page<T: Decode>(
        &self,
        query: &Query,
        request: &PageRequest,
    ) -> DriverResult<Page<T>> {
        self.page_of(&self.raw, query, request).await
    }

    async fn page_of<T: Decode>(
        &self,
        rows: &mongodb::Collection<RawDocumentBuf>,
        query: &Query,
        request: &PageRequest,
    ) -> DriverResult<Page<T>> {
        let query = self.narrow(query);
        let tag = query.list_tag(self.collection);
        let (order, limit) = (request.direction(), request.limit() + 1);
        let filter = query.to_filter_at(&beyond(request.position(&tag).map_err(ours)?, order));
        // Beside alternatives there must be nothing, so the scope is in each of them.
        let find = rows.find(filter).optional(self.limit, Find::max_time);
        let rows = Self::rows(find, None, T::fields(), order, limit).await?;
        let row = |row: &RawDocumentBuf| Ok((id_of(self.collection, row)?, T::decode(row)));
        let rows: crate::Result<Vec<_>> = rows.iter().map(row).collect();
        rows.and_then(|rows| Page::of(rows, request, &tag)).map_err(ours)
    }

    /// A stream of all rows that match the query, in no particular order.
    pub(in crate::mongo) async fn stream<T: Decode>(
        &self,
        target: String,
        query: &Query,
    ) -> DriverResult<RecordStream<T>> {
        stream::records(Batches::new(&self.lists, self.narrow(query).into_owned(), T::fields(), target)).await
    }

    async fn rows(
        find: Find<'_, RawDocumentBuf>,
        session: Session<'_>,
        fields: Vec<&'static str>,
        order: Order,
        limit: usize,
    ) -> DriverResult<Vec<RawDocumentBuf>> {
        let direction = if order == Order::OldestFirst { 1 } else { -1 };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut rows = Vec::new();
        let mut find = find.sort(doc! { "_id": direction }).limit(limit);
        if !fields.is_empty() {
            find = find.projection(projection(fields));
        }
        // All in one reply: by default the server would return only the first hundred.
        let find = find.batch_size(u32::try_from(limit).unwrap_or(u32::MAX));
        each(session, find, |row| {
            rows.push(row.to_owned());
            Ok(())
        })
        .await?;
        Ok(rows)
    }
}

/// The `_id`s after this one in an order. Only `ObjectId`s are in an order of creation; a comparison finds no
/// others.
fn beyond(last: Option<ObjectId>, order: Order) -> Document {
    match (last, order) {
        (None, _) => doc! { "$gte": ObjectId::from_bytes([0; 12]) },
        (Some(last), Order::OldestFirst) => doc! { "$gt": last },
        (Some(last), Order::NewestFirst) => doc! { "$lt": last },
    }
}

/// Visits every document that `find` finds, in a transaction or without one.
pub(in crate::mongo) async fn each(
    session: Session<'_>,
    find: Find<'_, RawDocumentBuf>,
    mut look: impl FnMut(&RawDocument) -> DriverResult<()>,
) -> DriverResult<()> {
    if let Some(session) = session {
        let mut cursor = find.session(&mut *session).await?;
        while cursor.advance(session).await? {
            look(cursor.current())?;
        }
    } else {
        let mut cursor = find.await?;
        while cursor.advance().await? {
            look(cursor.current())?;
        }
    }
    Ok(())
}

/// A projection to these fields: the server is faster at including fields than at excluding some.
pub(in crate::mongo) fn projection(fields: impl IntoIterator<Item = &'static str>) -> Document {
    fields.into_iter().map(|field| (field.to_owned(), 1.into())).collect()
}

/// The row with this id.
pub(in crate::mongo) fn of_id(id: ObjectId) -> Query {
    Query::all().is(ID, id)
}

fn decode<T: Decode>(row: Option<RawDocumentBuf>) -> DriverResult<Option<T>> {
    row.map(|row| T::decode(&row)).transpose().map_err(ours)
}
