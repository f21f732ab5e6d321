//! The users with several primary mailboxes in the old database, and what became of those.

use bson::oid::ObjectId;
use bson::raw::RawDocumentBuf;
use bson::{Bson, doc};
use futures_util::TryStreamExt;
use mongodb::ClientSession;
use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::quarantined::CountedAs;
use super::stored::{read, read_all};
use crate::collection::Collection;
use crate::migrate::access::Access;
use crate::migrate::{Repair, Result};
use crate::model::UserId;
use crate::mongo::error::DriverResult;

const OPERATION: &str = "migration.clashes";

/// The users with several primary mailboxes.
pub(crate) struct Clashes<'a>(pub(crate) &'a Access);

#[derive(Deserialize)]
struct Clash {
    #[serde(rename = "_id")]
    user: ObjectId,
    #[serde(default)]
    losers: Vec<Loser>,
}

/// A mailbox that is no longer primary.
#[derive(Serialize, Deserialize)]
pub(crate) struct Loser {
    #[serde(rename = "_id")]
    pub(crate) id: ObjectId,
    /// What it counted as before.
    pub(crate) counted_as: CountedAs,
}

/// How many losers counted as something.
#[derive(Deserialize)]
struct Group {
    #[serde(rename = "_id")]
    counted_as: CountedAs,
    n: u64,
}

impl Clashes<'_> {
    /// Notes that the users have more than one primary mailbox.
    pub(crate) async fn contest(&self, session: &mut ClientSession, users: &[UserId]) -> DriverResult<()> {
        let contested = users.iter().map(|user| {
            let id = Bson::ObjectId(user.as_object_id());
            (id, doc! { "$set": { "is_settled": false } })
        });
        self.0.table(Collection::MigrationClashes).upsert_each(Some(session), contested).await
    }

    /// The first `limit` users that are not settled.
    pub(crate) async fn open(&self, limit: i64) -> Result<Vec<UserId>> {
        let find = async {
            let all = self.all();
            let open = all.find(doc! { "is_settled": false }).sort(doc! { "_id": 1 }).limit(limit);
            open.await?.try_collect::<Vec<_>>().await
        };
        let open: Vec<Clash> = read_all(Collection::MigrationClashes, &self.0.run(OPERATION, find).await?)?;
        Ok(open.into_iter().map(|clash| clash.user.into()).collect())
    }

    /// Notes which mailboxes of each user are no longer primary.
    pub(crate) async fn settle(
        &self,
        session: &mut ClientSession,
        users: impl Iterator<Item = (UserId, Vec<Loser>)>,
    ) -> DriverResult<()> {
        let settled = users.map(|(user, losers)| {
            let losers = losers.iter().map(bson::serialize_to_bson);
            let losers = losers.collect::<bson::error::Result<Vec<_>>>()?;
            let settled = doc! { "$set": { "is_settled": true, "losers": losers } };
            Ok((Bson::ObjectId(user.as_object_id()), settled))
        });
        let settled = settled.collect::<DriverResult<Vec<_>>>()?;
        self.0.table(Collection::MigrationClashes).upsert_each(Some(session), settled).await
    }

    /// Has every user settled again: what comes now may be primary before others.
    pub(crate) async fn unsettle(&self) -> Result<()> {
        let unsettled = doc! { "$set": { "is_settled": false } };
        let unsettle = async { self.all().update_many(doc! {}, unsettled).await };
        self.0.run(OPERATION, unsettle).await?;
        Ok(())
    }

    /// The mailboxes that are no longer primary.
    pub(crate) async fn losers(&self) -> Result<Vec<ObjectId>> {
        let find = async { self.all().find(doc! {}).await?.try_collect::<Vec<_>>().await };
        let clashes: Vec<Clash> =
            read_all(Collection::MigrationClashes, &self.0.run(OPERATION, find).await?)?;
        Ok(clashes.into_iter().flat_map(|clash| clash.losers).map(|loser| loser.id).collect())
    }

    /// Counts the losers as second primaries in place of what they counted as before.
    pub(crate) async fn recount(&self, counts: &mut Counts) -> Result<()> {
        let stages = [
            doc! { "$unwind": "$losers" },
            doc! { "$group": { "_id": "$losers.counted_as", "n": { "$sum": 1_i64 } } },
        ];
        let groups = async {
            let groups = self.all().aggregate(stages).with_type::<RawDocumentBuf>().await?;
            groups.try_collect::<Vec<_>>().await
        };
        for group in self.0.run("migration.status", groups).await? {
            let Group { counted_as, n } = read(Collection::MigrationClashes, &group)?;
            counts.take_back(counted_as.0, n);
            *counts.repaired.entry(Repair::SecondPrimary).or_default() += n;
        }
        Ok(())
    }

    fn all(&self) -> mongodb::Collection<RawDocumentBuf> {
        self.0.collection(Collection::MigrationClashes.name())
    }
}
