//! What a document of each collection looks like, for the database to check: whatever the store
//! reads without an error passes, but for the deprecated type Undefined.

use bson::{Bson, Document, doc};

use crate::collection::Collection;
use crate::document::field::{self, Field};
use crate::model::{CampaignDuration, CampaignStatus, MailboxStatus};

/// The validator of a collection. What the store keeps for itself has none.
pub(crate) fn validator_of(collection: Collection) -> Option<Document> {
    let shape = match collection {
        Collection::Users => user(),
        Collection::Mailboxes => mailbox(),
        Collection::Campaigns => campaign(),
        Collection::CampaignMetrics => campaign_metrics(),
        Collection::EmailTracking => email_tracking(),
        _ => return None,
    };
    Some(shape.into_validator())
}

fn user() -> Shape {
    Shape::new()
        .required(field::ID, Kind::Id)
        .required(field::USER_NAME, Kind::Text)
        .required(field::LOGIN_ID, Kind::Text)
        .optional(field::PASSWORD, Kind::Text)
        .optional(field::CLERK_USER_ID, Kind::Text)
        .optional(field::EMAIL, Kind::Text)
        .required(field::CREATED_AT, Kind::Time)
        .required(field::UPDATED_AT, Kind::Time)
        .optional(field::IS_ACTIVE, Kind::Flag)
        .optional(field::LAST_LOGIN, Kind::Time)
}

fn mailbox() -> Shape {
    Shape::new()
        .required(field::ID, Kind::Id)
        .required(field::USER_ID, Kind::Id)
        .required(field::EMAIL, Kind::Text)
        .optional(field::PASSWORD, Kind::Text)
        .optional(field::ACCESS_TOKEN, Kind::Text)
        .optional(field::REFRESH_TOKEN, Kind::Text)
        .required(field::PROVIDER, Kind::Text)
        .optional(field::USER_PROFILE, Kind::Object)
        .optional(field::IS_PRIMARY, Kind::Flag)
        .optional(field::IS_ACTIVE, Kind::Flag)
        .optional(field::STATUS, one_of(MailboxStatus::ALL, MailboxStatus::as_str))
        .optional(field::LAST_USED, Kind::Time)
        .required(field::CREATED_AT, Kind::Time)
        .required(field::UPDATED_AT, Kind::Time)
}

fn campaign() -> Shape {
    Shape::new()
        .required(field::CAMPAIGN_ID, Kind::Text)
        .required(field::USER_ID, Kind::Id)
        .required(field::MAILBOX_ID, Kind::Id)
        .required(field::CAMPAIGN_NAME, Kind::Text)
        .required(field::SUBJECT, Kind::Text)
        .required(field::MESSAGE, Kind::Text)
        .required(field::DURATION, Kind::Hours)
        .required(field::START_TIME, Kind::Time)
        .required(field::END_TIME, Kind::Time)
        .optional(field::STATUS, one_of(CampaignStatus::ALL, CampaignStatus::as_str))
        .optional(field::TOTAL_RECIPIENTS, Kind::Count)
        .required(field::CREATED_AT, Kind::Time)
        .required(field::UPDATED_AT, Kind::Time)
        .required(field::CREATED_BY, Kind::Id)
}

fn campaign_metrics() -> Shape {
    Shape::new()
        .required(field::ID, Kind::Id)
        .required(field::CAMPAIGN_ID, Kind::Text)
        .required(field::USER_ID, Kind::Id)
        .required(field::MAILBOX_ID, Kind::Id)
        .optional(field::TOTAL_SENT, Kind::Count)
        .optional(field::TOTAL_DELIVERED, Kind::Count)
        .optional(field::TOTAL_OPENED, Kind::Count)
        .optional(field::TOTAL_CLICKS, Kind::Count)
        .optional(field::TOTAL_BOUNCED, Kind::Count)
        .optional(field::TOTAL_REPLIED, Kind::Count)
        .optional(field::TOTAL_UNSUBSCRIBED, Kind::Count)
        .optional(field::OPEN_RATE, Kind::Number)
        .optional(field::CLICK_RATE, Kind::Number)
        .optional(field::BOUNCE_RATE, Kind::Number)
        .optional(field::REPLY_RATE, Kind::Number)
        .required(field::LAST_UPDATED, Kind::Time)
        .required(field::CREATED_AT, Kind::Time)
}

