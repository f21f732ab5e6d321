use bson::Bson;
#[cfg(feature = "mongo")]
use bson::oid::ObjectId;
use bson::raw::{RawDocument, RawDocumentBuf};
use chrono::{DateTime, Utc};

use super::campaign::stored_count;
use super::field::{self, Field};
use super::fields::{boolean, count, object_id, parsed, string, text, time};
use super::{Changes, Condition, Decode, Fields, Query, Record};
use crate::collection::Collection;
use crate::error::Result;
#[cfg(feature = "mongo")]
use crate::model::TrackingId;
use crate::model::{
    CampaignId, EmailAddress, EmailTracking, TrackingFilter, TrackingState, UserId, new_object_id,
};

impl Decode for EmailTracking {
    const COLLECTION: Collection = Collection::EmailTracking;

    fn decode(document: &RawDocument) -> Result<Self> {
        let fields = Fields::of(Self::COLLECTION, document)?;
        let address = |name| fields.required(name, |value| text(value).map(EmailAddress::from_stored));
        let row = without_texts(&fields)?;
        Ok(Self {
            sender_email: address(field::SENDER_EMAIL)?,
            recipient_email: address(field::RECIPIENT_EMAIL)?,
            recipient_name: fields.optional(field::RECIPIENT_NAME, string)?,
            subject: fields.required(field::SUBJECT, string)?,
            message: fields.required(field::MESSAGE, string)?,
            ..row
        })
    }
}

impl Record for EmailTracking {
    fn encode(&self) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        document.append(field::ID, new_object_id());
        document.append(field::TRACKING_ID, self.id.to_string());
        document.append(field::CAMPAIGN_ID, self.campaign_id.to_string());
        document.append(field::USER_ID, self.user_id.as_object_id());
        document.append(field::MAILBOX_ID, self.mailbox_id.as_object_id());
        document.append(field::SENDER_EMAIL, self.sender_email.as_str());
        document.append(field::RECIPIENT_EMAIL, self.recipient_email.as_str());
        if let Some(name) = &self.recipient_name {
            document.append(field::RECIPIENT_NAME, name.as_str());
        }
        document.append(field::SUBJECT, self.subject.as_str());
        document.append(field::MESSAGE, self.message.as_str());
        document.append(field::SENT_AT, bson::DateTime::from(self.sent_at));
        let put_time = |document: &mut RawDocumentBuf, name: Field, time: Option<_>| {
            if let Some(time) = time {
                document.append(name, bson::DateTime::from_chrono::<chrono::Utc>(time));
            }
        };
        put_time(&mut document, field::DELIVERED_AT, self.delivered_at);
        put_time(&mut document, field::OPENED_AT, self.opened_at);
        document.append(field::OPENS, stored_count(self.opens));
        put_time(&mut document, field::CLICKED_AT, self.clicked_at);
        document.append(field::CLICKS, stored_count(self.clicks));
        put_time(&mut document, field::REPLIED_AT, self.replied_at);
        document.append(field::REPLIES, stored_count(self.replies));
        document.append(field::BOUNCED, self.bounced);
        if let Some(reason) = &self.bounce_reason {
            document.append(field::BOUNCE_REASON, reason.as_str());
        }
        document.append(field::UNSUBSCRIBED, self.unsubscribed);
        put_time(&mut document, field::UNSUBSCRIBED_AT, self.unsubscribed_at);
        document.append(field::CREATED_AT, bson::DateTime::from(self.created_at));
        document
    }
}

/// The fields of a row whose texts are not read: what events need.
#[cfg(feature = "mongo")]
pub(crate) const WITHOUT_TEXTS: [Field; 18] = [
    field::ID,
    field::TRACKING_ID,
    field::CAMPAIGN_ID,
    field::USER_ID,
    field::MAILBOX_ID,
    field::SENT_AT,
    field::DELIVERED_AT,
    field::OPENED_AT,
    field::OPENS,
    field::CLICKED_AT,
    field::CLICKS,
    field::REPLIED_AT,
    field::REPLIES,
    field::BOUNCED,
    field::BOUNCE_REASON,
    field::UNSUBSCRIBED,
    field::UNSUBSCRIBED_AT,
    field::CREATED_AT,
];

