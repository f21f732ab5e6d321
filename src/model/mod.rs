//! The business rules: records, validated values and state machines.
//!
//! This module is pure: no I/O, no clock and no documents.

mod campaign;
mod campaign_duration;
mod campaign_metrics;
mod campaign_status;
mod campaign_summary;
mod change;
mod clerk_change;
mod clerk_state;
mod clerk_user;
mod comparison;
mod credentials;
mod debug;
mod email_address;
mod email_summary;
mod email_tracking;
mod ids;
mod login_attempt;
mod login_id;
mod mailbox;
mod mailbox_status;
mod message;
mod new_recipients;
mod plausible_time;
mod profile;
mod provider;
mod scope;
mod secret;
mod spelled;
pub(crate) mod text;
pub(crate) mod text_enum;
mod tracking;
mod user;

pub(crate) use campaign::Period;
pub use campaign::{Campaign, CampaignCounts, CampaignFilter, CampaignPatch, NewCampaign};
pub use campaign_duration::CampaignDuration;
pub use campaign_metrics::{CampaignMetrics, MetricsFilter, MetricsSum};
pub use campaign_status::{CampaignStatus, CampaignTransition};
pub use campaign_summary::CampaignSummary;
pub use change::Change;
pub(crate) use clerk_change::{ClerkChange, ClerkFacts, OwnChange};
pub(crate) use clerk_state::{Claim, ClerkState};
pub use clerk_user::ClerkUser;
pub use credentials::{Credentials, SecretField};
pub use email_address::EmailAddress;
pub use email_summary::EmailSummary;
pub use email_tracking::{EmailTracking, NewSend, SendOutcome, TrackingFilter};
pub(crate) use ids::new_object_id;
pub use ids::{CampaignId, ClerkUserId, MailboxId, MetricId, TrackingId, UserId};
pub use login_attempt::{LoginAttempt, LoginOutcome};
pub use login_id::LoginId;
pub use mailbox::{Mailbox, MailboxFilter, MailboxPatch, NewMailbox};
pub use mailbox_status::MailboxStatus;
pub use message::Message;
pub use new_recipients::NewRecipients;
pub use profile::UserProfile;
pub use provider::Provider;
pub(crate) use scope::Scope;
pub(crate) use secret::normalised;
pub use secret::{AccessToken, LoginPassword, MailboxPassword, RefreshToken, Secret, SecretKind, kind};
#[cfg(feature = "mongo")]
pub(crate) use tracking::ChangedRow;
pub use tracking::{
    BounceKind, Contribution, Drift, EventOutcome, Rate, RateBase, Rates, RecountProgress, SeriesPoint,
    SeriesStep, Signal, Totals, TrackingEvent,
};
pub(crate) use tracking::{EventBatch, FoundMetrics, Receipt, SendBatch, TotalsDelta, results_of};
#[cfg(feature = "mongo")]
pub(crate) use tracking::{Mark, Rule};
pub use user::{NewUser, User, UserFilter, UserPatch};
