//! One of the two stores, and what its caller knows about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bson::oid::ObjectId;
use campaign_store::contract::key;
use campaign_store::{
    Campaign, CampaignFilter, CampaignId, Clock, KeyError, KeyProvider, Keyring, Mailbox, MailboxFilter,
    MailboxId, ManualClock, MetricsFilter, NewCampaign, Repositories, Store, TrackingFilter, TrackingId,
    User, UserFilter, UserId, Vault,
};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::answer::{Answer, Ids};
use super::draw::Draw;
use super::lists::Lists;
use super::operation::Operation;

#[derive(Debug)]
pub(super) struct Side {
    opened: Box<dyn Store>,
    /// The repositories of the step: those over all users, or those within one.
    pub(super) store: Repositories,
    clock: Arc<ManualClock>,
    vault: Vault,
    keys: TurningKeys,
    pub(super) users: Known<User>,
    pub(super) mailboxes: Known<Mailbox>,
    pub(super) campaigns: Known<Campaign>,
    /// The last campaign that was to be created.
    pub(super) created: Option<NewCampaign>,
    pub(super) sends: Vec<TrackingId>,
    pub(super) user_lists: Lists<UserFilter>,
    pub(super) mailbox_lists: Lists<MailboxFilter>,
    pub(super) campaign_lists: Lists<CampaignFilter>,
    pub(super) metrics_lists: Lists<MetricsFilter>,
    pub(super) tracking_lists: Lists<TrackingFilter>,
    pub(super) ids: Ids,
}

impl Side {
    /// The store that `open` gives, with the keys of this side.
    pub(super) async fn new<S: Store + 'static>(
        clock: Arc<ManualClock>,
        open: impl AsyncFnOnce(Vault) -> S,
    ) -> Self {
        let keys = TurningKeys::default();
        let vault = Vault::open(keys.clone()).await.expect("valid keys");
        let opened = open(vault.clone()).await;
        Self {
            store: opened.system(),
            opened: Box::new(opened),
            clock,
            vault,
            keys,
            users: Known::default(),
            mailboxes: Known::default(),
            campaigns: Known::default(),
            created: None,
            sends: Vec::new(),
            user_lists: Lists::default(),
            mailbox_lists: Lists::default(),
            campaign_lists: Lists::default(),
            metrics_lists: Lists::default(),
            tracking_lists: Lists::default(),
            ids: Ids::default(),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Makes the other of the two keys the primary one.
    pub(super) async fn turn_keys(&self) {
        self.keys.0.fetch_xor(true, Ordering::Relaxed);
        self.vault.reload().await.expect("valid keys");
    }

    /// Does an operation, often within a user. Gives the answer and the arguments.
    pub(super) async fn take(&mut self, operation: &Operation, mut draw: Draw) -> (Answer, String) {
        if draw.chance(25) {
            draw.note("within");
            self.store = self.opened.of(self.users.pick(&mut draw));
        }
        let result = (operation.run)(self, &mut draw).await;
        self.store = self.opened.system();
        (Answer::of(result, &mut self.ids), draw.notes())
    }
}

/// Two keys that take turns at being the primary one.
#[derive(Debug, Clone, Default)]
struct TurningKeys(Arc<AtomicBool>);

#[async_trait]
impl KeyProvider for TurningKeys {
    async fn load(&self) -> Result<Keyring, KeyError> {
        let mut keys = [key(1, 1), key(2, 2)];
        if self.0.load(Ordering::Relaxed) {
            keys.reverse();
        }
        keys.join(",").parse()
    }
}

/// A record that others refer to.
pub(super) trait Kept: Clone {
    type Id: Copy + PartialEq;
    const KIND: &'static str;

    fn id(&self) -> Self::Id;
    fn versions(&self) -> [DateTime<Utc>; 2];
    /// An id that no record has.
    fn unknown() -> Self::Id;
}

/// The records of a collection as they were last seen.
#[derive(Debug)]
pub(super) struct Known<T> {
    live: Vec<T>,
    removed: Vec<T>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self { live: Vec::new(), removed: Vec::new() }
    }
}

