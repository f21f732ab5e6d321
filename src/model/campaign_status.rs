//! The status of a campaign, and its transitions.

use super::text_enum::text_enum;

text_enum! {
    /// The status of a campaign.
    ///
    /// ```
    /// use campaign_store::{CampaignStatus, CampaignTransition};
    ///
    /// assert_eq!(CampaignTransition::Pause.from(), [CampaignStatus::Scheduled, CampaignStatus::Active]);
    /// assert_eq!(CampaignTransition::Pause.to(), CampaignStatus::Paused);
    /// assert!(CampaignStatus::Cancelled.is_final());
    /// ```
    CampaignStatus, "status" {
        /// It waits for its start time.
        Scheduled = "scheduled",
        /// It is being sent.
        Active = "active",
        /// It ended.
        Completed = "completed",
        /// It was halted, and can be resumed.
        Paused = "paused",
        /// It was stopped for good.
        Cancelled = "cancelled",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro has no place for a default")]
impl Default for CampaignStatus {
    fn default() -> Self {
        Self::Scheduled
    }
}

impl CampaignStatus {
    /// Whether a campaign in this status can no longer change: completed or cancelled.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    /// The statuses in which a patch can change a campaign.
    pub(crate) const EDITABLE: &[Self] = &[Self::Scheduled, Self::Paused];
    /// The statuses in which a campaign needs its mailbox, and recipients can be added.
    pub(crate) const UNFINISHED: &[Self] = &[Self::Scheduled, Self::Active, Self::Paused];
}

text_enum! {
    /// A change from one [`CampaignStatus`] to another. No other changes are possible.
    CampaignTransition, "transition" {
        /// scheduled → active
        Start = "start",
        /// scheduled or active → paused
        Pause = "pause",
        /// paused → active
        Resume = "resume",
        /// paused → scheduled
        Reschedule = "reschedule",
        /// active → completed
        Complete = "complete",
        /// scheduled, active or paused → cancelled
        Cancel = "cancel",
    }
}

impl CampaignTransition {
    /// The statuses that allow the transition.
    #[must_use]
    pub const fn from(self) -> &'static [CampaignStatus] {
        use CampaignStatus::{Active, Paused, Scheduled};
        match self {
            Self::Start => &[Scheduled],
            Self::Pause => &[Scheduled, Active],
            Self::Resume | Self::Reschedule => &[Paused],
            Self::Complete => &[Active],
            Self::Cancel => &[Scheduled, Active, Paused],
        }
    }

    /// The status after the transition.
    #[must_use]
    pub const fn to(self) -> CampaignStatus {
        match self {
            Self::Start | Self::Resume => CampaignStatus::Active,
            Self::Pause => CampaignStatus::Paused,
            Self::Reschedule => CampaignStatus::Scheduled,
            Self::Complete => CampaignStatus::Completed,
            Self::Cancel => CampaignStatus::Cancelled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transitions_are_those_of_the_design() {
        use CampaignStatus::{Active, Cancelled, Completed, Paused, Scheduled};
        let mut ways: Vec<_> = CampaignTransition::ALL
            .iter()
            .flat_map(|transition| transition.from().iter().map(|from| (*from, transition.to())))
            .collect();
        ways.sort();
        let mut expected = vec![
            (Scheduled, Active),
            (Scheduled, Paused),
            (Scheduled, Cancelled),
            (Active, Paused),
            (Active, Completed),
            (Active, Cancelled),
            (Paused, Scheduled),
            (Paused, Active),
            (Paused, Cancelled),
        ];
        expected.sort();
        assert_eq!(ways, expected);
        assert!(ways.iter().all(|(from, _)| !from.is_final()));
    }

    #[test]
    fn texts_round_trip() {
        for status in CampaignStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(*status));
        }
        assert!("Active".parse::<CampaignStatus>().is_err());
    }
}
