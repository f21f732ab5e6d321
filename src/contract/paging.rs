//! The contract of the lists: [`Page`], [`PageRequest`] and [`Cursor`].

use bson::oid::ObjectId;
use serde_json::json;

use super::Opened;
use super::fixtures::{address, assert_fails, drain, mailbox, user};
use crate::{
    Cursor, Error, MailboxFilter, MailboxId, MailboxStatus, Order, Page, PageRequest, Problem, Result, User,
    UserFilter, UserId,
};

const BOTH: [Order; 2] = [Order::OldestFirst, Order::NewestFirst];

/// A list to page through, reduced to the ids of its records.
trait List {
    /// Adds the `n`-th record.
    async fn add(&self, n: usize) -> ObjectId;
    async fn remove(&self, id: ObjectId);
    async fn page(&self, request: &PageRequest) -> Result<Page<ObjectId>>;
    async fn stream(&self) -> Vec<ObjectId>;
}

/// The users that match a filter.
struct Users<'a> {
    db: &'a Opened,
    filter: UserFilter,
}

impl<'a> Users<'a> {
    fn all(db: &'a Opened) -> Self {
        let filter = UserFilter::all();
        Self { db, filter }
    }

    fn active(db: &'a Opened, is_active: bool) -> Self {
        let filter = UserFilter::all().active(is_active);
        Self { db, filter }
    }
}

impl List for Users<'_> {
    async fn add(&self, n: usize) -> ObjectId {
        let user = user(self.db, &format!("user{n}")).await;
        user.id.as_object_id()
    }

    async fn remove(&self, id: ObjectId) {
        let deleted = self.db.second.users.delete(UserId::from(id)).await;
        deleted.expect("nobody needs the user");
    }

    async fn page(&self, request: &PageRequest) -> Result<Page<ObjectId>> {
        let page = self.db.store.users.list(&self.filter, request).await?;
        let ids = page.items.iter().map(|user| user.id.as_object_id());
        Ok(Page { items: ids.collect(), unreadable: page.unreadable, next: page.next })
    }

    async fn stream(&self) -> Vec<ObjectId> {
        let stream = self.db.store.users.stream(&self.filter).await;
        let users = drain(stream.expect("a stream of users")).await;
        users.iter().map(|user| user.id.as_object_id()).collect()
    }
}

/// The mailboxes of one user.
struct Mailboxes<'a> {
    db: &'a Opened,
    owner: User,
}

impl<'a> Mailboxes<'a> {
    /// Ada's mailboxes; Bob has one too.
    async fn of_ada(db: &'a Opened) -> Self {
        let owner = user(db, "ada").await;
        let bob = user(db, "bob").await;
        mailbox(db, &bob, "bob@work.example").await;
        Self { db, owner }
    }
}

impl List for Mailboxes<'_> {
    async fn add(&self, n: usize) -> ObjectId {
        let email = format!("box{n}@work.example");
        let mailbox = mailbox(self.db, &self.owner, &email).await;
        mailbox.id.as_object_id()
    }

    async fn remove(&self, id: ObjectId) {
        let unlinked = self.db.second.mailboxes.unlink(MailboxId::from(id)).await;
        unlinked.expect("nobody needs the mailbox");
    }

    async fn page(&self, request: &PageRequest) -> Result<Page<ObjectId>> {
        let filter = MailboxFilter::user(self.owner.id);
        let page = self.db.store.mailboxes.list(&filter, request).await?;
        let ids = page.items.iter().map(|mailbox| mailbox.id.as_object_id());
        Ok(Page { items: ids.collect(), unreadable: page.unreadable, next: page.next })
    }

    async fn stream(&self) -> Vec<ObjectId> {
        let filter = MailboxFilter::user(self.owner.id);
        let stream = self.db.store.mailboxes.stream(&filter).await;
        let mailboxes = drain(stream.expect("a stream of mailboxes")).await;
        mailboxes.iter().map(|mailbox| mailbox.id.as_object_id()).collect()
    }
}

/// Adds `count` records.
async fn fill(list: &impl List, count: usize) -> Vec<ObjectId> {
    let mut ids = Vec::with_capacity(count);
    for n in 0..count {
        ids.push(list.add(n).await);
    }
    ids
}

