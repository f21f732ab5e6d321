//! Recording events, and comparing metrics with the rows that they sum up.

mod campaign_locks;
mod events;
mod receipts;
mod recount;
pub(super) mod recount_marks;

pub(super) use campaign_locks::CampaignLocks;
pub(super) use receipts::Receipts;
pub(crate) use recount::Recounts;
