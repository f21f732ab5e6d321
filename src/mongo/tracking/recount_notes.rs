//! Notes on campaigns whose metrics were wrong. A recount reads them together with the rows, and once more when
//! it corrects the metrics.
//!
//! A correction replaces the token, so of two recounts that found the same difference, one applies it and the
//! other counts again. Events that would take metrics below 0 change the difference: what was cut off is added
//! up here, for the recount to take off.

use bson::doc;
use mongodb::ClientSession;

use crate::collection::Collection;
use crate::document::Stored;
use crate::document::bookkeeping::RecountNote;
use crate::model::{CampaignId, Totals};
use crate::mongo::link::connection::Connection;
use crate::mongo::link::error::{DriverResult, ours};
use crate::mongo::link::table::Table;

fn notes(db: &Connection) -> Table {
    Table::new(&db.database, Collection::RecountNotes)
}

/// The note on a campaign.
pub(super) async fn get(
    db: &Connection,
    session: &mut ClientSession,
    id: CampaignId,
) -> DriverResult<RecountNote> {
    let note = notes(db).first(Some(session), RecountNote::of(id).to_filter(), doc! {}).await?;
    note.map_or_else(|| Ok(RecountNote::default()), |note| RecountNote::read(&note).map_err(ours))
}

/// Notes a correction.
pub(super) async fn add_correction(
    db: &Connection,
    session: &mut ClientSession,
    id: CampaignId,
) -> DriverResult<()> {
    notes(db).upsert_each(Some(session), [(id.to_bson(), RecountNote::corrected())]).await
}

/// Notes what was cut off from the totals of campaigns.
pub(in crate::mongo) async fn add_cuts(
    db: &Connection,
    session: &mut ClientSession,
    cuts: Vec<(CampaignId, Totals)>,
) -> DriverResult<()> {
    let updates = cuts.into_iter().map(|(id, cut)| (id.to_bson(), RecountNote::cut_off(&cut)));
    notes(db).upsert_each(Some(session), updates).await
}