/// A row of which neither addresses and names nor subject and message were read.
fn without_texts(fields: &Fields<'_>) -> Result<EmailTracking> {
    let unread = || EmailAddress::from_stored("");
    let times = |name| fields.optional(name, count).map(Option::unwrap_or_default);
    let flag = |name| fields.optional(name, boolean).map(Option::unwrap_or_default);
    Ok(EmailTracking {
        id: fields.required(field::TRACKING_ID, parsed)?,
        campaign_id: fields.required(field::CAMPAIGN_ID, parsed)?,
        user_id: fields.required(field::USER_ID, object_id)?.into(),
        mailbox_id: fields.required(field::MAILBOX_ID, object_id)?.into(),
        sender_email: unread(),
        recipient_email: unread(),
        recipient_name: None,
        subject: String::new(),
        message: String::new(),
        sent_at: fields.required(field::SENT_AT, time)?,
        delivered_at: fields.optional(field::DELIVERED_AT, time)?,
        opened_at: fields.optional(field::OPENED_AT, time)?,
        opens: times(field::OPENS)?,
        clicked_at: fields.optional(field::CLICKED_AT, time)?,
        clicks: times(field::CLICKS)?,
        replied_at: fields.optional(field::REPLIED_AT, time)?,
        replies: times(field::REPLIES)?,
        bounced: flag(field::BOUNCED)?,
        bounce_reason: fields.optional(field::BOUNCE_REASON, string)?,
        unsubscribed: flag(field::UNSUBSCRIBED)?,
        unsubscribed_at: fields.optional(field::UNSUBSCRIBED_AT, time)?,
        created_at: fields.required(field::CREATED_AT, time)?,
    })
}

/// The same with the `_id`.
#[cfg(feature = "mongo")]
pub(crate) fn keyed_without_texts(document: &RawDocument) -> Result<(ObjectId, EmailTracking)> {
    let fields = Fields::of(Collection::EmailTracking, document)?;
    Ok((fields.required(field::ID, object_id)?, without_texts(&fields)?))
}

/// Where a row is, and what it counts for.
#[cfg(feature = "mongo")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowKey {
    pub(crate) id: ObjectId,
    pub(crate) campaign_id: CampaignId,
}

/// The key of a row, by its tracking id.
#[cfg(feature = "mongo")]
pub(crate) fn row_key(document: &RawDocument) -> Result<(TrackingId, RowKey)> {
    let fields = Fields::of(Collection::EmailTracking, document)?;
    let id = fields.required(field::ID, object_id)?;
    let tracking_id = fields.required(field::TRACKING_ID, parsed)?;
    Ok((tracking_id, RowKey { id, campaign_id: fields.required(field::CAMPAIGN_ID, parsed)? }))
}

/// What events changed in a row.
pub(crate) fn event_changes(before: &EmailTracking, after: &EmailTracking) -> Changes {
    let mut changes = Changes::unversioned();
    for ((name, before), (_, after)) in events_of(before).into_iter().zip(events_of(after)) {
        if before != after {
            changes = changes.set(name, after);
        }
    }
    changes
}

/// The fields that events change, as they are stored; null for those that are absent.
fn events_of(row: &EmailTracking) -> [(Field, Bson); 11] {
    let time = |time: Option<DateTime<Utc>>| time.map_or(Bson::Null, Bson::from);
    [
        (field::DELIVERED_AT, time(row.delivered_at)),
        (field::OPENED_AT, time(row.opened_at)),
        (field::OPENS, stored_count(row.opens).into()),
        (field::CLICKED_AT, time(row.clicked_at)),
        (field::CLICKS, stored_count(row.clicks).into()),
        (field::REPLIED_AT, time(row.replied_at)),
        (field::REPLIES, stored_count(row.replies).into()),
        (field::BOUNCED, row.bounced.into()),
        (field::BOUNCE_REASON, row.bounce_reason.clone().map_or(Bson::Null, Bson::from)),
        (field::UNSUBSCRIBED, row.unsubscribed.into()),
        (field::UNSUBSCRIBED_AT, time(row.unsubscribed_at)),
    ]
}

impl TrackingFilter {
    pub(crate) fn query(&self) -> Query {
        let query = Query::all()
            .and_is(field::CAMPAIGN_ID, self.campaign_id.as_ref().map(CampaignId::to_string))
            .and_is(field::USER_ID, self.user_id.map(UserId::as_object_id))
            .and_is(field::RECIPIENT_EMAIL, self.recipient_email.as_ref().map(EmailAddress::as_str));
        match self.state {
            Some(state) => in_state(query, state),
            None => query,
        }
    }
}

