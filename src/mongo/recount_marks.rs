//! Marks that version 0.1 left on servers without transactions: campaigns whose metrics may lag behind
//! their rows. Nothing writes them any more; a recount of the campaign removes them.

use std::collections::BTreeSet;

use bson::doc;
use mongodb::ClientSession;

use super::connection::Connection;
use super::error::DriverResult;
use super::table::each;
use crate::document::bookkeeping::{marked_campaign, marks_of};
use crate::error::Result;
use crate::model::CampaignId;

impl Connection {
    /// The campaigns that are marked.
    pub(super) async fn marked_campaigns(&self) -> Result<BTreeSet<CampaignId>> {
        let find = self.recount_marks.raw.find(doc! {}).projection(doc! { "_id": 1 });
        let mut campaigns = BTreeSet::new();
        let read = each(None, find, |mark| {
            campaigns.extend(marked_campaign(mark));
            Ok(())
        });
        self.run("recount_marks", read).await?;
        Ok(campaigns)
    }

    /// Removes the marks of a campaign that is recounted in this transaction.
    pub(super) async fn remove_marks(&self, session: &mut ClientSession, id: CampaignId) -> DriverResult<()> {
        self.recount_marks.raw.delete_many(marks_of(id).to_filter()).session(session).await?;
        Ok(())
    }
}
