//! Marks that version 0.1 left on servers without transactions: campaigns whose metrics may lag behind their
//! rows. Nothing writes them any more; a recount of the campaign removes them.

use std::collections::BTreeSet;

use bson::doc;
use mongodb::ClientSession;
use mongodb::options::Hint;

use crate::collection::Collection;
use crate::document::bookkeeping::{marked_campaign, marks_of};
use crate::error::Result;
use crate::model::CampaignId;
use crate::mongo::link::connection::Connection;
use crate::mongo::link::error::DriverResult;
use crate::mongo::link::table::{Table, each};

/// The marked campaigns.
pub(in crate::mongo) async fn campaigns(db: &Connection) -> Result<BTreeSet<CampaignId>> {
    let marks = Table::new(&db.database, Collection::RecountMarks);
    let find = marks.find(doc! {}).hint(Hint::Keys(doc! { "_id": 1 })).projection(doc! { "_id": 1 });
    let mut campaigns = BTreeSet::new();
    let read = each(None, find, |mark| {
        campaigns.extend(marked_campaign(mark));
        Ok(())
    });
    db.run("recount_marks", read).await?;
    Ok(campaigns)
}

/// Removes the marks of a campaign that is recounted in this transaction.
pub(super) async fn remove(db: &Connection, session: &mut ClientSession, id: CampaignId) -> DriverResult<()> {
    let marks = Table::new(&db.database, Collection::RecountMarks);
    marks.unscoped().delete_many(marks_of(id).to_filter()).session(session).await?;
    Ok(())
}
