//! The scope of repositories as a condition on documents. Both stores add it in their tables, so that no query
//! can be without it.

use std::borrow::Cow;

use bson::raw::RawDocument;
#[cfg(feature = "mongo")]
use bson::{Document, doc};

use super::{Condition, Field, ID, Query, Stored, campaign, campaign_metrics, email_tracking, mailbox};
use crate::collection::Collection;
use crate::model::Scope;

/// The field that says whose a document is; `None` for the store's own bookkeeping.
fn owner_field(collection: Collection) -> Option<Field> {
    match collection {
        Collection::Users => Some(ID),
        Collection::Mailboxes => Some(mailbox::field::user_id),
        Collection::Campaigns => Some(campaign::field::user_id),
        Collection::CampaignMetrics => Some(campaign_metrics::field::user_id),
        Collection::EmailTracking => Some(email_tracking::field::user_id),
        Collection::EventReceipts
        | Collection::ClerkUsers
        | Collection::KeyFingerprints
        | Collection::RecountMarks
        | Collection::RecountNotes
        | Collection::MigrationLease
        | Collection::MigrationSteps
        | Collection::MigrationParts
        | Collection::MigrationClashes
        | Collection::MigrationQuarantine => None,
    }
}

impl Scope {
    /// What a document within the scope fulfils; `None` if every document does.
    fn condition(self, collection: Collection) -> Option<Condition> {
        let (owner, user_id) = (owner_field(collection)?, self.user()?);
        Some(Condition::Is(owner.as_str(), user_id.to_bson()))
    }

    /// The documents of `query` within the scope.
    pub(crate) fn narrow(self, collection: Collection, query: &Query) -> Cow<'_, Query> {
        match self.condition(collection) {
            Some(condition) if !query.conditions().contains(&condition) => {
                Cow::Owned(query.clone().and(condition))
            }
            _ => Cow::Borrowed(query),
        }
    }

    /// The same for a filter that is no query.
    #[cfg(feature = "mongo")]
    pub(crate) fn narrow_filter(self, collection: Collection, mut filter: Document) -> Document {
        let Some((owner, user_id)) = self.condition(collection).map(|condition| condition.to_entry()) else {
            return filter;
        };
        match filter.get(owner) {
            Some(same) if *same == user_id => filter,
            Some(_) => doc! { "$and": [filter, { owner: user_id }] },
            None => {
                filter.insert(owner, user_id);
                filter
            }
        }
    }

    /// Whether a document is within the scope.
    pub(crate) fn has(self, collection: Collection, document: &RawDocument) -> bool {
        self.condition(collection).is_none_or(|condition| condition.matches(document))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;

    #[test]
    fn every_collection_of_the_specification_says_whose_a_document_is() {
        let user = Scope::User(UserId::new());
        assert!(Collection::ALL.into_iter().all(|collection| user.condition(collection).is_some()));
        assert!(Collection::BOOKKEEPING.into_iter().all(|collection| user.condition(collection).is_none()));
    }

    #[test]
    fn a_query_keeps_its_own_conditions() {
        let (ada, eve) = (UserId::new(), UserId::new());
        let of = |user: UserId| Query::all().is(mailbox::field::user_id, &user);
        let narrow = |query: &Query| Scope::User(ada).narrow(Collection::Mailboxes, query).into_owned();
        assert_eq!(narrow(&Query::all()), of(ada));
        assert_eq!(narrow(&of(ada)), of(ada));
        let both = narrow(&of(eve));
        for owner in [ada, eve] {
            let row = bson::rawdoc! { "user_id": owner.as_object_id() };
            assert!(!both.matches(&row));
            assert_eq!(Scope::User(ada).has(Collection::Mailboxes, &row), owner == ada);
        }
    }

    #[cfg(feature = "mongo")]
    #[test]
    fn a_filter_keeps_its_own_conditions() {
        let (ada, eve) = (UserId::new(), UserId::new());
        let narrow = |filter| Scope::User(ada).narrow_filter(Collection::Users, filter);
        let [ada, eve] = [ada, eve].map(UserId::as_object_id);
        assert_eq!(narrow(doc! { "email": "x" }), doc! { "email": "x", "_id": ada });
        assert_eq!(narrow(doc! { "_id": ada }), doc! { "_id": ada });
        assert_eq!(narrow(doc! { "_id": eve }), doc! { "$and": [{ "_id": eve }, { "_id": ada }] });
        assert_eq!(Scope::AllUsers.narrow_filter(Collection::Users, doc! {}), doc! {});
    }
}
