//! One suite for every store: each test below runs on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod append;
mod catalog;
mod cluster;
mod coupon_orders;
mod coupons;
mod fence;
mod jobs;
mod members;
mod opening;
mod orders;
mod owners;
mod payments;
mod postgres_faults;
mod postgres_harness;
mod postgres_locks;
mod proxy;
mod seats;
mod snapshots;
mod sqlite_faults;
mod support;

/// Instantiates every test for one store; `$fixture` makes a fresh one of it, or says why it is skipped.
macro_rules! suite {
    ($store:ident: $($module:ident::{$($test:ident),* $(,)?}),* $(,)?) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(fixture) = crate::support::Fixture::$store().await {
                    crate::$module::$test(&fixture).await;
                    fixture.store.close().await;
                }
            }
        )*)*
    };
}

macro_rules! conformance {
    ($($tests:tt)*) => {
        mod sqlite {
            suite!(sqlite: $($tests)*);
        }
        mod postgres {
            suite!(postgres: $($tests)*);
        }
    };
}

conformance! {
    append::{
        entries_come_back_in_order,
        an_empty_batch_is_nothing,
        a_gap_is_a_conflict,
        a_duplicate_is_a_conflict,
        one_bad_run_spoils_the_batch,
        odd_batch_sizes_keep_every_row,
        heads_are_in_the_order_asked_for,
        a_long_journal_is_read_in_pages,
        appenders_of_different_performances_run_side_by_side,
        of_two_appends_of_one_sequence_one_wins,
        a_body_may_hold_any_bytes,
        a_broken_batch_is_invalid,
    },
    catalog::{
        a_venue_is_created_once,
        a_performance_is_created_once,
        a_performance_needs_its_venue,
        venues_are_listed_by_id,
        performances_are_listed_by_id,
        a_cancellation_is_noted_once,
        racing_creations_create_once,
        the_clock_is_of_this_time,
    },
    cluster::{
        a_later_run_ends_the_earlier,
        a_run_that_was_declared_dead_is_over,
        a_lease_that_ran_out_may_be_renewed,
        a_node_drains_until_its_next_run,
        the_version_grows_with_each_change,
        a_view_is_of_one_moment,
        one_run_leads_until_its_lease_is_over,
        of_many_runs_one_leads,
        a_bucket_is_pinned_to_one_node,
        racing_pins_agree_on_a_node,
        a_broken_node_names_the_field,
    },
    coupon_orders::{
        a_coupon_follows_its_order,
        a_refund_returns_a_coupon_if_its_campaign_does,
        a_refund_keeps_a_coupon_if_its_campaign_does,
        a_change_that_does_not_fit_changes_nothing,
        a_coupon_of_another_hold_is_left_to_it,
        a_declined_order_may_have_its_coupon_again,
        a_refused_batch_changes_no_coupon,
    },
    coupons::{
        a_campaign_is_created_once,
        a_campaign_ends_when_it_is_told_to,
        a_coupon_is_issued_once_per_request,
        an_occasion_has_one_coupon,
        racing_issues_never_oversell,
        a_coupon_is_reserved_for_one_hold,
        of_many_holds_one_gets_the_coupon,
        a_date_ends_a_coupon_but_not_one_being_paid_with,
    },
    fence::{
        a_claim_grows_the_epoch,
        the_epochs_tell_who_owns,
        nobody_writes_without_a_claim,
        one_stale_bucket_of_many_spoils_the_batch,
        a_stale_epoch_writes_no_order_and_no_seat,
        a_future_epoch_is_fenced_too,
        takeovers_and_appends_never_both_win,
        claims_of_the_same_buckets_do_not_deadlock,
    },
    jobs::{
        a_job_is_created_once,
        a_job_is_one_nodes_at_a_time,
        a_job_that_is_given_up_is_taken_at_once,
        a_job_that_is_given_up_for_a_while_keeps_no_other_waiting,
        of_many_nodes_one_takes_a_job,
        a_job_can_be_stopped,
        ended_jobs_are_forgotten_in_time,
    },
    members::{
        a_member_comes_back_as_sent,
        putting_members_again_changes_what_changed,
        members_are_found_by_grade_and_birthday,
        too_many_members_at_once_are_refused,
    },
    opening::{
        a_newer_schema_is_refused,
        a_store_opens_again_with_its_data,
        a_closed_store_refuses,
    },
    orders::{
        an_order_comes_back_as_sent,
        the_last_state_in_a_batch_counts,
        a_later_batch_updates_an_order,
        orders_are_listed_newest_first_in_pages,
        orders_need_an_entry_of_their_performance,
    },
    owners::{
        only_what_nobody_alive_owns_is_claimed,
        claimers_at_once_get_disjoint_buckets,
        a_transfer_fences_the_old_owner,
        a_transfer_needs_an_active_node_and_the_epoch,
        of_two_transfers_one_wins,
        owners_from_before_the_cluster_may_be_followed,
    },
    payments::{
        a_webhook_is_taken_once,
        two_webhooks_of_an_order_wait_at_most,
        webhooks_that_were_looked_at_are_forgotten,
        an_account_is_found_by_its_order_and_its_reference,
        a_refund_account_is_kept_until_it_is_forgotten,
        a_payment_leads_to_its_orders,
    },
    seats::{
        a_taken_seat_is_refused_to_another_order,
        a_freed_seat_may_be_taken,
        free_then_take_in_one_batch,
        take_then_free_in_one_batch,
        taking_again_changes_nothing,
        freeing_what_another_has_changes_nothing,
        a_late_free_does_not_excuse_a_take,
        many_seats_at_once,
    },
    snapshots::{
        the_newest_snapshot_is_the_latest,
        a_snapshot_may_be_repeated,
        an_older_snapshot_is_not_kept,
        a_stale_epoch_keeps_no_snapshot,
    },
}
