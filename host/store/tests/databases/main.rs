//! The store from outside: one suite for every database, and what is each one's own.

#![allow(clippy::cloned_ref_to_slice_refs, reason = "`[row.clone()]` looks like the list it is compared with")]

mod aside;
mod conformance;
mod damage;
mod disk;
mod fence;
mod ledger;
mod migrating;
mod opening;
mod pooler;
mod samples;
mod server;

/// Runs the suite on stores that `$open` makes: each case on an empty one.
macro_rules! suite {
    ($database:ident, $open:path, $($subject:ident :: { $($case:ident),* $(,)? })*) => {
        mod $database {
            $(mod $subject {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (store, _kept) = $open().await;
                    $crate::conformance::$subject::$case(&store).await;
                })*
            })*
        }
    };
}

/// Every case on every database.
macro_rules! suites {
    ($($cases:tt)*) => {
        suite! { sqlite, crate::samples::sqlite, $($cases)* }
        suite! { postgres, crate::samples::postgres, $($cases)* }
    };
}

suites! {
    people::{
        users_are_kept_and_their_names_are_unique,
        accounts_are_kept_and_only_their_owner_sees_them,
        names_are_checked,
    }
    versions::{
        strategies_are_kept_and_only_their_owner_sees_them,
        an_upload_is_kept_once_however_often_it_comes,
        a_new_strategy_is_kept_with_its_first_version_or_not_at_all,
        a_component_is_shared_and_a_version_is_not,
    }
    engines::{
        an_engine_is_kept_with_all_its_parts,
        what_an_engine_needs_must_be_its_owners,
        only_the_owner_changes_an_engine,
        what_a_strategy_saved_replaces_what_it_saved_before,
        steps_are_kept_with_what_follows_from_them,
        an_engine_is_given_another_setup,
        a_removed_engine_frees_its_name_and_never_its_id,
        what_engines_have_seen_of_the_market_is_the_latest_of_states_orders_and_deals,
    }
    reports::{
        logs_are_numbered_and_read_in_both_directions,
        only_the_last_log_lines_and_signals_are_kept,
        signals_are_kept_with_all_their_parts,
        a_signal_knows_the_order_and_the_deal_that_it_led_to,
        a_batch_with_an_unknown_engine_leaves_nothing,
    }
    trading::{
        an_order_is_listed_with_all_its_parts,
        a_position_is_listed_from_its_opening_to_its_close,
        a_position_that_opens_again_is_a_new_row,
        a_fill_that_overtakes_a_cancel_is_seen_in_the_order,
        lists_are_read_page_by_page,
        nobody_sees_what_another_trades,
        a_repeated_entry_changes_nothing,
        an_entry_that_fails_takes_its_whole_batch_with_it,
        a_journal_that_was_taken_over_writes_nothing_and_is_told,
        a_report_that_cannot_be_booked_is_kept_and_keeps_nobody_else,
        a_command_that_cannot_be_recorded_is_named_and_nothing_is_written,
        a_night_that_is_told_again_after_a_restart_is_charged_once,
        a_guest_meets_no_number_again_that_it_remembers,
        a_host_gives_no_order_a_number_that_one_before_it_may_have_given,
        orders_that_a_broker_has_had_are_numbered_no_more_though_the_database_never_had_them,
        a_restored_database_goes_beyond_all_that_it_has_forgotten,
        a_balance_that_was_noted_is_the_sum_of_all_deals,
        a_grid_that_changed_is_refused_once_it_is_used,
        a_symbol_that_is_gone_is_named,
        a_stop_limit_that_was_reached_is_a_limit_after_a_restart,
    }
    risk::{
        a_hosts_setting_is_the_last_that_was_set,
        a_users_limits_are_the_last_that_were_set_and_only_theirs,
        what_a_gate_remembers_is_what_was_saved_last,
        deals_since_one_come_in_their_order_and_the_last_of_many,
    }
    audit::{
        the_audit_is_a_chain_that_can_be_checked,
        audit_rows_are_listed_latest_first,
    }
    health::{
        the_store_answers_and_counts,
    }
}
