//! What the business knows: records, validated values, state machines and their rules.
//!
//! Everything here is pure: no input or output, no clock, no documents.

mod campaign;
mod campaign_duration;
mod campaign_metrics;
mod campaign_status;
mod change;
mod contribution;
mod credentials;
mod debug;
mod email_address;
mod email_tracking;
mod event_batch;
mod event_outcome;
mod ids;
mod login_attempt;
mod login_id;
mod mailbox;
mod mailbox_status;
mod profile;
mod provider;
mod rates;
mod recount;
mod secret;
mod send_batch;
mod series;
mod shift;
pub(crate) mod text;
pub(crate) mod text_enum;
mod tracking_event;
mod user;

pub(crate) use campaign::Period;
pub use campaign::{Campaign, CampaignCounts, CampaignFilter, CampaignPatch, NewCampaign};
pub use campaign_duration::CampaignDuration;
pub use campaign_metrics::{CampaignMetrics, MetricsFilter};
pub use campaign_status::{CampaignStatus, CampaignTransition};
pub use change::Change;
pub use contribution::Contribution;
pub use credentials::{Credentials, SecretField};
pub use email_address::EmailAddress;
pub use email_tracking::{EmailTracking, NewSend, SendOutcome, TrackingFilter, TrackingState};
#[cfg(feature = "mongo")]
pub(crate) use event_batch::ChangedRow;
pub(crate) use event_batch::{EventBatch, results_of, shifts_of};
pub use event_outcome::EventOutcome;
pub(crate) use ids::new_object_id;
pub use ids::{CampaignId, ClerkUserId, MailboxId, MetricId, TrackingId, UserId};
pub use login_attempt::{LoginAttempt, LoginOutcome};
pub use login_id::LoginId;
pub use mailbox::{Mailbox, MailboxFilter, MailboxPatch, NewMailbox};
pub use mailbox_status::MailboxStatus;
pub use profile::UserProfile;
pub use provider::Provider;
pub use rates::{Rate, RateBase, Rates};
pub use recount::{Drift, RecountProgress};
pub use secret::{AccessToken, LoginPassword, MailboxPassword, RefreshToken, Secret, SecretKind, kind};
pub(crate) use send_batch::SendBatch;
pub use series::{SeriesPoint, SeriesStep};
pub(crate) use shift::Shift;
pub use tracking_event::{TrackingEvent, TrackingEventKind};
pub use user::{ClerkUser, NewUser, User, UserFilter, UserPatch};
