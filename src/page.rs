//! Keyset pages: each page starts where the previous one ended, regardless of the number of records
//! and of records that are added or removed between two pages.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};
use bson::oid::ObjectId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Invalid, Problem, Result, Unreadable};
use crate::model::text::without_line_end;

/// The order of a list, by the creation of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Order {
    /// The earliest records first.
    #[default]
    OldestFirst,
    /// The latest records first.
    NewestFirst,
}

/// The part of a list to read.
///
/// ```
/// use campaign_store::{Order, PageRequest};
///
/// let first = PageRequest::new(100)?.order(Order::NewestFirst);
/// assert!(PageRequest::new(0).is_err());
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct PageRequest {
    limit: usize,
    order: Order,
    after: Option<Cursor>,
}

impl PageRequest {
    /// The largest number of records in a page.
    pub const MAX_LIMIT: usize = 1_000;

    /// Requests the first page, with at most `limit` records, oldest first.
    ///
    /// # Errors
    /// [`Problem::OutOfRange`] unless `limit` is from 1 to [`PageRequest::MAX_LIMIT`].
    pub fn new(limit: usize) -> Result<Self, Invalid> {
        check_limit(limit)?;
        Ok(Self { limit, order: Order::default(), after: None })
    }

    /// Sets the order of the list.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Requests the page after the one that returned `cursor`. The filter and the order must be the
    /// same, or the list fails with [`Error::InvalidCursor`].
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// The first page of [`MAX_LIMIT`](Self::MAX_LIMIT) records.
    pub(crate) fn largest() -> Self {
        Self { limit: Self::MAX_LIMIT, ..Self::default() }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn direction(&self) -> Order {
        self.order
    }

    /// The last record of the previous page, if `list` made the cursor.
    pub(crate) fn position(&self, list: &ListTag) -> Result<Option<ObjectId>> {
        self.after.as_ref().map(|cursor| cursor.open(list, self.order)).transpose()
    }
}

impl Default for PageRequest {
    /// The first 50 records, oldest first.
    fn default() -> Self {
        Self { limit: 50, order: Order::default(), after: None }
    }
}

/// Refuses a limit that is not from 1 to [`PageRequest::MAX_LIMIT`].
pub(crate) fn check_limit(limit: usize) -> Result<(), Invalid> {
    if (1..=PageRequest::MAX_LIMIT).contains(&limit) {
        return Ok(());
    }
    Err(Invalid::new("limit", Problem::OutOfRange { min: 1.0, max: 1_000.0 }))
}

/// A part of a list.
///
/// A document that cannot be read takes a place in the page and is named in [`unreadable`](Self::unreadable),
/// so `items` can be shorter than the limit, or empty, although more pages follow: only
/// [`next`](Self::next) tells.
///
/// Documents whose `_id` is not an `ObjectId`, which only other programs write, are in no page. Streams have
/// them.
///
/// ```
/// use campaign_store::{MemoryStore, NewUser, PageRequest, UserFilter};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> campaign_store::Result<()> {
/// let store = MemoryStore::new().system();
/// for login_id in ["ada", "bob", "eve"] {
///     store.users.create(NewUser::new(login_id, login_id)?).await?;
/// }
///
/// let mut names = Vec::new();
/// let mut request = PageRequest::new(2)?;
/// loop {
///     let page = store.users.list(&UserFilter::all(), &request).await?;
///     names.extend(page.items.into_iter().map(|user| user.user_name));
///     let Some(cursor) = page.next else { break };
///     request = PageRequest::new(2)?.after(cursor);
/// }
/// assert_eq!(names, ["ada", "bob", "eve"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Page<T> {
    /// The records.
    pub items: Vec<T>,
    /// The documents that cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Unreadable>,
    /// The position of the next page; `None` on the last page.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Makes a page of the rows that a store found with a limit one larger than the page's.
    ///
    /// # Errors
    /// Those of the rows, except `Corrupt`.
    pub(crate) fn of(
        mut rows: Vec<(ObjectId, Result<T>)>,
        request: &PageRequest,
        list: &ListTag,
    ) -> Result<Self> {
        let more = rows.len() > request.limit;
        rows.truncate(request.limit);
        let last = rows.last().map(|(id, _)| *id).filter(|_| more);
        let next = last.map(|id| Cursor::seal(id, list, request.order));
        let mut page = Self { items: Vec::with_capacity(rows.len()), unreadable: Vec::new(), next };
        for (_, row) in rows {
            match row {
                Ok(item) => page.items.push(item),
                Err(error) => page.unreadable.push(error.try_into()?),
            }
        }
        Ok(page)
    }
}

