//! The list of cases, as tests.

/// Makes a test of every case of the suite, in one module per part.
///
/// `harness` is a type that implements [`Harness`](crate::contract::Harness); `test` is the attribute that
/// turns an `async fn` into a test.
#[macro_export]
macro_rules! contract_tests {
    (harness = $harness:ty, test = $test:meta) => {
        $crate::contract_module! {
            $harness, $test, isolation:
            an_unlink_and_many_campaigns_at_once_leave_no_orphan,
            exactly_one_mailbox_is_primary_at_any_look,
            exactly_one_mailbox_is_primary_while_many_are_unlinked,
            a_transition_among_many_is_made_or_illegal,
            a_delete_and_many_links_at_once_leave_no_orphan,
        }
        $crate::contract_module! {
            $harness, $test, tenants:
            to_a_stranger_nothing_of_a_user_exists,
            within_an_unknown_user_there_is_nothing,
            a_campaign_cannot_name_what_another_has,
            sends_of_others_are_of_unknown_campaigns,
            events_of_a_stranger_leave_no_receipt,
            the_lists_of_a_user_are_whole,
            a_cursor_does_not_leave_its_user,
            what_goes_through_everything_stays_within_the_user,
            a_user_can_change_and_delete_itself,
            a_user_creates_no_other,
            a_login_within_a_user_is_the_users_own,
            taken_values_are_taken_within_a_user,
        }
        $crate::contract_module! {
            $harness, $test, user:
            a_created_user_reads_back_the_same,
            names_are_trimmed_and_found_in_any_case,
            a_clerk_id_is_found_in_its_own_case_alone,
            an_unknown_user_is_none,
            a_taken_value_is_refused_when_creating,
            a_taken_value_is_refused_when_updating,
            a_user_can_be_given_its_own_values_again,
            many_users_have_neither_address_nor_clerk_id,
            a_patch_sets_what_it_names_and_keeps_the_rest,
            a_changed_value_is_free_again,
            a_cleared_value_is_gone_and_free_again,
            a_stale_version_is_a_conflict,
            a_write_of_an_unknown_user_is_not_found,
            an_empty_patch_checks_and_raises_the_version,
            every_write_makes_the_version_later,
            a_version_is_the_time_of_the_write,
            created_at_never_changes,
            a_login_is_recorded_with_the_time_of_the_store,
            a_user_can_be_switched_twice,
            one_of_many_creates_a_login_id,
            one_of_many_updates_a_version,
            a_deleted_user_is_gone_and_its_values_are_free,
            a_user_with_mailboxes_is_in_use,
            campaigns_that_are_over_keep_naming_a_deleted_user,
            another_handle_sees_every_write_of_a_user,
        }
        $crate::contract_module! {
            $harness, $test, clerk:
            an_unknown_clerk_id_creates_a_user,
            a_known_clerk_id_updates_its_user,
            one_of_many_creates_the_user_of_a_clerk_id,
            clerk_cannot_take_the_values_of_another_user,
            an_older_event_changes_nothing,
            an_address_that_clerk_removed_is_removed,
            a_user_deleted_at_clerk_stays_deleted,
            a_deleted_user_with_mailboxes_is_deactivated,
            an_address_has_the_latest_owner,
            a_login_id_has_the_latest_owner,
            what_a_user_deleted_here_had_goes_back,
            events_at_once_leave_the_latest_states,
        }
        $crate::contract_module! {
            $harness, $test, mailbox:
            a_linked_mailbox_reads_back_the_same,
            a_mailbox_of_any_provider_can_be_linked,
            a_profile_is_never_taken_for_a_command,
            an_unknown_mailbox_is_none,
            a_mailbox_needs_its_user,
            an_address_is_unique_for_each_user,
            a_patch_sets_what_it_names_and_keeps_the_rest,
            an_empty_patch_checks_and_raises_the_version,
            a_stale_version_is_a_conflict,
            one_of_many_updates_a_version,
            a_changed_address_must_be_free,
            a_write_of_an_unknown_mailbox_is_not_found,
            every_write_makes_the_version_later,
            a_status_can_be_set,
            a_touch_records_the_time_of_the_store,
            mailboxes_take_turns,
            mailboxes_that_cannot_be_used_have_no_turn,
            mailboxes_of_a_deactivated_user_have_no_turn,
            a_list_holds_what_fits_its_filter,
            another_handle_sees_every_write_of_a_mailbox,
        }
        $crate::contract_module! {
            $harness, $test, mailbox_primary:
            the_first_mailbox_is_primary,
            a_mailbox_linked_as_primary_takes_over,
            the_primary_mailbox_can_be_switched,
            one_of_many_first_mailboxes_is_primary,
            one_of_many_mailboxes_linked_as_primary_is_it_in_the_end,
            one_of_many_links_an_address,
            the_oldest_remaining_mailbox_becomes_primary,
            an_unlinked_mailbox_is_gone,
            many_unlinks_at_once_leave_one_primary,
            a_mailbox_of_an_unfinished_campaign_is_in_use,
            a_mailbox_that_a_campaign_left_is_free,
        }
        $crate::contract_module! {
            $harness, $test, password:
            a_user_created_with_a_password_can_log_in,
            a_set_password_takes_the_place_of_the_one_before,
            setting_a_password_is_a_write_of_nothing_else,
            a_password_of_an_unknown_user_is_not_found,
            every_attempt_that_is_not_right_is_rejected,
            a_login_id_is_right_in_any_case,
            equivalent_forms_are_one_password_and_nothing_else_is,
            a_user_of_clerk_has_no_password,
            an_inactive_user_is_rejected,
            logging_in_writes_nothing,
            many_can_log_in_at_once,
            of_passwords_set_at_once_one_is_right,
            a_weak_hash_is_replaced_and_the_version_stays,
            a_strong_hash_stays_good_for_a_weak_policy,
            a_password_set_while_a_weak_hash_is_replaced_wins,
            a_short_or_common_password_is_refused,
            after_too_many_wrong_logins_further_ones_are_throttled,
            a_full_queue_is_busy_and_says_nothing_of_the_password,
        }
        $crate::contract_module! {
            $harness, $test, credentials:
            secrets_read_back_as_they_were_linked,
            any_text_of_the_bounds_reads_back_the_same,
            an_unknown_mailbox_has_no_secrets,
            replaced_secrets_leave_the_others,
            replacing_secrets_is_a_write_of_nothing_else,
            refreshed_tokens_take_the_place_of_those_used,
            tokens_that_somebody_else_replaced_are_a_conflict,
            one_of_many_refreshes_the_tokens,
            other_changes_are_no_obstacle_to_a_refresh,
            a_refresh_and_many_touches_at_once_all_succeed,
            secrets_of_an_unknown_mailbox_cannot_be_replaced,
            no_other_method_opens_a_secret,
            a_secret_under_an_unknown_key_is_named,
            a_secret_under_a_disabled_key_is_named,
        }
        $crate::contract_module! {
            $harness, $test, reencrypt:
            everything_is_under_the_primary_key_afterwards,
            the_version_of_a_mailbox_stays,
            a_dry_run_writes_nothing,
            a_run_that_was_cut_off_can_be_resumed,
            a_report_comes_after_each_batch,
            the_reports_count_the_secrets_under_each_key,
            a_run_through_nothing_is_done,
            two_runs_at_once_lead_to_the_same,
            a_secret_that_does_not_open_is_reported_and_the_rest_done,
            a_disabled_key_is_reported,
            a_mailbox_unlinked_meanwhile_is_no_obstacle,
            tokens_refreshed_meanwhile_win,
        }
        $crate::contract_module! {
            $harness, $test, paging:
            pages_hold_every_record_once_in_order,
            the_last_page_has_no_next_one,
            removals_between_two_pages_shift_nothing,
            a_page_after_which_nothing_remains_is_followed_by_an_empty_one,
            additions_between_two_pages_come_last,
            the_limit_can_change_between_two_pages,
            a_stream_holds_every_record_once,
            the_filter_holds_for_pages_and_streams,
            a_record_that_leaves_the_filter_shifts_nothing,
            a_cursor_of_users_works_in_its_own_list_alone,
            a_cursor_of_mailboxes_works_in_its_own_list_alone,
            a_cursor_with_a_flipped_bit_is_refused,
            a_cursor_of_another_length_is_refused,
            a_cursor_survives_text_and_json,
            a_limit_is_from_1_to_1000,
        }
        $crate::contract_module! {
            $harness, $test, campaign:
            a_campaign_with_an_id_can_be_created_again,
            the_id_of_another_campaign_is_refused,
            many_who_create_a_campaign_id_get_the_same_campaign,
            every_field_of_a_new_campaign_is_read_back,
            the_longest_texts_are_kept,
            texts_that_look_like_operators_are_kept,
            texts_of_a_patch_that_look_like_operators_are_kept,
            creation_makes_the_metrics_record,
            the_owner_is_the_creator_unless_another_is_named,
            an_unknown_owner_is_refused,
            an_unknown_creator_is_refused,
            an_unknown_mailbox_is_refused,
            a_mailbox_of_another_user_is_refused,
            the_end_is_the_start_plus_the_duration,
            a_patch_changes_what_it_names_and_nothing_else,
            a_patch_can_change_many_fields,
            a_new_start_moves_the_end,
            a_new_duration_moves_the_end,
            the_metrics_record_follows_the_campaign_to_another_mailbox,
            a_patch_to_a_foreign_mailbox_is_refused,
            a_patch_to_an_unknown_mailbox_is_refused,
            a_patch_is_refused_while_active_and_when_over,
            a_paused_campaign_can_be_changed,
            a_stale_version_is_a_conflict,
            of_concurrent_patches_of_one_version_one_wins,
            an_unknown_campaign_is_not_found,
            a_deactivated_user_creates_no_campaigns,
            a_mailbox_that_cannot_send_gets_no_campaigns,
            no_campaign_appears_after_its_user_was_deactivated,
            lists_and_streams_hold_what_the_filter_names,
            summaries_are_the_campaigns_without_bodies,
            lists_are_in_the_order_of_creation,
            every_write_makes_a_later_version,
            a_version_is_later_though_the_clock_goes_back,
        }
        $crate::contract_module! {
            $harness, $test, campaign_life:
            every_legal_transition_is_made,
            every_illegal_transition_is_refused,
            the_named_methods_make_their_transitions,
            a_campaign_that_nobody_can_send_does_not_become_active,
            campaigns_that_nobody_can_send_are_passed_over,
            many_campaigns_that_nobody_can_send_block_none,
            no_campaign_becomes_active_after_its_user_was_deactivated,
            of_concurrent_starts_one_wins,
            a_campaign_is_due_at_its_start,
            the_earliest_due_campaigns_are_claimed_first,
            claimed_campaigns_are_active,
            scheduled_campaigns_alone_are_claimed,
            a_rescheduled_campaign_is_claimed_again,
            a_claim_of_none_or_of_too_many_is_refused,
            concurrent_workers_claim_each_campaign_once,
            active_campaigns_are_completed_at_their_end,
            active_campaigns_alone_expire,
            concurrent_completions_count_each_campaign_once,
            campaigns_are_counted_by_status,
            recipients_added_at_once_add_up,
            recipients_with_a_key_are_added_once,
            recipients_added_at_once_with_a_key_count_once,
            recipients_are_added_until_the_campaign_is_over,
            a_campaign_that_is_over_gets_no_recipients,
        }
        $crate::contract_module! {
            $harness, $test, campaign_metrics:
            an_unknown_campaign_has_no_metrics,
            a_new_campaign_has_zeros,
            recorded_sends_are_counted,
            every_count_makes_a_later_version,
            lists_hold_what_the_filter_names,
            lists_and_look_ups_agree,
            pages_give_each_record_once,
            a_list_of_too_many_campaigns_is_refused,
            totals_are_of_what_the_filter_names,
            totals_of_nothing_are_zeros,
            totals_by_mailbox_follow_the_campaign,
            totals_of_a_mailbox_are_of_what_it_sent,
            totals_are_the_sum_of_the_rows,
        }
        $crate::contract_module! {
            $harness, $test, email_tracking:
            every_field_of_a_send_is_read_back,
            a_plain_send_has_the_texts_of_its_campaign,
            an_unknown_send_is_not_there,
            the_second_handle_sees_the_rows,
            a_batch_that_is_repeated_changes_nothing,
            an_id_that_comes_twice_in_a_batch_is_recorded_once,
            the_first_send_with_an_id_stays,
            a_batch_can_mix_new_old_and_unknown_sends,
            sends_of_an_unknown_campaign_are_not_recorded,
            an_empty_batch_is_no_error,
            a_batch_of_thousands_is_counted_by_campaign,
            sends_recorded_by_many_at_once_count_once,
            different_sends_recorded_at_once_are_all_counted,
            sends_of_a_campaign_that_is_over_are_recorded,
            rows_keep_the_mailbox_that_they_were_sent_from,
            a_send_in_the_future_is_implausible,
            a_send_has_the_id_of_its_recipient_and_number,
            a_send_can_have_an_id_of_the_callers,
            the_emails_to_a_recipient_are_found_oldest_first,
            nobody_is_suppressed_for_getting_an_email,
            lists_and_streams_hold_what_the_filter_names,
            a_plain_send_is_in_no_state,
            lists_are_in_the_order_of_recording,
            summaries_are_the_emails_without_bodies,
            ids_are_streamed_alone,
            the_recorded_ones_of_many_ids_are_named,
            pages_give_each_email_once,
            a_stream_gives_thousands_of_emails,
        }
        $crate::contract_module! {
            $harness, $test, recounts:
            a_recount_of_right_metrics_changes_nothing,
            a_recount_of_an_unknown_campaign_is_not_found,
            a_recount_of_all_looks_at_every_campaign,
            recounts_beside_sends_and_events_are_exact,
            nothing_can_be_recounted,
            a_series_counts_first_events,
            bounds_below_a_millisecond_are_exact,
            the_parts_of_a_series_add_up_to_the_totals,
            totals_can_be_of_a_range_of_time,
        }
        $crate::contract_module! {
            $harness, $test, email_events:
            an_event_changes_its_row_and_the_metrics,
            every_kind_of_event_is_read_back,
            a_complaint_unsubscribes_and_suppresses,
            a_click_is_an_open_and_a_delivery,
            the_earliest_event_gives_the_time,
            events_of_one_email_in_a_batch_add_up,
            an_event_with_a_known_id_is_a_duplicate,
            an_event_id_holds_for_its_email,
            an_event_of_an_unknown_email_can_come_again,
            outcomes_are_in_the_order_of_the_batch,
            a_bounce_stands_above_all,
            the_smallest_bounce_reason_stays,
            a_soft_bounce_is_noted,
            an_event_at_an_implausible_time_is_not_recorded,
            a_batch_of_thousands_is_counted_by_campaign,
            an_empty_batch_of_events_is_no_error,
            the_same_events_by_many_at_once_count_once,
            different_events_by_many_at_once_all_count,
            whoever_bounced_or_unsubscribed_is_suppressed,
            thousands_of_recipients_can_be_checked,
        }
    };
}

