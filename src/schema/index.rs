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
    /// If set, only documents that fulfil it are in the index.
    pub only_where: Option<Only>,
    /// Whether the database removes a document once the time in the indexed field has passed.
    pub expires: bool,
}

/// The documents that a partial index has. Each condition is on one field: the server then works out that the
/// index has all that a query asks for, and an insert costs least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Only {
    /// The field is `true`.
    True(&'static str),
    /// The field is `true` or 1.
    Set(&'static str),
    /// The field is a number over 0.
    Positive(&'static str),
    /// The field is a text.
    Text(&'static str),
    /// The field is a date or a text.
    DateOrText(&'static str),
}

impl Only {
    /// The condition as a filter.
    #[cfg(feature = "mongo")]
    pub(crate) fn to_filter(self) -> bson::Document {
        use bson::doc;
        match self {
            Self::True(field) => doc! { field: true },
            Self::Set(field) => doc! { field: { "$in": [true, 1_i64] } },
            Self::Positive(field) => doc! { field: { "$gt": 0_i64 } },
            Self::Text(field) => doc! { field: { "$type": "string" } },
            Self::DateOrText(field) => doc! { field: { "$type": ["date", "string"] } },
        }
    }
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

    const fn only_where(self, only: Only) -> Self {
        Self { only_where: Some(only), ..self }
    }
}

/// The `_id` that every document has, in the order of creation.
const ID: &str = "_id";

/// An index of tracking rows for a state that few of them have. The keys after `_id` only tell it from others
/// with the same first keys.
macro_rules! rare {
    ($name:literal, [$($key:ident),+], $only:ident($field:ident)) => {
        IndexSpec::plain(Collection::EmailTracking, $name, &[$(stringify!($key)),+])
            .only_where(Only::$only(stringify!($field)))
    };
}

/// Every index of the specification, the one that guards the primary mailbox, those for lists, and those for
/// the store's own bookkeeping. `docs/decisions/repositories.md` says what each costs.
pub const INDEXES: &[IndexSpec] = {
    use crate::document::{
        campaign::name as campaign, campaign_metrics::name as campaign_metrics,
        clerk_user::name as clerk_user, email_tracking::name as email_tracking, mailbox::name as mailbox,
        user::name as user,
    };
    use Collection::{
        CampaignMetrics, Campaigns, ClerkUsers, EmailTracking, EventReceipts, Mailboxes, Users,
    };
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
            .only_where(Only::True(mailbox::is_primary)),
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
        // For the totals of a mailbox in a period.
        IndexSpec::plain(
            EmailTracking,
            "mailbox_id_1_sent_at_1",
            &[email_tracking::mailbox_id, email_tracking::sent_at],
        ),
        // For claims: due campaigns in the order of their start.
        IndexSpec::plain(
            Campaigns,
            "status_1_start_time_1__id_1",
            &[campaign::status, campaign::start_time, ID],
        ),
        // For lists, which are in the order of `_id`.
        IndexSpec::plain(Users, "is_active_1__id_1", &[user::is_active, ID]),
        IndexSpec::plain(Mailboxes, "user_id_1__id_1", &[mailbox::user_id, ID]),
        IndexSpec::plain(Mailboxes, "is_active_1__id_1", &[mailbox::is_active, ID]),
        IndexSpec::plain(Mailboxes, "status_1__id_1", &[mailbox::status, ID]),
        IndexSpec::plain(Campaigns, "user_id_1__id_1", &[campaign::user_id, ID]),
        IndexSpec::plain(Campaigns, "user_id_1_status_1__id_1", &[campaign::user_id, campaign::status, ID]),
        IndexSpec::plain(Campaigns, "mailbox_id_1__id_1", &[campaign::mailbox_id, ID]),
        IndexSpec::plain(
            Campaigns,
            "mailbox_id_1_status_1__id_1",
            &[campaign::mailbox_id, campaign::status, ID],
        ),
        IndexSpec::plain(Campaigns, "status_1__id_1", &[campaign::status, ID]),
        IndexSpec::plain(CampaignMetrics, "user_id_1__id_1", &[campaign_metrics::user_id, ID]),
        IndexSpec::plain(CampaignMetrics, "mailbox_id_1__id_1", &[campaign_metrics::mailbox_id, ID]),
        IndexSpec::plain(EmailTracking, "campaign_id_1__id_1", &[email_tracking::campaign_id, ID]),
        IndexSpec::plain(EmailTracking, "user_id_1__id_1", &[email_tracking::user_id, ID]),
        // For lists of states that few rows have: one for each form in which a row can show the state.
        rare!("campaign_id_1__id_1_bounced", [campaign_id, _id, bounced], Set(bounced)),
        rare!("campaign_id_1__id_1_bounced_text", [campaign_id, _id, bounced, sent_at], Text(bounced)),
        rare!("campaign_id_1_bounced_1__id_1_reason", [campaign_id, bounced, _id], Text(bounce_reason)),
        rare!("campaign_id_1__id_1_unsubscribed", [campaign_id, _id, unsubscribed], Set(unsubscribed)),
        rare!(
            "campaign_id_1__id_1_unsubscribed_text",
            [campaign_id, _id, unsubscribed, sent_at],
            Text(unsubscribed)
        ),
        rare!(
            "campaign_id_1__id_1_unsubscribed_at",
            [campaign_id, _id, unsubscribed_at],
            DateOrText(unsubscribed_at)
        ),
        rare!("campaign_id_1__id_1_replied_at", [campaign_id, _id, replied_at], DateOrText(replied_at)),
        rare!("campaign_id_1__id_1_replies", [campaign_id, _id, replies], Positive(replies)),
        rare!("campaign_id_1__id_1_replies_text", [campaign_id, _id, replies, sent_at], Text(replies)),
        rare!("campaign_id_1__id_1_replied", [campaign_id, _id, replied], True(replied)),
        rare!("user_id_1__id_1_bounced", [user_id, _id, bounced], Set(bounced)),
        rare!("user_id_1__id_1_bounced_text", [user_id, _id, bounced, sent_at], Text(bounced)),
        rare!("user_id_1_bounced_1__id_1_reason", [user_id, bounced, _id], Text(bounce_reason)),
        rare!("user_id_1__id_1_unsubscribed", [user_id, _id, unsubscribed], Set(unsubscribed)),
        rare!("user_id_1__id_1_unsubscribed_text", [user_id, _id, unsubscribed, sent_at], Text(unsubscribed)),
        rare!(
            "user_id_1__id_1_unsubscribed_at",
            [user_id, _id, unsubscribed_at],
            DateOrText(unsubscribed_at)
        ),
        rare!("user_id_1__id_1_replied_at", [user_id, _id, replied_at], DateOrText(replied_at)),
        rare!("user_id_1__id_1_replies", [user_id, _id, replies], Positive(replies)),
        rare!("user_id_1__id_1_replies_text", [user_id, _id, replies, sent_at], Text(replies)),
        rare!("user_id_1__id_1_replied", [user_id, _id, replied], True(replied)),
        IndexSpec::plain(ClerkUsers, "clerk_user_id_1", &[clerk_user::clerk_user_id]).unique(),
        IndexSpec::plain(ClerkUsers, "login_id_1", &[clerk_user::login_id]).sparse(),
        IndexSpec::plain(ClerkUsers, "email_1", &[clerk_user::email]).sparse(),
        IndexSpec::plain(EventReceipts, EVENT_RECEIPTS_EXPIRES_AT, &["expires_at"]).expires(),
    ]
};

/// The indexes of one collection.
pub(crate) fn indexes_of(collection: Collection) -> impl Iterator<Item = &'static IndexSpec> {
    INDEXES.iter().filter(move |index| index.collection == collection)
}
