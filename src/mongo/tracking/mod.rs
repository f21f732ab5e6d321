//! Recording events, and comparing metrics with the rows that they sum up.

mod by_campaign;
mod campaign_locks;
mod correction;
mod count;
mod events;
mod merge;
mod receipts;
mod recount;
pub(super) mod recount_marks;
pub(super) mod recount_notes;

pub(super) use campaign_locks::CampaignLocks;
pub(super) use receipts::Receipts;
pub(crate) use recount::Recounts;