/// At most `limit` records.
fn at_most(limit: usize) -> PageRequest {
    PageRequest::new(limit).expect("a valid limit")
}

/// A page of three records, after `cursor` if there is one.
async fn three(list: &impl List, order: Order, cursor: Option<Cursor>) -> Page<ObjectId> {
    let request = at_most(3).order(order);
    let request = match cursor {
        Some(cursor) => request.after(cursor),
        None => request,
    };
    list.page(&request).await.expect("a page")
}

/// All pages of three records after `cursor`.
async fn pages(list: &impl List, order: Order, mut cursor: Option<Cursor>) -> Vec<Vec<ObjectId>> {
    let mut pages = Vec::new();
    loop {
        let page = three(list, order, cursor).await;
        pages.push(page.items);
        assert!(pages.len() < 100, "the list does not end");
        cursor = page.next;
        if cursor.is_none() {
            return pages;
        }
    }
}

/// Adds two users and returns the cursor between them.
async fn cursor_of_users(db: &Opened) -> Cursor {
    fill(&Users::all(db), 2).await;
    let page = Users::all(db).page(&at_most(1)).await.expect("a page");
    page.next.expect("two users")
}

/// Checks that the list of all users refuses `cursor`.
async fn assert_refused(db: &Opened, cursor: Cursor) {
    let page = Users::all(db).page(&at_most(1).after(cursor)).await;
    assert_fails(page, &Error::InvalidCursor);
}

/// Pages return every record once, in order of creation or its reverse.
pub async fn pages_hold_every_record_once_in_order(db: &Opened) {
    async fn check(list: &impl List) {
        let mut ids = fill(list, 10).await;
        for order in BOTH {
            let pages = pages(list, order, None).await;
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3, 1]);
            assert_eq!(pages.concat(), ids);
            ids.reverse();
        }
    }
    check(&Users::all(db)).await;
    check(&Mailboxes::of_ada(db).await).await;
}

/// The last page has no next cursor, even if it is full; an empty list is one page.
pub async fn the_last_page_has_no_next_one(db: &Opened) {
    async fn check(list: &impl List) {
        let empty = [Vec::<ObjectId>::new()];
        for order in BOTH {
            assert_eq!(pages(list, order, None).await, empty);
        }
        let ids = fill(list, 6).await;
        assert_eq!(pages(list, Order::OldestFirst, None).await, [&ids[..3], &ids[3..]]);
        for limit in [6, 7, PageRequest::MAX_LIMIT] {
            let page = list.page(&at_most(limit)).await.expect("a page");
            assert_eq!((&page.items, &page.next), (&ids, &None));
        }
    }
    check(&Users::all(db)).await;
    check(&Mailboxes::of_ada(db).await).await;
}

/// Removing records between two pages, even the last one seen, does not shift the others.
pub async fn removals_between_two_pages_shift_nothing(db: &Opened) {
    async fn check(list: &impl List) {
        let mut ids = fill(list, 10).await;
        for order in BOTH {
            let first = three(list, order, None).await;
            assert_eq!(first.items, ids[..3]);
            for place in [5, 2, 0] {
                list.remove(ids.remove(place)).await;
            }
            // Only the second record of the first page remains.
            assert_eq!(pages(list, order, first.next).await.concat(), ids[1..]);
            ids.reverse();
        }
    }
    check(&Users::all(db)).await;
    check(&Mailboxes::of_ada(db).await).await;
}

/// If everything after a page was removed, the next page is empty and the last one.
pub async fn a_page_after_which_nothing_remains_is_followed_by_an_empty_one(db: &Opened) {
    async fn check(list: &impl List) {
        let ids = fill(list, 4).await;
        let first = three(list, Order::OldestFirst, None).await;
        assert!(first.next.is_some());
        list.remove(ids[3]).await;
        let empty = [Vec::<ObjectId>::new()];
        assert_eq!(pages(list, Order::OldestFirst, first.next).await, empty);
    }
    check(&Users::all(db)).await;
    check(&Mailboxes::of_ada(db).await).await;
}

