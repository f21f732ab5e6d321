use std::ops::Range;

use bson::raw::{RawDocument, RawDocumentBuf};
use chrono::{DateTime, Utc};

use super::campaign::stored_count;
use super::field::{self, Field};
use super::fields::{count, number, object_id, parsed, time};
use super::{Changes, Condition, Fields, Query, Record};
use crate::collection::Collection;
use crate::error::Result;
use crate::model::{CampaignMetrics, Contribution, MailboxId, MetricsFilter, Rates, TrackingFilter, UserId};

impl Record for CampaignMetrics {
    const COLLECTION: Collection = Collection::CampaignMetrics;

    fn decode(document: &RawDocument) -> Result<Self> {
        let fields = Fields::of(Self::COLLECTION, document)?;
        let rate = |name| fields.optional(name, number).map(Option::unwrap_or_default);
        Ok(Self {
            id: fields.required(field::ID, object_id)?.into(),
            campaign_id: fields.required(field::CAMPAIGN_ID, parsed)?,
            user_id: fields.required(field::USER_ID, object_id)?.into(),
            mailbox_id: fields.required(field::MAILBOX_ID, object_id)?.into(),
            totals: totals_of(&fields)?,
            rates: Rates {
                open_rate: rate(field::OPEN_RATE)?,
                click_rate: rate(field::CLICK_RATE)?,
                bounce_rate: rate(field::BOUNCE_RATE)?,
                reply_rate: rate(field::REPLY_RATE)?,
            },
            last_updated: fields.required(field::LAST_UPDATED, time)?,
            created_at: fields.required(field::CREATED_AT, time)?,
        })
    }

    fn encode(&self) -> RawDocumentBuf {
        let mut document = RawDocumentBuf::new();
        document.append(field::ID, self.id.as_object_id());
        document.append(field::CAMPAIGN_ID, self.campaign_id.to_string());
        document.append(field::USER_ID, self.user_id.as_object_id());
        document.append(field::MAILBOX_ID, self.mailbox_id.as_object_id());
        for (name, total) in named_totals(&self.totals) {
            document.append(name, stored_count(total));
        }
        for (name, rate) in named_rates(&self.rates) {
            document.append(name, rate);
        }
        document.append(field::LAST_UPDATED, bson::DateTime::from(self.last_updated));
        document.append(field::CREATED_AT, bson::DateTime::from(self.created_at));
        document
    }
}

/// The totals in a metrics record, or in a group of them.
pub(crate) fn totals_of(fields: &Fields<'_>) -> Result<Contribution> {
    let total = |name| fields.optional(name, count).map(Option::unwrap_or_default);
    Ok(Contribution {
        sent: total(field::TOTAL_SENT)?,
        delivered: total(field::TOTAL_DELIVERED)?,
        opened: total(field::TOTAL_OPENED)?,
        clicked: total(field::TOTAL_CLICKS)?,
        bounced: total(field::TOTAL_BOUNCED)?,
        replied: total(field::TOTAL_REPLIED)?,
        unsubscribed: total(field::TOTAL_UNSUBSCRIBED)?,
    })
}

/// The totals by the names that they are stored under.
pub(crate) fn named_totals(totals: &Contribution) -> [(Field, u64); 7] {
    [
        (field::TOTAL_SENT, totals.sent),
        (field::TOTAL_DELIVERED, totals.delivered),
        (field::TOTAL_OPENED, totals.opened),
        (field::TOTAL_CLICKS, totals.clicked),
        (field::TOTAL_BOUNCED, totals.bounced),
        (field::TOTAL_REPLIED, totals.replied),
        (field::TOTAL_UNSUBSCRIBED, totals.unsubscribed),
    ]
}

fn named_rates(rates: &Rates) -> [(Field, f64); 4] {
    [
        (field::OPEN_RATE, rates.open_rate),
        (field::CLICK_RATE, rates.click_rate),
        (field::BOUNCE_RATE, rates.bounce_rate),
        (field::REPLY_RATE, rates.reply_rate),
    ]
}

/// The change that leads to these totals.
pub(crate) fn totals_change(totals: &Contribution, now: DateTime<Utc>) -> Changes {
    let changes = Changes::versioned_by(field::LAST_UPDATED, now);
    let changes = named_totals(totals)
        .into_iter()
        .fold(changes, |changes, (name, total)| changes.set(name, stored_count(total)));
    named_rates(&Rates::of(totals)).into_iter().fold(changes, |changes, (name, rate)| changes.set(name, rate))
}

/// The change that moves the record to another mailbox.
pub(crate) fn mailbox_change(mailbox_id: MailboxId, now: DateTime<Utc>) -> Changes {
    Changes::versioned_by(field::LAST_UPDATED, now).set(field::MAILBOX_ID, mailbox_id.as_object_id())
}

impl MetricsFilter {
    pub(crate) fn query(&self) -> Query {
        let query = Query::all()
            .and_is(field::USER_ID, self.user_id.map(UserId::as_object_id))
            .and_is(field::MAILBOX_ID, self.mailbox_id.map(MailboxId::as_object_id));
        let query = match &self.campaigns {
            Some(ids) => query.one_of(field::CAMPAIGN_ID, ids.iter().map(ToString::to_string)),
            None => query,
        };
        let date = |time| bson::DateTime::from_chrono::<Utc>(time).into();
        match &self.created {
            Some(Range { start, end }) => {
                query.and(Condition::Within(field::CREATED_AT, date(*start), date(*end)))
            }
            None => query,
        }
    }

    /// The tracking rows of a user's campaigns or of all, if that is what the filter names; of other
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