/// The rows in a state: the rule of `Contribution::of`, as a filter.
pub(super) fn in_state(query: Query, state: TrackingState) -> Query {
    let clicked = [Condition::Present(field::CLICKED_AT), Condition::Positive(field::CLICKS)];
    let opened = [Condition::Present(field::OPENED_AT), Condition::Positive(field::OPENS)];
    let replied = [Condition::Present(field::REPLIED_AT), Condition::Positive(field::REPLIES)];
    let delivered = [Condition::Present(field::DELIVERED_AT)];
    let signs = match state {
        TrackingState::Bounced => return query.is(field::BOUNCED, true),
        TrackingState::Unsubscribed => return query.is(field::UNSUBSCRIBED, true),
        TrackingState::Clicked => clicked.to_vec(),
        TrackingState::Replied => replied.to_vec(),
        TrackingState::Opened => [opened, clicked].concat(),
        TrackingState::Delivered => [&delivered[..], &opened, &clicked, &replied].concat(),
    };
    query.and(Condition::NotTrue(field::BOUNCED)).and(Condition::Any(signs))
}

/// The rows that keep a user from writing to one of these recipients again.
pub(crate) fn suppressing(user_id: UserId, recipients: &[EmailAddress]) -> Query {
    let reasons = [field::BOUNCED, field::UNSUBSCRIBED].map(|name| Condition::Is(name, true.into()));
    TrackingFilter::user(user_id)
        .query()
        .one_of(field::RECIPIENT_EMAIL, recipients.iter().map(EmailAddress::as_str))
        .and(Condition::Any(reasons.into()))
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::model::Contribution;

    prop_compose! {
        fn rows()(
            [delivered, opened, clicked, replied] in any::<[bool; 4]>(),
            [opens, clicks, replies] in prop::array::uniform3(0..3_u64),
            bounced in any::<bool>(),
            unsubscribed in any::<bool>(),
        ) -> EmailTracking {
            let time = |is_set: bool| is_set.then_some(DateTime::UNIX_EPOCH);
            EmailTracking {
                id: Uuid::nil().into(),
                campaign_id: Uuid::nil().into(),
                user_id: ObjectId::from_bytes([1; 12]).into(),
                mailbox_id: ObjectId::from_bytes([2; 12]).into(),
                sender_email: EmailAddress::from_stored("ada@work.example"),
                recipient_email: EmailAddress::from_stored("bob@example.com"),
                recipient_name: None,
                subject: "Hello".to_owned(),
                message: "Flowers are out.".to_owned(),
                sent_at: DateTime::UNIX_EPOCH,
                delivered_at: time(delivered),
                opened_at: time(opened),
                opens,
                clicked_at: time(clicked),
                clicks,
                replied_at: time(replied),
                replies,
                bounced,
                bounce_reason: bounced.then(|| "mailbox full".to_owned()),
                unsubscribed,
                unsubscribed_at: time(unsubscribed),
                created_at: DateTime::UNIX_EPOCH,
            }
        }
    }

    fn counted(row: &EmailTracking, state: TrackingState) -> u64 {
        let contribution = Contribution::of(row);
        match state {
            TrackingState::Delivered => contribution.delivered,
            TrackingState::Opened => contribution.opened,
            TrackingState::Clicked => contribution.clicked,
            TrackingState::Replied => contribution.replied,
            TrackingState::Bounced => contribution.bounced,
            TrackingState::Unsubscribed => contribution.unsubscribed,
        }
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_back(row in rows()) {
            prop_assert!(EmailTracking::decode(&row.encode()) == Ok(row));
        }

        #[test]
        fn a_filter_finds_the_rows_that_count(row in rows()) {
            for state in TrackingState::ALL {
                let query = TrackingFilter::all().state(*state).query();
                prop_assert_eq!(u64::from(query.matches(&row.encode())), counted(&row, *state), "{}", state);
            }
        }

        #[test]
        fn contributions_are_a_funnel(row in rows()) {
            let Contribution { sent, delivered, opened, clicked, bounced, replied, .. } = Contribution::of(&row);
            prop_assert!(clicked <= opened && opened <= delivered && replied <= delivered);
            prop_assert!(delivered + bounced <= sent);
        }
    }
}
