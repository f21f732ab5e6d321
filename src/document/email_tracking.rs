use std::ops::Range;

#[cfg(feature = "mongo")]
use bson::Document;
#[cfg(feature = "mongo")]
use bson::oid::ObjectId;
#[cfg(feature = "mongo")]
use bson::raw::CStr;
use bson::raw::{RawDocument, RawDocumentBuf};
use chrono::{DateTime, Utc};

#[cfg(feature = "mongo")]
use super::Shape;
use super::{Changes, Decode, Fields, ID, Part, Query, Record, Texts, marks, part, spelling};
use crate::clock::first_whole_millis;
use crate::collection::Collection;
use crate::error::Result;
use crate::model::{
    CampaignId, EmailAddress, EmailSummary, EmailTracking, MailboxId, TrackingFilter, TrackingId, UserId,
    new_object_id,
};

part! {
    EmailTracking {
        id: "tracking_id" required;
        campaign_id: "campaign_id" required;
        user_id: "user_id" required;
        mailbox_id: "mailbox_id" required;
        sender_email: "sender_email" required, text;
        recipient_email: "recipient_email" required, text;
        recipient_name: "recipient_name" optional, text;
        subject: "subject" required, text;
        message: "message" required, body;
        sent_at: "sent_at" required;
        delivered_at: "delivered_at" mark;
        opened_at: "opened_at" mark;
        opens: "opens" mark;
        clicked_at: "clicked_at" mark;
        clicks: "clicks" mark;
        replied_at: "replied_at" mark;
        replies: "replies" mark;
        bounced: "bounced" mark;
        bounce_reason: "bounce_reason" optional;
        unsubscribed: "unsubscribed" mark;
        unsubscribed_at: "unsubscribed_at" mark;
        created_at: "created_at" required;
    }
}

#[cfg(feature = "mongo")]
pub(crate) fn shape() -> Shape {
    EmailTracking::shape(Shape::new())
}

fn read(fields: &Fields<'_>, texts: Texts) -> Result<EmailTracking> {
    let mut row = EmailTracking::read(fields, texts)?;
    marks::settle(&mut row, fields);
    Ok(row)
}

impl Decode for EmailTracking {
    const COLLECTION: Collection = Collection::EmailTracking;

    fn decode(document: &RawDocument) -> Result<Self> {
        read(&Fields::of(Self::COLLECTION, document)?, Texts::Read)
    }
}

impl Decode for EmailSummary {
    const COLLECTION: Collection = Collection::EmailTracking;

    #[cfg(feature = "mongo")]
    fn fields() -> Vec<&'static str> {
        names(Texts::LeaveBody).collect()
    }

    fn decode(document: &RawDocument) -> Result<Self> {
        read(&Fields::of(Self::COLLECTION, document)?, Texts::LeaveBody).map(Self::from)
    }
}

impl Decode for TrackingId {
    const COLLECTION: Collection = Collection::EmailTracking;

    #[cfg(feature = "mongo")]
    fn fields() -> Vec<&'static str> {
        [ID, field::id].map(CStr::as_str).into()
    }

    fn decode(document: &RawDocument) -> Result<Self> {
        Fields::of(Self::COLLECTION, document)?.required(field::id)
    }
}

impl Record for EmailTracking {
    fn encode(&self) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        document.append(ID, new_object_id());
        self.append(&mut document);
        document
    }
}

/// The fields that events need: all of a row but its texts.
#[cfg(feature = "mongo")]
pub(crate) fn without_texts() -> impl Iterator<Item = &'static str> {
    names(Texts::Leave)
}

#[cfg(feature = "mongo")]
fn names(texts: Texts) -> impl Iterator<Item = &'static str> {
    let names = [ID].into_iter().chain(EmailTracking::names(texts));
    names.map(CStr::as_str).chain(marks::old_flags())
}

/// A row without texts, and its `_id`.
#[cfg(feature = "mongo")]
pub(crate) fn keyed_without_texts(document: &RawDocument) -> Result<(ObjectId, EmailTracking)> {
    let fields = Fields::of(Collection::EmailTracking, document)?;
    Ok((fields.required(ID)?, read(&fields, Texts::Leave)?))
}

/// The `_id` of a row, and the campaign that it counts for.
#[cfg(feature = "mongo")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowKey {
    pub(crate) id: ObjectId,
    pub(crate) campaign_id: CampaignId,
}

