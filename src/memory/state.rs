//! The state of a store.

use std::collections::VecDeque;

use super::receipts::Receipts;
use super::table::Table;
use crate::collection::Collection;
use crate::error::Error;

/// The tables, and the failures that a test ordered.
#[derive(Debug)]
pub(super) struct State {
    pub(super) users: Table,
    pub(super) mailboxes: Table,
    pub(super) campaigns: Table,
    pub(super) campaign_metrics: Table,
    pub(super) email_tracking: Table,
    pub(super) clerk_users: Table,
    pub(super) receipts: Receipts,
    failures: VecDeque<(Collection, Error)>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            users: Table::new(Collection::Users),
            mailboxes: Table::new(Collection::Mailboxes),
            campaigns: Table::new(Collection::Campaigns),
            campaign_metrics: Table::new(Collection::CampaignMetrics),
            email_tracking: Table::new(Collection::EmailTracking),
            clerk_users: Table::new(Collection::ClerkUsers),
            receipts: Receipts::default(),
            failures: VecDeque::new(),
        }
    }

    pub(super) fn order_failure(&mut self, collection: Collection, error: Error) {
        self.failures.push_back((collection, error));
    }

    /// The failure ordered for the next call on `collection`.
    pub(super) fn next_failure(&mut self, collection: Collection) -> Option<Error> {
        let place = self.failures.iter().position(|(other, _)| *other == collection)?;
        self.failures.remove(place).map(|(_, error)| error)
    }
}