/// Records added between two pages come last in order of creation; in reverse order they are not seen.
pub async fn additions_between_two_pages_come_last(db: &Opened) {
    async fn check(list: &impl List) {
        let ids = fill(list, 4).await;
        let oldest = three(list, Order::OldestFirst, None).await;
        let newest = three(list, Order::NewestFirst, None).await;
        let added = [list.add(4).await, list.add(5).await];
        let rest = pages(list, Order::OldestFirst, oldest.next).await;
        assert_eq!(rest, [[ids[3], added[0], added[1]]]);
        let rest = pages(list, Order::NewestFirst, newest.next).await;
        assert_eq!(rest, [[ids[0]]]);
    }
    check(&Users::all(db)).await;
    check(&Mailboxes::of_ada(db).await).await;
}

/// The limit can change between two pages.
pub async fn the_limit_can_change_between_two_pages(db: &Opened) {
    async fn check(list: &impl List) {
        let ids = fill(list, 5).await;
        let first = list.page(&at_most(1)).await.expect("a page");
        assert_eq!(first.items, ids[..1]);
        let request = at_most(3).after(first.next.expect("more records"));
        let second = list.page(&request).await.expect("a page");
        assert_eq!(second.items, ids[1..4]);
        // A request can be repeated.
        assert_eq!(list.page(&request).await.expect("a page"), second);
    }
    check(&Users::all(db)).await;
    check(&Mailboxes::of_ada(db).await).await;
}

/// A stream returns every record once.
pub async fn a_stream_holds_every_record_once(db: &Opened) {
    async fn check(list: &impl List) {
        assert!(list.stream().await.is_empty());
        let mut ids = fill(list, 10).await;
        let mut streamed = list.stream().await;
        ids.sort_unstable();
        streamed.sort_unstable();
        assert_eq!(streamed, ids);
    }
    check(&Users::all(db)).await;
    check(&Mailboxes::of_ada(db).await).await;
}

/// Activates or deactivates a user.
async fn set_active(db: &Opened, id: ObjectId, is_active: bool) {
    let switched = db.store.users.set_active(UserId::from(id), is_active).await;
    switched.expect("the user exists");
}

/// Pages and streams return the records that match the filter, and no others.
pub async fn the_filter_holds_for_pages_and_streams(db: &Opened) {
    let (mut active, mut inactive) = (Vec::new(), Vec::new());
    for (n, id) in fill(&Users::all(db), 10).await.into_iter().enumerate() {
        let is_active = n.is_multiple_of(2);
        set_active(db, id, is_active).await;
        let fitting = if is_active { &mut active } else { &mut inactive };
        fitting.push(id);
    }
    for (is_active, mut fitting) in [(true, active), (false, inactive)] {
        let list = Users::active(db, is_active);
        let listed = pages(&list, Order::OldestFirst, None).await;
        assert_eq!(listed.concat(), fitting);
        let mut streamed = list.stream().await;
        streamed.sort_unstable();
        fitting.sort_unstable();
        assert_eq!(streamed, fitting);
    }
}

/// Records that leave the filter between two pages, even the last one seen, do not shift the others.
pub async fn a_record_that_leaves_the_filter_shifts_nothing(db: &Opened) {
    let ids = fill(&Users::all(db), 6).await;
    let list = Users::active(db, true);
    let first = three(&list, Order::OldestFirst, None).await;
    for id in [ids[2], ids[3]] {
        set_active(db, id, false).await;
    }
    let rest = pages(&list, Order::OldestFirst, first.next).await;
    assert_eq!(rest, [&ids[4..]]);
}

/// A cursor of users works only in its own list: not with another filter, order or collection.
pub async fn a_cursor_of_users_works_in_its_own_list_alone(db: &Opened) {
    let cursor = cursor_of_users(db).await;
    let request = at_most(1).after(cursor);
    for is_active in [true, false] {
        let filter = UserFilter::all().active(is_active);
        let page = db.store.users.list(&filter, &request).await;
        assert_fails(page, &Error::InvalidCursor);
    }
    let turned = request.clone().order(Order::NewestFirst);
    let page = db.store.users.list(&UserFilter::all(), &turned).await;
    assert_fails(page, &Error::InvalidCursor);
    let page = db.store.mailboxes.list(&MailboxFilter::all(), &request).await;
    assert_fails(page, &Error::InvalidCursor);
    let page = db.store.users.list(&UserFilter::all(), &request).await;
    assert_eq!(page.expect("its own list").items.len(), 1);
}