fn email_tracking() -> Shape {
    Shape::new()
        .required(field::TRACKING_ID, Kind::Text)
        .required(field::CAMPAIGN_ID, Kind::Text)
        .required(field::USER_ID, Kind::Id)
        .required(field::MAILBOX_ID, Kind::Id)
        .required(field::SENDER_EMAIL, Kind::Text)
        .required(field::RECIPIENT_EMAIL, Kind::Text)
        .optional(field::RECIPIENT_NAME, Kind::Text)
        .required(field::SUBJECT, Kind::Text)
        .required(field::MESSAGE, Kind::Text)
        .required(field::SENT_AT, Kind::Time)
        .optional(field::DELIVERED_AT, Kind::Time)
        .optional(field::OPENED_AT, Kind::Time)
        .optional(field::OPENS, Kind::Count)
        .optional(field::CLICKED_AT, Kind::Time)
        .optional(field::CLICKS, Kind::Count)
        .optional(field::REPLIED_AT, Kind::Time)
        .optional(field::REPLIES, Kind::Count)
        .optional(field::BOUNCED, Kind::Flag)
        .optional(field::BOUNCE_REASON, Kind::Text)
        .optional(field::UNSUBSCRIBED, Kind::Flag)
        .optional(field::UNSUBSCRIBED_AT, Kind::Time)
        .required(field::CREATED_AT, Kind::Time)
}

/// What a field can hold.
enum Kind {
    Id,
    Text,
    Time,
    Flag,
    Object,
    /// A number that is no decimal one.
    Number,
    /// A whole number that is not negative.
    Count,
    /// The duration of a campaign.
    Hours,
    OneOf(Vec<Bson>),
}

fn one_of<T: Copy>(values: &[T], text: fn(T) -> &'static str) -> Kind {
    Kind::OneOf(values.iter().map(|value| text(*value).into()).collect())
}

impl Kind {
    fn into_schema(self) -> Document {
        let number = ["int", "long", "double"];
        match self {
            Self::Id => doc! { "bsonType": ["objectId"] },
            Self::Text => doc! { "bsonType": ["string"] },
            Self::Time => doc! { "bsonType": ["date"] },
            Self::Flag => doc! { "bsonType": ["bool"] },
            Self::Object => doc! { "bsonType": ["object"] },
            Self::Number => doc! { "bsonType": number },
            Self::Count => doc! { "bsonType": number, "minimum": 0, "multipleOf": 1 },
            Self::Hours => doc! {
                "bsonType": number,
                "minimum": CampaignDuration::MIN_HOURS,
                "maximum": CampaignDuration::MAX_HOURS,
            },
            Self::OneOf(values) => doc! { "bsonType": ["string"], "enum": values },
        }
    }
}

/// The fields of a document, beside which it can have others.
struct Shape {
    required: Vec<Bson>,
    properties: Document,
}

impl Shape {
    fn new() -> Self {
        Self { required: Vec::new(), properties: Document::new() }
    }

    fn required(mut self, name: Field, kind: Kind) -> Self {
        self.required.push(name.as_str().into());
        self.properties.insert(name.as_str(), kind.into_schema());
        self
    }

    /// A field that may be absent, or null, which is absent too.
    fn optional(mut self, name: Field, kind: Kind) -> Self {
        let mut schema = kind.into_schema();
        for (keyword, null) in [("bsonType", Bson::from("null")), ("enum", Bson::Null)] {
            if let Ok(values) = schema.get_array_mut(keyword) {
                values.push(null);
            }
        }
        self.properties.insert(name.as_str(), schema);
        self
    }

    fn into_validator(self) -> Document {
        let Self { required, properties } = self;
        doc! { "$jsonSchema": { "bsonType": "object", "required": required, "properties": properties } }
    }
}
