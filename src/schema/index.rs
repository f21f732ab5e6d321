//! The indexes, with the names that [`Error::Unique`](crate::Error::Unique) gives.
//!
//! The names are the server's default names, so that an index made by an older program is recognised.

use crate::collection::Collection;

/// `users`: `login_id`, unique.
pub const USERS_LOGIN_ID: &str = "login_id_1";
/// `users`: `clerk_user_id`, unique where present.
pub const USERS_CLERK_USER_ID: &str = "clerk_user_id_1";
/// `users`: `email`, unique where present.
pub const USERS_EMAIL: &str = "email_1";
/// `mailboxes`: `user_id` and `email`, unique.
pub const MAILBOXES_USER_ID_EMAIL: &str = "user_id_1_email_1";
/// `mailboxes`: `user_id`, unique among those that are primary.
pub const MAILBOXES_ONE_PRIMARY: &str = "one_primary_per_user";
/// `campaigns`: `campaign_id`, unique.
pub const CAMPAIGNS_CAMPAIGN_ID: &str = "campaign_id_1";
/// `campaign_metrics`: `campaign_id`, unique.
pub const CAMPAIGN_METRICS_CAMPAIGN_ID: &str = "campaign_id_1";
/// `email_tracking`: `tracking_id`, unique.
pub const EMAIL_TRACKING_TRACKING_ID: &str = "tracking_id_1";

/// `event_receipts`: `expires_at`; the database removes expired receipts by it.
pub const EVENT_RECEIPTS_EXPIRES_AT: &str = "expires_at_1";

/// The specification of an index. All keys are ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexSpec {
    /// The collection.
    pub collection: Collection,
    /// The name of the index.
    pub name: &'static str,
    /// The indexed fields, in order.
    pub keys: &'static [&'static str],
    /// Whether no two documents may have the same keys.
    pub unique: bool,
    /// Whether documents without any of the keys are left out.
    pub sparse: bool,
    /// If set, only documents in which this field is `true` are in the index.
    pub only_where: Option<&'static str>,
    /// Whether the database removes a document once the time in the indexed field has passed.
    pub expires: bool,
}

impl IndexSpec {
    const fn plain(collection: Collection, name: &'static str, keys: &'static [&'static str]) -> Self {
        Self { collection, name, keys, unique: false, sparse: false, only_where: None, expires: false }
    }

    const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    const fn sparse(self) -> Self {
        Self { sparse: true, ..self }
    }

    const fn expires(self) -> Self {
        Self { expires: true, ..self }
    }

    const fn only_where(self, field: &'static str) -> Self {
        Self { only_where: Some(field), ..self }
    }
}

/// Every index of the schema, the one that guards the primary mailbox, and those for the store's own
/// bookkeeping.
pub const INDEXES: &[IndexSpec] = {
    use crate::document::{
        campaign::name as campaign, campaign_metrics::name as campaign_metrics,
        email_tracking::name as email_tracking, mailbox::name as mailbox, user::name as user,
    };
    use Collection::{CampaignMetrics, Campaigns, EmailTracking, EventReceipts, Mailboxes, Users};
    &[
        IndexSpec::plain(Users, USERS_LOGIN_ID, &[user::login_id]).unique(),
        IndexSpec::plain(Users, USERS_CLERK_USER_ID, &[user::clerk_user_id]).unique().sparse(),
        IndexSpec::plain(Users, USERS_EMAIL, &[user::email]).unique().sparse(),
        IndexSpec::plain(Mailboxes, "user_id_1", &[mailbox::user_id]),
        IndexSpec::plain(Mailboxes, "email_1", &[mailbox::email]),
        IndexSpec::plain(Mailboxes, MAILBOXES_USER_ID_EMAIL, &[mailbox::user_id, mailbox::email]).unique(),
        IndexSpec::plain(Mailboxes, "is_primary_1", &[mailbox::is_primary]),
        IndexSpec::plain(Mailboxes, "is_active_1", &[mailbox::is_active]),
        // `is_primary` is a key only because servers before 5.0 refuse a second index on `user_id`.
        IndexSpec::plain(Mailboxes, MAILBOXES_ONE_PRIMARY, &[mailbox::user_id, mailbox::is_primary])
            .unique()
            .only_where(mailbox::is_primary),
        IndexSpec::plain(Campaigns, CAMPAIGNS_CAMPAIGN_ID, &[campaign::id]).unique(),
        IndexSpec::plain(Campaigns, "user_id_1", &[campaign::user_id]),
        IndexSpec::plain(Campaigns, "mailbox_id_1", &[campaign::mailbox_id]),
        IndexSpec::plain(Campaigns, "status_1", &[campaign::status]),
        IndexSpec::plain(Campaigns, "start_time_1", &[campaign::start_time]),
        IndexSpec::plain(Campaigns, "user_id_1_status_1", &[campaign::user_id, campaign::status]),
        IndexSpec::plain(CampaignMetrics, CAMPAIGN_METRICS_CAMPAIGN_ID, &[campaign_metrics::campaign_id])
            .unique(),
        IndexSpec::plain(CampaignMetrics, "user_id_1", &[campaign_metrics::user_id]),
        IndexSpec::plain(CampaignMetrics, "mailbox_id_1", &[campaign_metrics::mailbox_id]),
        // For the metrics of campaigns created in a time range.
        IndexSpec::plain(CampaignMetrics, "created_at_1", &[campaign_metrics::created_at]),
        IndexSpec::plain(
            CampaignMetrics,
            "campaign_id_1_user_id_1",
            &[campaign_metrics::campaign_id, campaign_metrics::user_id],
        ),
        IndexSpec::plain(EmailTracking, EMAIL_TRACKING_TRACKING_ID, &[email_tracking::id]).unique(),
        IndexSpec::plain(EmailTracking, "campaign_id_1", &[email_tracking::campaign_id]),
        IndexSpec::plain(EmailTracking, "user_id_1", &[email_tracking::user_id]),
        IndexSpec::plain(EmailTracking, "recipient_email_1", &[email_tracking::recipient_email]),
        IndexSpec::plain(EmailTracking, "sent_at_1", &[email_tracking::sent_at]),
        IndexSpec::plain(
            EmailTracking,
            "campaign_id_1_recipient_email_1",
            &[email_tracking::campaign_id, email_tracking::recipient_email],
        ),
        IndexSpec::plain(EventReceipts, EVENT_RECEIPTS_EXPIRES_AT, &["expires_at"]).expires(),
    ]
};

/// The indexes of one collection.
pub(crate) fn indexes_of(collection: Collection) -> impl Iterator<Item = &'static IndexSpec> {
    INDEXES.iter().filter(move |index| index.collection == collection)
}
