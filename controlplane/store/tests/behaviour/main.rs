//! What the store does, one behaviour a file. One program, because each would link SQLite anew.

mod attempts_are_found;
mod campaign_moves;
mod contact_status;
mod crash_leaves_whole_transactions;
mod disk_fails;
mod disk_full;
mod draws_in_order;
mod dropped_half_way;
mod fail_over;
mod first_open;
mod idempotency_keys;
mod import_repeated;
mod import_reports_lines;
mod in_use_is_not_deleted;
mod names_and_tenants;
mod number_in_flight;
mod number_on_two_lists;
mod pages_are_stable;
mod planner_lease;
mod random_campaign;
mod readers_and_writers;
mod repeated_events;
mod scripts_and_prompts;
mod suppressed_numbers;
mod variants_are_counted;
mod world;
