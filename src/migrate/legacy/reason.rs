//! Why a legacy document is changed or not taken over.

use crate::model::text_enum::text_enum;

text_enum! {
    /// What was changed in a legacy document that was taken over.
    Repair, "repair" {
        /// A field was under another spelling of its name, such as `userId`.
        RenamedFields = "renamed_fields",
        /// An id was a text of 24 hexadecimal digits, or a wrapped one (`{"$oid": …}`).
        ConvertedId = "converted_id",
        /// A missing `campaign_id` was made from the document's `_id`.
        DerivedCampaignId = "derived_campaign_id",
        /// A `campaign_id` was not in the lower-case hyphenated form.
        NormalisedCampaignId = "normalised_campaign_id",
        /// An address was not trimmed or not in lower case.
        NormalisedEmail = "normalised_email",
        /// A provider was under another of its names, not trimmed, or not in lower case.
        NormalisedProvider = "normalised_provider",
        /// White space around a text was removed.
        TrimmedText = "trimmed_text",
        /// A user profile held dates, ids or symbols, which are texts now.
        ConvertedProfile = "converted_profile",
        /// Secrets were in an object of their own, `credentials`.
        UnnestedSecret = "unnested_secret",
        /// A secret was an empty text and is absent now.
        EmptySecret = "empty_secret",
        /// A boolean was a text or a number.
        ConvertedBool = "converted_bool",
        /// Another mailbox of the owner stays the primary one.
        SecondPrimary = "second_primary",
        /// A status was under another of its names, not trimmed, or not in lower case.
        NormalisedStatus = "normalised_status",
        /// An unknown status became the one in which nothing is sent.
        UnknownStatus = "unknown_status",
        /// A campaign that was just being sent is paused, so that migrating sends no mail.
        InterruptedStatus = "interrupted_status",
        /// A duration was a text, a decimal, or a wrapped number (`{"$numberLong": …}`).
        ConvertedDuration = "converted_duration",
        /// A missing duration was made from the start and the end.
        DerivedDuration = "derived_duration",
        /// An end that was not the start plus the duration was recomputed.
        RecomputedEndTime = "recomputed_end_time",
        /// A count was a text, a decimal, or a wrapped number (`{"$numberLong": …}`).
        ConvertedCount = "converted_count",
        /// A missing `created_by` became the owner.
        DerivedCreatedBy = "derived_created_by",
        /// A date was a text, a number, a timestamp, or a wrapped one (`{"$date": …}`).
        ConvertedDate = "converted_date",
        /// A date that stands for "never", such as 1970-01-01 or an empty text, is absent now.
        ClearedDate = "cleared_date",
        /// A missing `created_at` became the time in the document's `_id`.
        DerivedCreatedAt = "derived_created_at",
        /// A missing `updated_at` became `created_at`.
        DerivedUpdatedAt = "derived_updated_at",
    }
}

text_enum! {
    /// Why a legacy document was not taken over.
    ///
    /// In order of weight: a document with several reasons counts under the first.
    Rejection, "rejection" {
        /// The bytes are no BSON document, or a text in it is not UTF-8.
        MalformedBson = "malformed_bson",
        /// `_id` is not an `ObjectId`.
        InvalidId = "invalid_id",
        /// `campaign_id` is there and is not a UUID.
        InvalidCampaignId = "invalid_campaign_id",
        /// `user_id` is missing, or it or `created_by` is not an id.
        InvalidUserId = "invalid_user_id",
        /// `mailbox_id` is missing or not an id.
        InvalidMailboxId = "invalid_mailbox_id",
        /// The mailbox that the document names was not taken over.
        UnknownMailbox = "unknown_mailbox",
        /// `email` is missing or not an address.
        InvalidEmail = "invalid_email",
        /// A field is there twice, or under two spellings of its name with different values.
        ConflictingFields = "conflicting_fields",
        /// A date is missing, cannot be read, or is not in the years 2005 to 2040.
        InvalidDate = "invalid_date",
        /// `duration` is not a number of hours that a campaign can run, or cannot be known.
        InvalidDuration = "invalid_duration",
        /// `subject` is missing.
        MissingSubject = "missing_subject",
        /// `subject` cannot be the subject of an e-mail.
        InvalidSubject = "invalid_subject",
        /// `campaign_name` is missing or cannot be a name.
        InvalidName = "invalid_name",
        /// `message` is missing or cannot be the body of an e-mail.
        InvalidMessage = "invalid_message",
        /// `provider` is missing or cannot be a provider's name.
        InvalidProvider = "invalid_provider",
        /// A secret is not a text, or cannot be a secret of its kind.
        InvalidSecret = "invalid_secret",
        /// `user_profile` is not an object, or JSON cannot hold it.
        InvalidProfile = "invalid_profile",
        /// `status` is not a text.
        InvalidStatus = "invalid_status",
        /// A boolean cannot be read as one.
        InvalidBool = "invalid_bool",
        /// A count is not a whole number from 0.
        InvalidCount = "invalid_count",
        /// Another document with the same key is taken over instead.
        Duplicate = "duplicate",
    }
}

/// What is wrong with one field of a legacy document; never its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reason {
    /// Why the document is not taken over.
    pub(crate) code: Rejection,
    /// The field, by its name in the schema.
    pub(crate) path: &'static str,
    /// The BSON type that it has, by the names that `$type` takes, or `missing`.
    pub(crate) bson_type: &'static str,
}
