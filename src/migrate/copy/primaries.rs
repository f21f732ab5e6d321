//! Which of a user's mailboxes is the primary one, when the old database had several.

use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, doc};
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::ClientSession;

use super::batch::read;
use super::quarantine::{counted_as, stored_as};
use crate::collection::Collection;
use crate::document::{Changes, Query, field};
use crate::error::Result;
use crate::migrate::context::Context;
use crate::migrate::legacy::LegacyMailbox;
use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::migrate::state::counts::Counts;
use crate::migrate::state::part::Part;
use crate::migrate::{MigrationStep, Repair};
use crate::model::{MailboxFilter, UserId};
use crate::mongo::error::DriverResult;
use crate::mongo::table::Table;

const OPERATION: &str = "migration.primaries";
/// Users that are settled in one transaction.
const USERS: i64 = 100;

/// What becomes of a user's mailboxes.
struct Verdict {
    user: UserId,
    winner: Option<Version>,
    losers: Vec<(Version, Option<Repair>)>,
}

/// A mailbox as it was when it was judged.
type Version = (ObjectId, DateTime<Utc>);

impl Context {
    /// Settles some users, and says how many. The caller repeats it until there are none left.
    pub(crate) async fn settle_primaries(&self, part: &Part) -> Result<usize> {
        let open = async {
            let clashes = self.clashes();
            let open = clashes.find(doc! { "is_settled": false }).sort(doc! { "_id": 1 }).limit(USERS);
            open.await?.try_collect::<Vec<_>>().await
        };
        let open = self.connection.run(OPERATION, open).await?;
        let mut verdicts = Vec::new();
        for user in open.iter().filter_map(|clash| clash.get_object_id("_id").ok()) {
            verdicts.push(self.judge(user.into()).await?);
        }
        let settled = verdicts.len();
        let next = part.after(None, &Counts::default(), settled == 0);
        let context = (self, part, &next, &verdicts);
        self.connection
            .transact(OPERATION, context, |session, (context, part, next, verdicts)| {
                context.execute(session, part, next, verdicts).boxed()
            })
            .await?;
        Ok(settled)
    }

    async fn judge(&self, user: UserId) -> Result<Verdict> {
        let find = async {
            let mailboxes = self.target(MigrationStep::Mailboxes);
            let mailboxes = mailboxes.find(MailboxFilter::user(user).query().to_filter()).await?;
            mailboxes.try_collect::<Vec<RawDocumentBuf>>().await
        };
        let mailboxes = self.connection.run(OPERATION, find).await?;
        let ids = mailboxes.iter().filter_map(|mailbox| mailbox.get_object_id("_id").ok());
        let originals = self.source(MigrationStep::Mailboxes).by_id(ids).await?;
        let mut candidates = Vec::new();
        let mut has_other = false;
        for mailbox in &mailboxes {
            let Ok(id) = mailbox.get_object_id("_id") else { continue };
            let candidate = originals
                .get(&id)
                .and_then(|original| read::<LegacyMailbox>(original, &self.vault).ok())
                .filter(|candidate| candidate.primary_of().is_some_and(|(owner, _)| owner == user))
                // What the application changed since is its own.
                .filter(|candidate| {
                    mailbox.get_datetime(field::UPDATED_AT.as_str()).ok()
                        == Some(candidate.updated_at().into())
                });
            match candidate {
                Some(candidate) => candidates.push(candidate),
                None => has_other |= mailbox.get_bool(field::IS_PRIMARY.as_str()).unwrap_or(false),
            }
        }
        candidates.sort_by_key(LegacyRecord::primary_of);
        let mut candidates = candidates.iter().peekable();
        let winner = candidates.next_if(|_| !has_other).map(|winner| (winner.id(), winner.updated_at()));
        let losers = candidates
            .map(|loser| ((loser.id(), loser.updated_at()), loser.repairs().first().copied()))
            .collect();
        Ok(Verdict { user, winner, losers })
    }

    async fn execute(
        &self,
        session: &mut ClientSession,
        part: &Part,
        next: &Part,
        verdicts: &[Verdict],
    ) -> DriverResult<()> {
        let step = MigrationStep::Mailboxes;
        self.checkpoint(session, step, part, next).await?;
        let table = |collection| Table::new(&self.connection.database, collection);
        let set = |(id, version): &Version, is_primary: bool| {
            let mailbox = Query::all().is(field::ID, *id);
            let unchanged = mailbox.is(field::UPDATED_AT, bson::DateTime::from_chrono(*version));
            (unchanged, Changes::unversioned().set(field::IS_PRIMARY, is_primary).to_plain_update())
        };
        // First nobody is, then one.
        let losers = verdicts.iter().flat_map(|verdict| &verdict.losers);
        let demotions = losers.map(|(loser, _)| set(loser, false));
        table(Collection::Mailboxes).update_each(Some(&mut *session), demotions).await?;
        let winners = verdicts.iter().filter_map(|verdict| verdict.winner.as_ref());
        let promotions = winners.map(|winner| set(winner, true));
        table(Collection::Mailboxes).update_each(Some(&mut *session), promotions).await?;
        let settled = verdicts.iter().map(|verdict| {
            let losers = verdict.losers.iter();
            let losers = losers.map(|((id, _), repair)| doc! { "_id": id, "counted_as": stored_as(*repair) });
            let settled = doc! { "is_settled": true, "losers": losers.collect::<Vec<_>>() };
            (verdict.user.as_object_id().into(), doc! { "$set": settled })
        });
        table(Collection::MigrationClashes).upsert_each(Some(session), settled).await
    }
}

/// The mailboxes of a settled user that are primary no more, and what they counted as before.
pub(crate) fn losers(clash: &Document) -> impl Iterator<Item = (ObjectId, Option<Repair>)> {
    let losers = clash.get_array("losers").ok().into_iter().flatten().filter_map(Bson::as_document);
    losers.filter_map(|loser| Some((loser.get_object_id("_id").ok()?, counted_as(loser)?)))
}
