use bson::oid::ObjectId;
use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf};
use chrono::{DateTime, Utc};

use super::field;
use super::fields::{Problem, count, number, object_id, parsed, string, time};
use super::{Changes, Condition, Decode, Fields, Query, Record};
use crate::clock::whole_millis;
use crate::collection::Collection;
use crate::error::{Error, Result};
use crate::model::{
    Campaign, CampaignDuration, CampaignFilter, CampaignPatch, CampaignStatus, MailboxId, Period, UserId,
    new_object_id,
};

impl Decode for Campaign {
    const COLLECTION: Collection = Collection::Campaigns;

    fn decode(document: &RawDocument) -> Result<Self> {
        let fields = Fields::of(Self::COLLECTION, document)?;
        Ok(Self {
            id: fields.required(field::CAMPAIGN_ID, parsed)?,
            user_id: fields.required(field::USER_ID, object_id)?.into(),
            mailbox_id: fields.required(field::MAILBOX_ID, object_id)?.into(),
            campaign_name: fields.required(field::CAMPAIGN_NAME, string)?,
            subject: fields.required(field::SUBJECT, string)?,
            message: fields.required(field::MESSAGE, string)?,
            duration: fields.required(field::DURATION, duration)?,
            start_time: fields.required(field::START_TIME, time)?,
            end_time: fields.required(field::END_TIME, time)?,
            status: fields.optional(field::STATUS, parsed)?.unwrap_or_default(),
            total_recipients: fields.optional(field::TOTAL_RECIPIENTS, count)?.unwrap_or_default(),
            created_at: fields.required(field::CREATED_AT, time)?,
            updated_at: fields.required(field::UPDATED_AT, time)?,
            created_by: fields.required(field::CREATED_BY, object_id)?.into(),
        })
    }
}

impl Record for Campaign {
    fn encode(&self) -> RawDocumentBuf {
        self.encode_as(new_object_id())
    }
}

impl Campaign {
    /// Writes the stored form under this `_id`, which a campaign does not know.
    pub(crate) fn encode_as(&self, id: ObjectId) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        document.append(field::ID, id);
        document.append(field::CAMPAIGN_ID, self.id.to_string());
        document.append(field::USER_ID, self.user_id.as_object_id());
        document.append(field::MAILBOX_ID, self.mailbox_id.as_object_id());
        document.append(field::CAMPAIGN_NAME, self.campaign_name.as_str());
        document.append(field::SUBJECT, self.subject.as_str());
        document.append(field::MESSAGE, self.message.as_str());
        document.append(field::DURATION, self.duration.as_hours());
        document.append(field::START_TIME, bson::DateTime::from(self.start_time));
        document.append(field::END_TIME, bson::DateTime::from(self.end_time));
        document.append(field::STATUS, self.status.as_str());
        document.append(field::TOTAL_RECIPIENTS, stored_count(self.total_recipients));
        document.append(field::CREATED_AT, bson::DateTime::from(self.created_at));
        document.append(field::UPDATED_AT, bson::DateTime::from(self.updated_at));
        document.append(field::CREATED_BY, self.created_by.as_object_id());
        document
    }
}

fn duration(value: RawBsonRef<'_>) -> Result<CampaignDuration, Problem> {
    CampaignDuration::hours(number(value)?).map_err(|_| "is out of its bounds")
}

/// A count as the database holds it.
pub(super) fn stored_count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Campaign {
    /// The changes of `patch`, if the campaign is still of the expected version and may be changed.
    pub(crate) fn patched(
        &self,
        patch: &CampaignPatch,
        expected_updated_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Changes> {
        if self.updated_at != whole_millis(expected_updated_at) {
            return Err(Error::conflict(Collection::Campaigns, self.id));
        }
        self.require("update", CampaignStatus::EDITABLE)?;
        Ok(patch.changes(patch.period(self)?, now))
    }
}

impl CampaignPatch {
    /// The changes, with the period that the patch leads to.
    pub(crate) fn changes(&self, period: Option<Period>, now: DateTime<Utc>) -> Changes {
        let changes = Changes::at(now)
            .set_if(field::MAILBOX_ID, self.mailbox_id.map(MailboxId::as_object_id))
            .set_if(field::CAMPAIGN_NAME, self.campaign_name.as_deref())
            .set_if(field::SUBJECT, self.subject.as_deref())
            .set_if(field::MESSAGE, self.message.as_deref());
        match period {
            None => changes,
            Some(Period { start_time, duration, end_time }) => changes
                .set(field::START_TIME, bson::DateTime::from(start_time))
                .set(field::DURATION, duration.as_hours())
                .set(field::END_TIME, bson::DateTime::from(end_time)),
        }
    }
}

impl CampaignFilter {
    pub(crate) fn query(&self) -> Query {
        Query::all()
            .and_is(field::USER_ID, self.user_id.map(UserId::as_object_id))
            .and_is(field::MAILBOX_ID, self.mailbox_id.map(MailboxId::as_object_id))
            .and_is(field::STATUS, self.status.map(CampaignStatus::as_str))
    }

    /// The scheduled campaigns that should have started by `now`.
    pub(crate) fn due(now: DateTime<Utc>) -> Query {
        Self::all()
            .status(CampaignStatus::Scheduled)
            .query()
            .and(Condition::AtMost(field::START_TIME, now.into()))
    }

    /// The active campaigns that should have ended by `now`.
    pub(crate) fn expired(now: DateTime<Utc>) -> Query {
        Self::all().status(CampaignStatus::Active).query().and(Condition::AtMost(field::END_TIME, now.into()))
    }

    /// The campaigns that are to be sent from a mailbox and are not over.
    pub(crate) fn needing(mailbox_id: MailboxId) -> Query {
        Self::all()
            .mailbox(mailbox_id)
            .query()
            .one_of(field::STATUS, CampaignStatus::UNFINISHED.iter().map(|status| status.as_str()))
    }
}

/// The change that a new status is.
pub(crate) fn status_change(status: CampaignStatus, now: DateTime<Utc>) -> Changes {
    Changes::at(now).set(field::STATUS, status.as_str())
}

/// A status and its number, as the database groups campaigns.
#[cfg(feature = "mongo")]
pub(crate) fn status_count(group: &RawDocument) -> Result<(CampaignStatus, u64)> {
    let fields = Fields::of(Collection::Campaigns, group)?;
    let status = fields.optional(field::STATUS, parsed)?.unwrap_or_default();
    Ok((status, fields.required(bson::raw::cstr!("n"), count)?))
}
