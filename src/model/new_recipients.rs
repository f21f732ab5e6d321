//! Recipients to add to a campaign.

use super::debug::discreet_debug;
use super::{CampaignId, Receipt, text};
use crate::error::Invalid;

/// A number of recipients to add to a campaign, and a key by which a repeat is recognised.
///
/// ```
/// use campaign_store::NewRecipients;
///
/// let import = NewRecipients::new(250).key("import-2026-03-01")?;
/// let plain = NewRecipients::from(250);
/// # Ok::<(), campaign_store::Invalid>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct NewRecipients {
    pub(crate) n: u32,
    key: Option<String>,
}

discreet_debug!(NewRecipients { n });

impl NewRecipients {
    /// The largest size of a key, in bytes.
    pub const MAX_KEY: usize = 255;

    /// So many recipients.
    pub const fn new(n: u32) -> Self {
        Self { n, key: None }
    }

    /// Sets a key of at most [`MAX_KEY`](Self::MAX_KEY) bytes, such as the id of an import. Of the additions to
    /// a campaign with the same key only the first one counts, so it is safe to repeat one.
    ///
    /// # Errors
    /// [`Invalid`] when it is empty, too long, or contains white space or a control character.
    pub fn key(mut self, key: impl AsRef<str>) -> Result<Self, Invalid> {
        self.key = Some(text::token("recipients_key", key.as_ref(), Self::MAX_KEY)?.to_owned());
        Ok(self)
    }

    /// What is remembered of the addition to a campaign, if it has a key.
    pub(crate) fn receipt(&self, campaign: CampaignId) -> Option<Receipt> {
        self.key.as_ref().map(|key| Receipt::of_recipients(campaign, key))
    }
}

impl From<u32> for NewRecipients {
    fn from(n: u32) -> Self {
        Self::new(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_means_the_same_within_a_campaign_alone() {
        let [one, other] = [1, 2].map(|n| CampaignId::from(uuid::Uuid::from_u128(n)));
        let receipt = |campaign, n, key| NewRecipients::new(n).key(key).unwrap().receipt(campaign);
        assert_eq!(receipt(one, 1, "a\n"), receipt(one, 2, "a"));
        assert_ne!(receipt(one, 1, "a"), receipt(one, 1, "b"));
        assert_ne!(receipt(one, 1, "a"), receipt(other, 1, "a"));
        assert_eq!(NewRecipients::from(1).receipt(one), None);
        for key in ["", "a b", "a\nb", &"a".repeat(256)] {
            assert!(NewRecipients::new(1).key(key).is_err(), "{key:?}");
        }
    }
}