impl<T: Kept> Known<T> {
    /// Takes note of a record as it is now.
    pub(super) fn see(&mut self, record: &T) {
        match self.live.iter_mut().find(|known| known.id() == record.id()) {
            Some(known) => known.clone_from(record),
            None => self.live.push(record.clone()),
        }
    }

    pub(super) fn remove(&mut self, id: T::Id) {
        self.removed.extend(self.live.extract_if(.., |record| record.id() == id));
    }

    pub(super) fn find(&self, id: T::Id) -> Option<&T> {
        self.live.iter().chain(&self.removed).find(|record| record.id() == id)
    }

    pub(super) fn first(&self) -> Option<&T> {
        self.live.first()
    }

    /// Mostly the id of a record, often of a late one, sometimes of a removed one or of none.
    pub(super) fn pick(&self, draw: &mut Draw) -> T::Id {
        match draw.below(20) {
            0 | 1 => Self::one_of("unknown", &[], draw),
            2 | 3 => Self::one_of("removed", &self.removed.iter().collect::<Vec<_>>(), draw),
            4..=9 => Self::one_of("late", &self.live.iter().rev().take(3).collect::<Vec<_>>(), draw),
            _ => Self::one_of("live", &self.live.iter().collect::<Vec<_>>(), draw),
        }
    }

    /// The same, but often of a record that was such when it was last seen, and often of one that
    /// was not.
    pub(super) fn pick_by(&self, draw: &mut Draw, is_such: impl Fn(&T) -> bool) -> T::Id {
        let wanted = match draw.below(10) {
            0..4 => true,
            4..7 => false,
            _ => return self.pick(draw),
        };
        let such: Vec<_> = self.live.iter().filter(|record| is_such(record) == wanted).collect();
        Self::one_of(if wanted { "fitting" } else { "unfitting" }, &such, draw)
    }

    fn one_of(what: &str, records: &[&T], draw: &mut Draw) -> T::Id {
        if records.is_empty() {
            draw.note(format!("unknown {}", T::KIND));
            return T::unknown();
        }
        let place = draw.below(records.len());
        draw.note(format!("{what} {} {place}", T::KIND));
        records.get(place).map(|record| record.id()).expect("a place among the records")
    }

    /// Mostly the version of the record as it was last seen, sometimes another.
    pub(super) fn version(&self, id: T::Id, draw: &mut Draw) -> DateTime<Utc> {
        let [created, latest] = self.find(id).map(T::versions).unwrap_or_default();
        match draw.below(20) {
            0 => draw.of("version", &[DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC]),
            1 => draw.of("version", &[created]),
            2 => draw.of("version", &[latest - TimeDelta::milliseconds(1)]),
            // The store's times have no microseconds; the caller's may.
            3 => draw.of("version", &[latest + TimeDelta::microseconds(400)]),
            _ => latest,
        }
    }
}

impl Kept for User {
    type Id = UserId;
    const KIND: &'static str = "user";

    fn id(&self) -> UserId {
        self.id
    }

    fn versions(&self) -> [DateTime<Utc>; 2] {
        [self.created_at, self.updated_at]
    }

    fn unknown() -> UserId {
        ObjectId::from_bytes([0xaa; 12]).into()
    }
}

impl Kept for Mailbox {
    type Id = MailboxId;
    const KIND: &'static str = "mailbox";

    fn id(&self) -> MailboxId {
        self.id
    }

    fn versions(&self) -> [DateTime<Utc>; 2] {
        [self.created_at, self.updated_at]
    }

    fn unknown() -> MailboxId {
        ObjectId::from_bytes([0xbb; 12]).into()
    }
}

impl Kept for Campaign {
    type Id = CampaignId;
    const KIND: &'static str = "campaign";

    fn id(&self) -> CampaignId {
        self.id
    }

    fn versions(&self) -> [DateTime<Utc>; 2] {
        [self.created_at, self.updated_at]
    }

    fn unknown() -> CampaignId {
        Uuid::from_bytes([0xcc; 16]).into()
    }
}
