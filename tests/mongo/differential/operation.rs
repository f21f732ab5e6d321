//! The operations on a store: a new method of a repository becomes an operation in the file of its
//! collection.

use campaign_store::Result;
use futures_util::future::BoxFuture;

use super::answer::Reply;
use super::draw::Draw;
use super::side::Side;
use super::{campaign, campaign_metrics, email_tracking, mailbox, user};

/// A method of a repository with drawn arguments.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    /// How often it is drawn, in relation to others.
    pub(super) weight: usize,
    /// All that it can lead to: names of errors and indexes, and what its replies say.
    pub(super) outcomes: &'static [&'static str],
    pub(super) run: Run,
}

type Run = for<'a> fn(&'a mut Side, &'a mut Draw) -> BoxFuture<'a, Result<Reply>>;

impl Operation {
    pub(super) const fn new(
        name: &'static str,
        weight: usize,
        outcomes: &'static [&'static str],
        run: Run,
    ) -> Self {
        Self { name, weight, outcomes, run }
    }

    pub(super) fn all() -> impl Iterator<Item = &'static Self> {
        [
            user::OPERATIONS,
            mailbox::OPERATIONS,
            campaign::OPERATIONS,
            campaign_metrics::OPERATIONS,
            email_tracking::OPERATIONS,
        ]
        .into_iter()
        .flatten()
    }

    /// The operation of a step. Three sequences of four begin with records to work on.
    pub(super) fn draw(seed: u64, step: usize, draw: &mut Draw) -> &'static Self {
        let opening = match step {
            _ if seed.is_multiple_of(4) => None,
            1..=5 => Some("users.create"),
            6..=12 => Some("mailboxes.link"),
            13..=20 => Some("campaigns.create"),
            _ => None,
        };
        let possible = || Self::all().filter(|operation| opening.is_none_or(|name| name == operation.name));
        let mut place = draw.below(possible().map(|operation| operation.weight).sum());
        for operation in possible() {
            match place.checked_sub(operation.weight) {
                Some(rest) => place = rest,
                None => return operation,
            }
        }
        panic!("the place is below the sum of the weights")
    }
}