/// One module of [`contract_tests!`](crate::contract_tests).
#[doc(hidden)]
#[macro_export]
macro_rules! contract_module {
    ($harness:ty, $test:meta, $module:ident: $($case:ident,)+) => {
        mod $module {
            use super::*;

            $(
                #[$test]
                async fn $case() {
                    let db = <$harness as $crate::contract::Harness>::open().await;
                    $crate::contract::$module::$case(&db).await;
                }
            )+
        }
    };
}

#[cfg(test)]
mod tests {
    /// A case missing from the list would never run.
    #[test]
    fn every_case_is_in_the_list() {
        let list = include_str!("cases.rs");
        let mut missing = Vec::new();
        for source in [
            include_str!("user.rs"),
            include_str!("isolation.rs"),
            include_str!("tenants.rs"),
            include_str!("mailbox.rs"),
            include_str!("mailbox_primary.rs"),
            include_str!("password.rs"),
            include_str!("credentials.rs"),
            include_str!("reencrypt.rs"),
            include_str!("paging.rs"),
            include_str!("campaign.rs"),
            include_str!("campaign_life.rs"),
            include_str!("campaign_metrics.rs"),
            include_str!("email_tracking.rs"),
            include_str!("email_events.rs"),
            include_str!("recounts.rs"),
        ] {
            let names = source.split("\npub async fn ").skip(1).filter_map(|rest| rest.split('(').next());
            missing.extend(names.filter(|name| !list.contains(&format!(" {name},\n"))));
        }
        assert!(missing.is_empty(), "{missing:?}");
    }
}
