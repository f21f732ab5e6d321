use bson::oid::ObjectId;
use bson::raw::{RawDocument, RawDocumentBuf};
use chrono::{DateTime, Utc};

#[cfg(feature = "mongo")]
use super::Shape;
use super::{Changes, Decode, Fields, ID, Part, Query, Record, Texts, part};
use crate::clock::whole_millis;
use crate::collection::Collection;
use crate::error::{Error, Result};
use crate::model::{
    Campaign, CampaignFilter, CampaignPatch, CampaignStatus, CampaignSummary, MailboxId, NewCampaign, Period,
    new_object_id,
};
use crate::schema::index::CAMPAIGNS_CAMPAIGN_ID;

part! {
    Campaign {
        id: "campaign_id" required;
        user_id: "user_id" required;
        mailbox_id: "mailbox_id" required;
        campaign_name: "campaign_name" required;
        subject: "subject" required;
        message: "message" required, body;
        duration: "duration" required;
        start_time: "start_time" required;
        end_time: "end_time" required;
        status: "status" default(CampaignStatus::default());
        total_recipients: "total_recipients" default(0);
        created_at: "created_at" required;
        updated_at: "updated_at" required;
        created_by: "created_by" required;
    }
}

#[cfg(feature = "mongo")]
pub(crate) fn shape() -> Shape {
    Campaign::shape(Shape::new())
}

impl Decode for Campaign {
    const COLLECTION: Collection = Collection::Campaigns;

    fn decode(document: &RawDocument) -> Result<Self> {
        Self::read(&Fields::of(Self::COLLECTION, document)?, Texts::Read)
    }
}

impl Decode for CampaignSummary {
    const COLLECTION: Collection = Collection::Campaigns;

    #[cfg(feature = "mongo")]
    fn fields() -> Vec<&'static str> {
        let names = [ID].into_iter().chain(Campaign::names(Texts::LeaveBody));
        names.map(bson::raw::CStr::as_str).collect()
    }

    fn decode(document: &RawDocument) -> Result<Self> {
        Campaign::read(&Fields::of(Self::COLLECTION, document)?, Texts::LeaveBody).map(Self::from)
    }
}

impl Record for Campaign {
    fn encode(&self) -> RawDocumentBuf {
        self.encode_as(new_object_id())
    }
}

impl Campaign {
    /// Writes the stored form with this `_id`, which a campaign does not know.
    pub(crate) fn encode_as(&self, id: ObjectId) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        document.append(ID, id);
        self.append(&mut document);
        document
    }
}

impl Campaign {
    /// The changes of `patch`, if the campaign still has the expected version and may be changed.
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

impl NewCampaign {
    /// The campaign that has the id of this one, if this one is a repeat.
    pub(crate) fn repeated(&self, existing: Campaign) -> Result<Campaign> {
        if self.is_content_of(&existing) {
            return Ok(existing);
        }
        Err(Error::unique(Collection::Campaigns, CAMPAIGNS_CAMPAIGN_ID))
    }
}

impl CampaignPatch {
    /// The changes, with the period that results from the patch.
    pub(crate) fn changes(&self, period: Option<Period>, now: DateTime<Utc>) -> Changes {
        let changes = Changes::at(now)
            .set_if(field::mailbox_id, self.mailbox_id.as_ref())
            .set_if(field::campaign_name, self.campaign_name.as_ref())
            .set_if(field::subject, self.subject.as_ref())
            .set_if(field::message, self.message.as_ref());
        match period {
            None => changes,
            Some(Period { start_time, duration, end_time }) => changes
                .set(field::start_time, &start_time)
                .set(field::duration, &duration)
                .set(field::end_time, &end_time),
        }
    }
}

impl CampaignFilter {
    pub(crate) fn query(&self) -> Query {
        Query::all()
            .and_is(field::user_id, self.user_id.as_ref())
            .and_is(field::mailbox_id, self.mailbox_id.as_ref())
            .and_is(field::status, self.status.as_ref())
    }

    /// The scheduled campaigns that should have started by `now`.
    pub(crate) fn due(now: DateTime<Utc>) -> Query {
        Self::all().status(CampaignStatus::Scheduled).query().at_most(field::start_time, now)
    }

    /// The active campaigns that should have ended by `now`.
    pub(crate) fn expired(now: DateTime<Utc>) -> Query {
        Self::all().status(CampaignStatus::Active).query().at_most(field::end_time, now)
    }

    /// The campaigns that send from a mailbox and are not over.
    pub(crate) fn needing(mailbox_id: MailboxId) -> Query {
        Self::all().mailbox(mailbox_id).query().one_of(field::status, CampaignStatus::UNFINISHED)
    }
}

/// The change that sets another status.
pub(crate) fn status_change(status: CampaignStatus, now: DateTime<Utc>) -> Changes {
    Changes::at(now).set(field::status, &status)
}

/// A status and its number of campaigns, as the database groups them. The status is an error if it is
/// unknown.
#[cfg(feature = "mongo")]
pub(crate) fn status_count(group: &RawDocument) -> Result<(Result<CampaignStatus>, u64)> {
    let fields = Fields::of(Collection::Campaigns, group)?;
    let status = fields.optional(field::status).map(Option::unwrap_or_default);
    Ok((status, fields.required(bson::raw::cstr!("n"))?))
}
