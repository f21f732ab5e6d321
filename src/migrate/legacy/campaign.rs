use std::collections::BTreeSet;

use bson::oid::ObjectId;
use bson::raw::RawDocument;
use chrono::{DateTime, Utc};

use super::fields::Slots;
use super::findings::{Findings, Reading};
use super::reason::{Rejection, Repair};
use super::slot::Slot;
use super::{Mapped, date, id, number, status, text};
use crate::document::campaign::field;
use crate::document::{ID, Part, Texts};
use crate::model::{Campaign, CampaignDuration, CampaignId, Period, UserId};

/// A document of `email_campaigns`, as it is taken over.
#[derive(Debug)]
pub(crate) struct LegacyCampaign {
    /// The document's `_id`, which a campaign does not know.
    pub(crate) object_id: ObjectId,
    /// The campaign.
    pub(crate) campaign: Campaign,
    /// What was changed.
    pub(crate) repairs: BTreeSet<Repair>,
}

impl LegacyCampaign {
    /// Reads a legacy document.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn map(document: &RawDocument) -> Mapped<Self> {
        let mut findings = Findings::default();
        let names = Campaign::names(Texts::Read);
        let slots = Slots::read(document, [ID].into_iter().chain(names), &mut findings)?;

        let (found, of) = (&mut findings, |name| slots.get(name));
        let object_id = found.own_id(of(ID));
        let id = identity(of(field::id), object_id, found);
        let user_id =
            found.required(of(field::user_id), id::object_id, Repair::ConvertedId, Rejection::InvalidUserId);
        let mailbox_id = found.required(
            of(field::mailbox_id),
            id::object_id,
            Repair::ConvertedId,
            Rejection::InvalidMailboxId,
        );
        let campaign_name = found.required(
            of(field::campaign_name),
            text::campaign_name,
            Repair::TrimmedText,
            Rejection::InvalidName,
        );
        let subject = headline(of(field::subject), found);
        let message =
            found.required(of(field::message), text::message, Repair::TrimmedText, Rejection::InvalidMessage);
        let period = period(of(field::start_time), of(field::duration), of(field::end_time), found);
        let status = found.status(of(field::status), status::campaign);
        let total_recipients = found.optional(
            of(field::total_recipients),
            number::count,
            Repair::ConvertedCount,
            Rejection::InvalidCount,
        );
        let (created_at, updated_at) =
            date::made_and_changed(object_id, of(field::created_at), of(field::updated_at), found);
        let created_by = author(of(field::created_by), user_id, found);

        let campaign = || {
            let Period { start_time, duration, end_time } = period?;
            Some(Campaign {
                id: id?,
                user_id: user_id?.into(),
                mailbox_id: mailbox_id?.into(),
                campaign_name: campaign_name?,
                subject: subject?,
                message: message?,
                duration,
                start_time,
                end_time,
                status,
                total_recipients: total_recipients.unwrap_or_default(),
                created_at: created_at?,
                updated_at: updated_at?,
                created_by: created_by?,
            })
        };
        let record = object_id.zip(campaign());
        let ((object_id, campaign), repairs) = findings.conclude(record)?;
        Ok(Self { object_id, campaign, repairs })
    }
}

fn identity(slot: Slot<'_>, object_id: Option<ObjectId>, findings: &mut Findings) -> Option<CampaignId> {
    if slot.value.is_none() {
        findings.repair(Repair::DerivedCampaignId);
        return object_id.map(id::derived_campaign_id);
    }
    findings.optional(slot, id::campaign_id, Repair::NormalisedCampaignId, Rejection::InvalidCampaignId)
}

fn headline(slot: Slot<'_>, findings: &mut Findings) -> Option<String> {
    if slot.value.is_none() {
        findings.reject(Rejection::MissingSubject, slot);
    }
    findings.optional(slot, text::subject, Repair::TrimmedText, Rejection::InvalidSubject)
}

fn author(slot: Slot<'_>, owner: Option<ObjectId>, findings: &mut Findings) -> Option<UserId> {
    let author = if slot.value.is_none() {
        findings.repair(Repair::DerivedCreatedBy);
        owner
    } else {
        findings.optional(slot, id::object_id, Repair::ConvertedId, Rejection::InvalidUserId)
    };
    author.map(UserId::from)
}

/// When the campaign runs. The end follows from the start and the duration, whatever the document says,
/// unless it is needed to know the duration.
fn period(start: Slot<'_>, duration: Slot<'_>, end: Slot<'_>, findings: &mut Findings) -> Option<Period> {
    let start_time = findings.required(start, date::date, Repair::ConvertedDate, Rejection::InvalidDate);
    let duration = if duration.value.is_some() {
        findings.optional(duration, number::hours, Repair::ConvertedDuration, Rejection::InvalidDuration)
    } else {
        derived_duration(start_time, duration, end, findings)
    };
    let (start_time, duration) = (start_time?, duration?);
    let Ok(end_time) = duration.end_of(start_time) else {
        findings.reject(Rejection::InvalidDate, start);
        return None;
    };
    match end.value.map(date::date) {
        Some(Some(stated)) if stated == Reading::plain(end_time) => {}
        Some(Some(stated)) if stated.value == end_time => findings.repair(Repair::ConvertedDate),
        Some(_) => findings.repair(Repair::RecomputedEndTime),
        None => {}
    }
    Some(Period { start_time, duration, end_time })
}

fn derived_duration(
    start_time: Option<DateTime<Utc>>,
    duration: Slot<'_>,
    end: Slot<'_>,
    findings: &mut Findings,
) -> Option<CampaignDuration> {
    if end.value.is_none() {
        findings.reject(Rejection::InvalidDuration, duration);
    }
    let end_time = findings.optional(end, date::date, Repair::ConvertedDate, Rejection::InvalidDate);
    let derived = CampaignDuration::between(start_time?, end_time?);
    match derived {
        Ok(_) => findings.repair(Repair::DerivedDuration),
        Err(_) => findings.reject(Rejection::InvalidDuration, duration),
    }
    derived.ok()
}
