//! The state of a store.

use std::collections::VecDeque;

use super::receipts::Receipts;
use super::table::Table;
use crate::collection::Collection;
use crate::error::Error;
use crate::model::Scope;

/// The tables, the scope of the call that has them, and the failures that a test ordered.
#[derive(Debug)]
pub(super) struct State {
    scope: Scope,
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
            scope: Scope::AllUsers,
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

    /// Begins a call with this scope.
    pub(super) fn enter(&mut self, scope: Scope) {
        self.scope = scope;
        let Self { users, mailboxes, campaigns, campaign_metrics, email_tracking, .. } = self;
        for table in [users, mailboxes, campaigns, campaign_metrics, email_tracking] {
            table.enter(scope);
        }
    }

    pub(super) fn scope(&self) -> Scope {
        self.scope
    }

    /// Runs a part of a call over all users.
    pub(super) fn over_all_users<T>(&mut self, part: impl FnOnce(&mut Self) -> T) -> T {
        let scope = self.scope;
        self.enter(Scope::AllUsers);
        let done = part(self);
        self.enter(scope);
        done
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