/// A cursor of mailboxes works only in its own list: not with another filter, order or collection.
pub async fn a_cursor_of_mailboxes_works_in_its_own_list_alone(db: &Opened) {
    let list = Mailboxes::of_ada(db).await;
    fill(&list, 2).await;
    let first = list.page(&at_most(1)).await.expect("a page");
    let request = at_most(1).after(first.next.expect("two mailboxes"));
    let own = MailboxFilter::user(list.owner.id);
    for other in [
        MailboxFilter::all(),
        MailboxFilter::user(UserId::new()),
        own.clone().email(address("box0@work.example")),
        own.clone().active(true),
        own.clone().active(false),
        own.clone().status(MailboxStatus::Active),
        own.clone().active(true).status(MailboxStatus::Active),
    ] {
        let page = db.store.mailboxes.list(&other, &request).await;
        assert_fails(page, &Error::InvalidCursor);
    }
    let turned = request.clone().order(Order::NewestFirst);
    assert_fails(list.page(&turned).await, &Error::InvalidCursor);
    assert_fails(Users::all(db).page(&request).await, &Error::InvalidCursor);
    let page = db.store.mailboxes.list(&own, &request).await;
    assert_eq!(page.expect("its own list").items.len(), 1);
}

/// A cursor with a flipped bit is refused, whichever bit it is.
pub async fn a_cursor_with_a_flipped_bit_is_refused(db: &Opened) {
    let text = cursor_of_users(db).await.to_string();
    for place in 0..text.len() {
        let mut damaged = text.clone().into_bytes();
        damaged[place] ^= 1_u8 << (place % 7);
        let damaged = String::from_utf8(damaged).expect("flipped ASCII is ASCII");
        // A letter can become a line break, which is trimmed when a text is parsed.
        assert_refused(db, serde_json::from_value(json!(damaged)).expect("a cursor is any text")).await;
    }
}

/// A cursor that is too short or too long is refused, when it is parsed or when it is used.
pub async fn a_cursor_of_another_length_is_refused(db: &Opened) {
    let text = cursor_of_users(db).await.to_string();
    let mut damaged: Vec<_> = (0..text.len()).map(|length| text[..length].to_owned()).collect();
    damaged.extend([format!("{text}A"), format!("{text}="), format!(" {text}")]);
    for text in damaged {
        assert_fails(text.parse::<Cursor>(), &Error::InvalidCursor);
        let cursor = serde_json::from_value(json!(text)).expect("a cursor is any text");
        assert_refused(db, cursor).await;
    }
}

/// A cursor survives a round trip to a client, and then works on another handle.
pub async fn a_cursor_survives_text_and_json(db: &Opened) {
    let cursor = cursor_of_users(db).await;
    let text = cursor.to_string();
    let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    assert!(text.chars().all(is_safe), "{text}");
    let parsed: Cursor = text.parse().expect("its own text");
    assert_eq!(parsed, cursor);

    let json = serde_json::to_value(&cursor).expect("a text");
    assert_eq!(json, json!(text));
    let read: Cursor = serde_json::from_value(json).expect("its own text");
    assert_eq!(read, cursor);

    let request = at_most(1).after(read);
    let page = db.second.users.list(&UserFilter::all(), &request).await;
    let page = page.expect("its own list");
    assert_eq!(page.items[0].login_id.as_str(), "user1");
    assert_eq!(page.next, None);
}

/// A limit is from 1 to 1,000.
pub async fn a_limit_is_from_1_to_1000(db: &Opened) {
    for limit in [0, 1_001, usize::MAX] {
        let refused = PageRequest::new(limit).expect_err("no limit of a page");
        assert_eq!(refused.field, "limit");
        assert!(matches!(refused.problem, Problem::OutOfRange { .. }));
    }
    let ids = fill(&Users::all(db), 2).await;
    for (limit, count) in [(1, 1), (1_000, 2)] {
        let page = Users::all(db).page(&at_most(limit)).await.expect("a page");
        assert_eq!(page.items, ids[..count]);
    }
}
