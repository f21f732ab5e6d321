use bson::Document;

use crate::collection::Collection;
use crate::document::{campaign, campaign_metrics, email_tracking, mailbox, user};

/// The validator of a collection: every document that passes can be read, and every document that the store
/// writes passes. Collections that the store keeps for its own use have none.
pub(crate) fn validator_of(collection: Collection) -> Option<Document> {
    let shape = match collection {
        Collection::Users => user::shape(),
        Collection::Mailboxes => mailbox::shape(),
        Collection::Campaigns => campaign::shape(),
        Collection::CampaignMetrics => campaign_metrics::shape(),
        Collection::EmailTracking => email_tracking::shape(),
        _ => return None,
    };
    Some(shape.into_validator())
}
