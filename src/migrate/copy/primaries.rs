//! Which of a user's mailboxes is the primary one, when the old database had several.

use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt, TryStreamExt};
use mongodb::ClientSession;

use super::batch::read;
use super::target::Target;
use crate::collection::Collection;
use crate::document::mailbox::field;
use crate::document::{Changes, ID, Query, UPDATED_AT};
use crate::migrate::access::Access;
use crate::migrate::legacy::LegacyMailbox;
use crate::migrate::legacy::legacy_record::LegacyRecord;
use crate::migrate::old::source::Source;
use crate::migrate::state::clashes::{Clashes, Loser};
use crate::migrate::state::counts::Counts;
use crate::migrate::state::ledger::Ledger;
use crate::migrate::state::part::Part;
use crate::migrate::state::quarantined::CountedAs;
use crate::migrate::{MigrationStep, Repair, Result};
use crate::model::{MailboxFilter, UserId};
use crate::mongo::error::DriverResult;

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

/// Settles some users, and says how many. The caller repeats it until there are none left.
pub(super) async fn settle_primaries(access: &Access, part: &Part) -> Result<usize> {
    let mut verdicts = Vec::new();
    for user in Clashes(access).open(USERS).await? {
        verdicts.push(judge(access, user).await?);
    }
    let settled = verdicts.len();
    let next = part.after(None, &Counts::default(), settled == 0);
    let context = (access, part, &next, &verdicts);
    access
        .transact(OPERATION, context, |session, (access, part, next, verdicts)| {
            execute(access, session, part, next, verdicts).boxed()
        })
        .await?;
    Ok(settled)
}

async fn judge(access: &Access, user: UserId) -> Result<Verdict> {
    let find = async {
        let mailboxes = Target::of(access, MigrationStep::Mailboxes).documents();
        let mailboxes = mailboxes.find(MailboxFilter::user(user).query().to_filter()).await?;
        mailboxes.try_collect::<Vec<RawDocumentBuf>>().await
    };
    let mailboxes = access.run(OPERATION, find).await?;
    let ids = mailboxes.iter().filter_map(|mailbox| mailbox.get_object_id("_id").ok());
    let originals = Source::of(access, MigrationStep::Mailboxes).by_id(ids).await?;
    let vault = access.vault()?;
    let mut candidates = Vec::new();
    let mut has_other = false;
    for mailbox in &mailboxes {
        let Ok(id) = mailbox.get_object_id("_id") else { continue };
        let candidate = originals
            .get(&id)
            .and_then(|original| read::<LegacyMailbox>(original, vault).ok())
            .filter(|candidate| candidate.primary_of().is_some_and(|(owner, _)| owner == user))
            // What the application changed since is its own.
            .filter(|candidate| {
                mailbox.get_datetime(UPDATED_AT.as_str()).ok() == Some(candidate.updated_at().into())
            });
        match candidate {
            Some(candidate) => candidates.push(candidate),
            None => has_other |= mailbox.get_bool(field::is_primary.as_str()).unwrap_or(false),
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
    access: &Access,
    session: &mut ClientSession,
    part: &Part,
    next: &Part,
    verdicts: &[Verdict],
) -> DriverResult<()> {
    Ledger(access).checkpoint(session, part, next).await?;
    let set = |(id, version): &Version, is_primary: bool| {
        let mailbox = Query::all().is(ID, *id);
        let unchanged = mailbox.is(UPDATED_AT, version);
        (unchanged, Changes::unversioned().set(field::is_primary, &is_primary).to_plain_update())
    };
    let mailboxes = access.table(Collection::Mailboxes);
    // First no mailbox is primary, then one.
    let losers = verdicts.iter().flat_map(|verdict| &verdict.losers);
    let demotions = losers.map(|(loser, _)| set(loser, false));
    mailboxes.update_each(Some(&mut *session), demotions).await?;
    let winners = verdicts.iter().filter_map(|verdict| verdict.winner.as_ref());
    let promotions = winners.map(|winner| set(winner, true));
    mailboxes.update_each(Some(&mut *session), promotions).await?;
    let settled = verdicts.iter().map(|verdict| {
        let losers = verdict.losers.iter();
        let losers = losers.map(|((id, _), repair)| Loser { id: *id, counted_as: CountedAs(*repair) });
        (verdict.user, losers.collect())
    });
    Clashes(access).settle(session, settled).await
}
