//! The names of the fields.

use bson::raw::{CStr, cstr};

/// The name of a field.
pub(crate) type Field = &'static CStr;

macro_rules! fields {
    ($($name:ident = $text:literal),+ $(,)?) => {
        $(pub(crate) const $name: Field = cstr!($text);)+
    };
}

fields! {
    ID = "_id",
    ACCESS_TOKEN = "access_token",
    BOUNCED = "bounced",
    BOUNCE_RATE = "bounce_rate",
    BOUNCE_REASON = "bounce_reason",
    CAMPAIGN_ID = "campaign_id",
    CAMPAIGN_NAME = "campaign_name",
    CLERK_USER_ID = "clerk_user_id",
    CLICKED_AT = "clicked_at",
    CLICKS = "clicks",
    CLICK_RATE = "click_rate",
    CREATED_AT = "created_at",
    CREATED_BY = "created_by",
    DELIVERED_AT = "delivered_at",
    DURATION = "duration",
    EMAIL = "email",
    END_TIME = "end_time",
    IS_ACTIVE = "is_active",
    IS_PRIMARY = "is_primary",
    LAST_LOGIN = "last_login",
    LAST_UPDATED = "last_updated",
    LAST_USED = "last_used",
    LOGIN_ID = "login_id",
    MAILBOX_ID = "mailbox_id",
    MESSAGE = "message",
    OPENED_AT = "opened_at",
    OPENS = "opens",
    OPEN_RATE = "open_rate",
    PASSWORD = "password",
    PROVIDER = "provider",
    RECIPIENT_EMAIL = "recipient_email",
    RECIPIENT_NAME = "recipient_name",
    REFRESH_TOKEN = "refresh_token",
    REPLIED_AT = "replied_at",
    REPLIES = "replies",
    REPLY_RATE = "reply_rate",
    SENDER_EMAIL = "sender_email",
    SENT_AT = "sent_at",
    START_TIME = "start_time",
    STATUS = "status",
    SUBJECT = "subject",
    TOTAL_BOUNCED = "total_bounced",
    TOTAL_CLICKS = "total_clicks",
    TOTAL_DELIVERED = "total_delivered",
    TOTAL_OPENED = "total_opened",
    TOTAL_RECIPIENTS = "total_recipients",
    TOTAL_REPLIED = "total_replied",
    TOTAL_SENT = "total_sent",
    TOTAL_UNSUBSCRIBED = "total_unsubscribed",
    TRACKING_ID = "tracking_id",
    UNSUBSCRIBED = "unsubscribed",
    UNSUBSCRIBED_AT = "unsubscribed_at",
    UPDATED_AT = "updated_at",
    USER_ID = "user_id",
    USER_NAME = "user_name",
    USER_PROFILE = "user_profile",
}
