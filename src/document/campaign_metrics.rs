#[cfg(feature = "mongo")]
use std::collections::BTreeSet;
use std::ops::Range;

use bson::raw::{RawDocument, RawDocumentBuf};
use chrono::{DateTime, Utc};

use super::{Changes, Decode, Fields, Part, Query, Record, Texts, part};
#[cfg(feature = "mongo")]
use super::{ID, Shape};
use crate::collection::Collection;
use crate::error::Result;
#[cfg(feature = "mongo")]
use crate::model::CampaignId;
use crate::model::{CampaignMetrics, MailboxId, MetricsFilter, Rates, Totals, TrackingFilter};
#[cfg(feature = "mongo")]
use bson::raw::CStr;

part! {
    CampaignMetrics {
        id: "_id" required;
        campaign_id: "campaign_id" required;
        user_id: "user_id" required;
        mailbox_id: "mailbox_id" required;
        totals: part;
        rates: part;
        last_updated: "last_updated" required;
        created_at: "created_at" required;
    }
}

#[cfg(feature = "mongo")]
pub(crate) fn shape() -> Shape {
    CampaignMetrics::shape(Shape::new())
}

impl Decode for CampaignMetrics {
    const COLLECTION: Collection = Collection::CampaignMetrics;

    fn decode(document: &RawDocument) -> Result<Self> {
        Self::read(&Fields::of(Self::COLLECTION, document)?, Texts::Read)
    }
}

/// The fields that the totals of a record are read from.
#[cfg(feature = "mongo")]
pub(crate) fn totals_fields() -> impl Iterator<Item = &'static str> {
    [ID].into_iter().chain(Totals::names(Texts::Read)).map(CStr::as_str)
}

/// The totals of a record, whatever its other fields are.
#[cfg(feature = "mongo")]
pub(crate) fn read_totals(document: &RawDocument) -> Result<Totals> {
    Totals::read(&Fields::of(Collection::CampaignMetrics, document)?, Texts::Read)
}

impl Record for CampaignMetrics {
    fn encode(&self) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        self.append(&mut document);
        document
    }
}

/// The campaign of a record, of which nothing else is read.
#[cfg(feature = "mongo")]
pub(crate) fn campaign_of(document: &RawDocument) -> Result<CampaignId> {
    Fields::of(Collection::CampaignMetrics, document)?.required(field::campaign_id)
}

/// The campaign of a metrics record, and the record if it can be read.
#[cfg(feature = "mongo")]
pub(crate) fn with_campaign(document: &RawDocument) -> Result<(CampaignId, Option<CampaignMetrics>)> {
    let id = Fields::of(Collection::CampaignMetrics, document)?.required(field::campaign_id)?;
    Ok((id, CampaignMetrics::decode(document).ok()))
}

/// The change that sets these totals.
pub(crate) fn totals_change(totals: &Totals, now: DateTime<Utc>) -> Changes {
    let changes = Changes::versioned_by(field::last_updated, now);
    Rates::of(totals).set_all(totals.set_all(changes))
}

/// The change that moves the record to another mailbox.
pub(crate) fn mailbox_change(mailbox_id: MailboxId, now: DateTime<Utc>) -> Changes {
    Changes::versioned_by(field::last_updated, now).set(field::mailbox_id, &mailbox_id)
}

impl MetricsFilter {
    pub(crate) fn query(&self) -> Query {
        let query = Query::all()
            .and_is(field::user_id, self.user_id.as_ref())
            .and_is(field::mailbox_id, self.mailbox_id.as_ref());
        let query = match &self.campaigns {
            Some(ids) => query.one_of(field::campaign_id, ids),
            None => query,
        };
        match &self.created {
            Some(Range { start, end }) => query.within(field::created_at, start, end),
            None => query,
        }
    }

    /// Filters that find the same together, each small enough for a command of the database.
    #[cfg(feature = "mongo")]
    pub(crate) fn parts(&self) -> Vec<Self> {
        // About 500 kB.
        const CAMPAIGNS: usize = MetricsFilter::MAX_LISTED;
        match &self.campaigns {
            Some(campaigns) if campaigns.len() > CAMPAIGNS => {
                // Campaigns that are named twice must not be in two parts.
                let campaigns: Vec<_> =
                    campaigns.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
                let parts = campaigns.chunks(CAMPAIGNS);
                parts.map(|part| Self { campaigns: Some(part.to_vec()), ..self.clone() }).collect()
            }
            _ => vec![self.clone()],
        }
    }

    /// The tracking rows of a user's campaigns or of all campaigns, if the filter names just that; for other
    /// filters the campaigns must be looked up.
    pub(crate) fn rows(&self) -> Option<TrackingFilter> {
        match self {
            Self { user_id, mailbox_id: None, campaigns: None, created: None } => {
                Some(user_id.map_or_else(TrackingFilter::all, TrackingFilter::user))
            }
            _ => None,
        }
    }
}