/// The tracking id of a row, and its key.
#[cfg(feature = "mongo")]
pub(crate) fn row_key(document: &RawDocument) -> Result<(TrackingId, Result<RowKey>)> {
    let fields = Fields::of(Collection::EmailTracking, document)?;
    let key = || Ok(RowKey { id: fields.required(ID)?, campaign_id: fields.required(field::campaign_id)? });
    Ok((fields.required(field::id)?, key()))
}

/// The changes that events made to a row.
pub(crate) fn event_changes(before: &EmailTracking, after: &EmailTracking) -> Changes {
    before.set_other(after, Changes::unversioned())
}

/// The rows of these campaigns, however they spell their ids.
pub(crate) fn of_campaigns(ids: impl IntoIterator<Item = CampaignId>) -> Query {
    let ids = ids.into_iter().flat_map(|id| spelling::spellings(id.as_uuid()));
    Query::all().one_of(field::campaign_id, ids)
}

/// The rows that a mailbox sent in a period, which excludes its end.
pub(crate) fn sent_from(mailbox_id: MailboxId, sent: &Range<DateTime<Utc>>) -> Query {
    let (start, end) = (first_whole_millis(sent.start), first_whole_millis(sent.end));
    Query::all().is(field::mailbox_id, &mailbox_id).within(field::sent_at, &start, &end)
}

/// The rows that spell one of these ids in another way than this store.
#[cfg(feature = "mongo")]
pub(crate) fn spelled_otherwise(ids: impl IntoIterator<Item = TrackingId>) -> Query {
    let ids = ids.into_iter().flat_map(|id| spelling::spellings(id.as_uuid()).into_iter().skip(1));
    Query::all().one_of(field::id, ids)
}

/// The rows of no campaign: what they have as its id is none.
#[cfg(feature = "mongo")]
pub(crate) fn of_no_campaign() -> Document {
    spelling::is_no_spelling(field::campaign_id.as_str())
}

/// The campaign of a row. The error of a row of no campaign names the field.
#[cfg(feature = "mongo")]
pub(crate) fn campaign_of(row: &RawDocument) -> Result<CampaignId> {
    Fields::of(Collection::EmailTracking, row)?.required(field::campaign_id)
}

impl TrackingFilter {
    pub(crate) fn query(&self) -> Query {
        let query = match self.campaign_id {
            Some(id) => of_campaigns([id]),
            None => Query::all(),
        };
        let query = query
            .and_is(field::user_id, self.user_id.as_ref())
            .and_is(field::recipient_email, self.recipient_email.as_ref());
        let has_scope = self.campaign_id.is_some() || self.user_id.is_some();
        match self.state {
            Some(state) if has_scope && self.recipient_email.is_none() && marks::is_rare(state) => {
                marks::in_rare_state(query, state)
            }
            Some(state) => marks::in_state(query, state),
            None => query,
        }
    }
}

/// The rows that bar a user from writing to one of these recipients again.
pub(crate) fn suppressing(user_id: UserId, recipients: &[EmailAddress]) -> Query {
    marks::suppressing(TrackingFilter::user(user_id).query().one_of(field::recipient_email, recipients))
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::model::{Contribution, Message, Signal, Totals};

    prop_compose! {
        fn rows()(
            [delivered, opened, clicked, replied] in any::<[bool; 4]>(),
            [opens, clicks, replies] in prop::array::uniform3(0..3_u64),
            bounced in any::<bool>(),
            unsubscribed in any::<bool>(),
            has_time in any::<bool>(),
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
                message: Message::from_stored("Flowers are out."),
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
                unsubscribed_at: time(unsubscribed && has_time),
                created_at: DateTime::UNIX_EPOCH,
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_back(row in rows()) {
            prop_assert!(EmailTracking::decode(&row.encode()) == Ok(row));
        }

        #[test]
        fn a_filter_finds_the_rows_that_count(row in rows()) {
            for state in Signal::ALL {
                let query = TrackingFilter::all().state(*state).query();
                prop_assert_eq!(query.matches(&row.encode()), row.shows(*state), "{}", state);
                prop_assert_eq!(Contribution::of(&row).counts(*state), row.shows(*state), "{}", state);
            }
        }

        #[test]
        fn contributions_are_a_funnel(row in rows()) {
            let Totals { sent, delivered, opened, clicked, bounced, replied, .. } = Contribution::of(&row).into();
            prop_assert!(clicked <= opened && opened <= delivered && replied <= delivered);
            prop_assert!(delivered + bounced <= sent);
        }
    }
}
