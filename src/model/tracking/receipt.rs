//! What is remembered of an event that was recorded, or of recipients that were added.

use sha2::{Digest, Sha256};

use crate::model::{CampaignId, TrackingId};

/// What is remembered of an event with a provider event id: 128 bits of the SHA-256 of the id, within its
/// e-mail. Providers use one id for the events of several recipients of a message, and no sender must be able
/// to block the events of another.
///
/// At a billion events a day, each remembered for a week, two of them share a receipt by chance once in 10^17
/// years. Making two on purpose takes 2^64 hashes, and gains that one of them is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Receipt([u8; Self::BYTES]);

impl Receipt {
    const BYTES: usize = 16;

    pub(crate) fn of(tracking_id: TrackingId, provider_event_id: &str) -> Self {
        Self::hashed(
            Sha256::new_with_prefix(tracking_id.as_uuid().as_bytes()).chain_update(provider_event_id),
        )
    }

    /// The receipt of recipients that were added to a campaign. No provider's id has a control character, so it
    /// is the receipt of no event.
    pub(crate) fn of_recipients(campaign_id: CampaignId, key: &str) -> Self {
        let campaign = Sha256::new_with_prefix(campaign_id.as_uuid().as_bytes());
        Self::hashed(campaign.chain_update("\0recipients\0").chain_update(key))
    }

    fn hashed(hash: Sha256) -> Self {
        let mut receipt = [0; Self::BYTES];
        receipt.iter_mut().zip(hash.finalize()).for_each(|(byte, of_hash)| *byte = of_hash);
        Self(receipt)
    }

    #[cfg(feature = "mongo")]
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    #[cfg(feature = "mongo")]
    pub(crate) const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}
