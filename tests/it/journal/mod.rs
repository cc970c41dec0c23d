//! The journal: rules that every store keeps, and what only the embedded one promises.

#![expect(clippy::unwrap_used, reason = "a test ends at its first surprise, also in its helpers")]

pub(crate) mod altered;
pub(crate) mod checker;
pub(crate) mod fixture;

mod interleaving;
mod rules_cursors;
mod rules_deliveries;
mod rules_events;
mod rules_jobs;
mod rules_lists;
mod rules_records;
mod rules_requests;
mod rules_retention;
mod rules_sealed;
mod rules_subscriptions;

mod embedded_disk;
mod embedded_faults;
mod memory_faults;
mod seal;

/// Runs every rule over every store.
macro_rules! conformance {
    ($($module:ident { $($rule:ident),+ $(,)? })+) => {
        mod memory {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    super::$module::$rule(super::fixture::Fixture::memory()).await;
                }
            )+)+
        }

        mod embedded {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $rule() {
                    super::$module::$rule(super::fixture::Fixture::embedded()).await;
                }
            )+)+
        }
    };
}

conformance! {
    rules_events {
        concurrent_appends_are_dense_and_ordered,
        events_come_back_as_appended,
        record_time_never_goes_back,
        a_page_holds_at_most_the_limit,
        next_moves_past_what_the_filter_drops,
        a_scan_is_bounded,
        reading_at_and_beyond_the_head_gives_nothing,
        a_time_leads_to_the_place_before_it,
        a_time_stays_with_record_times_when_the_clock_goes_back,
        a_dedupe_key_is_written_once,
        a_swept_dedupe_key_is_free_again,
        the_head_is_told,
        health_is_good,
    }
    rules_records {
        a_batch_is_whole_or_nothing,
        a_batch_without_events_stands_at_the_head,
        a_stale_version_conflicts,
        a_change_without_a_revision_is_not_overwritten,
        creating_twice_conflicts,
        changing_what_is_not_there_conflicts,
        one_of_two_concurrent_changes_wins,
        vendor_ids_are_found_without_case,
        tickets_lead_to_their_identification,
        a_reference_is_unique_among_the_living,
        no_reference_is_not_a_reference,
        the_first_that_was_created_later_is_found,
        a_reference_leads_to_the_current_one,
        a_guarded_reference_is_taken_once,
    }
    rules_lists {
        pages_stand_still_while_records_change,
        every_condition_chooses,
        tickets_are_a_condition,
        a_place_leads_behind_its_record,
        conditions_are_joined,
        times_are_compared_to_the_nanosecond,
        the_last_page_knows_that_it_is_the_last,
        a_list_looks_at_a_bounded_number,
        a_page_holds_a_bounded_number_of_bytes,
    }
    rules_deliveries {
        a_delivery_comes_back_as_put,
        putting_twice_and_updating_nothing_conflict,
        duplicates_are_counted,
        an_update_does_not_forget_duplicates,
        like_deliveries_are_found_oldest_first,
        those_being_confirmed_are_found_by_what_they_are_about,
        the_time_of_the_last_delivery_is_known,
        unmatched_deliveries_wait_for_vendor_ids,
        deliveries_are_listed_newest_first,
        pages_of_deliveries_neither_repeat_nor_skip,
        a_look_for_a_rare_state_is_bounded,
        a_page_of_deliveries_has_few_bytes,
        a_replayed_delivery_is_received_again,
        what_was_read_before_a_replay_is_not_written_after_it,
    }
    rules_requests {
        a_request_is_begun_once,
        an_answer_stands_at_its_last_event,
        an_answer_without_event_stands_where_it_says,
        answering_what_was_not_begun_conflicts,
        answered_requests_are_swept_in_time,
    }
    rules_retention {
        events_go_when_they_are_too_old,
        what_was_removed_is_told_from_what_is_kept,
        the_newest_event_stays,
        many_events_go_in_one_sweep,
        dedupe_keys_outlive_their_events,
    }
    rules_sealed {
        a_sealed_item_comes_back_and_goes_for_good,
        an_item_changes_its_owner,
        an_owner_is_erased_with_all_it_has,
        sealing_again_replaces,
        names_of_sealed_items_stand_in_order,
    }
    rules_jobs {
        jobs_come_when_due_and_oldest_first,
        claims_are_disjoint,
        a_lease_ends,
        scheduling_again_replaces_and_frees,
        completing_removes,
        a_failed_batch_leaves_claims_alone,
        next_due_waits_for_the_end_of_a_lease,
        scheduling_is_told,
    }
    rules_subscriptions {
        a_subscription_comes_back_as_made,
        subscriptions_are_listed_by_name,
        settings_are_replaced_once,
        a_shard_has_one_holder,
        who_was_replaced_is_fenced,
        commits_never_go_back,
        seeking_ends_every_lease,
        idle_subscriptions_are_swept,
        interleavings_agree_with_the_model,
    }
    rules_cursors {
        a_cursor_leads_back_to_its_place,
        a_cursor_of_another_key_is_malformed,
        a_cursor_of_another_epoch_is_told_apart,
        a_cursor_beyond_the_head_is_of_another_epoch,
        a_cursor_of_another_entry_is_of_another_epoch,
        an_altered_cursor_is_malformed,
        a_cursor_below_low_water_is_expired,
    }
}