/// A position in a list, as an opaque text that is safe in a URL.
///
/// A cursor works only for the list, the filter and the order that it was made for; any other use
/// fails with [`Error::InvalidCursor`]. A cursor is not a secret and grants no access.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    const VERSION: u8 = 1;

    fn seal(id: ObjectId, list: &ListTag, order: Order) -> Self {
        let mut bytes = vec![Self::VERSION];
        bytes.extend(id.bytes());
        bytes.extend(list.check(id, order));
        Self(Base64UrlUnpadded::encode_string(&bytes))
    }

    fn open(&self, list: &ListTag, order: Order) -> Result<ObjectId> {
        let mut buffer = [0; 21];
        let bytes = Base64UrlUnpadded::decode(&self.0, &mut buffer).map_err(|_| Error::InvalidCursor)?;
        let (version, rest) = bytes.split_first().ok_or(Error::InvalidCursor)?;
        let (id, check) = rest.split_first_chunk::<12>().ok_or(Error::InvalidCursor)?;
        let id = ObjectId::from_bytes(*id);
        let genuine = *version == Self::VERSION && check == list.check(id, order);
        if genuine { Ok(id) } else { Err(Error::InvalidCursor) }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    /// Reads a cursor that a client sends back. Only its length is checked here; the list that uses
    /// it checks the rest.
    fn from_str(text: &str) -> Result<Self> {
        let text = without_line_end(text);
        if text.len() == 28 { Ok(Self(text.to_owned())) } else { Err(Error::InvalidCursor) }
    }
}

/// The identity of a list: its collection and its filter.
pub(crate) struct ListTag(Sha256);

impl ListTag {
    pub(crate) fn new(collection: &str, filter: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update((collection.len() as u64).to_be_bytes());
        hash.update(collection);
        hash.update((filter.len() as u64).to_be_bytes());
        hash.update(filter);
        Self(hash)
    }

    fn check(&self, id: ObjectId, order: Order) -> [u8; 8] {
        let mut hash = self.0.clone();
        hash.update([u8::from(order == Order::NewestFirst)]);
        hash.update(id.bytes());
        let digest = hash.finalize();
        digest.first_chunk().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> ObjectId {
        ObjectId::from_bytes([n; 12])
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let list = ListTag::new("users", b"");
        let request = PageRequest::new(2).unwrap();
        let rows = |n: u8| (1..=n).map(|n| (id(n), Ok(n))).collect();
        let full = Page::of(rows(2), &request, &list).unwrap();
        assert_eq!((full.items, full.next), (vec![1, 2], None));
        let cut = Page::of(rows(3), &request, &list).unwrap();
        assert_eq!(cut.items, [1, 2]);
        let next = request.after(cut.next.unwrap());
        assert_eq!(next.position(&list).unwrap(), Some(id(2)));
    }

    #[test]
    fn unreadable_rows_are_named_and_passed() {
        let list = ListTag::new("users", b"");
        let request = PageRequest::new(2).unwrap();
        let broken = |n: u8| {
            let (collection, path) = (crate::Collection::Users, "email".into());
            let error = Error::Corrupt { collection, id: id(n).to_hex(), path, problem: "is missing" };
            (id(n), Err(error))
        };
        let page = Page::<u8>::of(vec![broken(1), broken(2), broken(3)], &request, &list).unwrap();
        assert_eq!((page.items.len(), page.unreadable.len()), (0, 2));
        assert_eq!(page.unreadable[1].id, id(2).to_hex());
        let next = request.clone().after(page.next.unwrap());
        assert_eq!(next.position(&list).unwrap(), Some(id(2)));
        let page = Page::<u8>::of(vec![(id(1), Err(Error::ShutDown))], &request, &list);
        assert_eq!(page, Err(Error::ShutDown));
    }

    #[test]
    fn a_cursor_fits_its_own_list_only() {
        let list = ListTag::new("users", b"active");
        let cursor = Cursor::seal(id(7), &list, Order::OldestFirst);
        assert_eq!(cursor.open(&list, Order::OldestFirst).unwrap(), id(7));
        for (other, order) in [
            (ListTag::new("users", b""), Order::OldestFirst),
            (ListTag::new("usersa", b"ctive"), Order::OldestFirst),
            (ListTag::new("mailboxes", b"active"), Order::OldestFirst),
            (ListTag::new("users", b"active"), Order::NewestFirst),
        ] {
            assert!(matches!(cursor.open(&other, order), Err(Error::InvalidCursor)));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let list = ListTag::new("users", b"");
        let cursor = Cursor::seal(id(7), &list, Order::OldestFirst);
        for place in 0..cursor.0.len() {
            for bit in 0..8 {
                let mut bytes = cursor.0.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                assert!(Cursor(text).open(&list, Order::OldestFirst).is_err());
            }
        }
        for text in ["", "A", "AQ", &"A".repeat(28), &"é".repeat(14)] {
            assert!(Cursor(text.to_owned()).open(&list, Order::OldestFirst).is_err());
        }
    }
}
