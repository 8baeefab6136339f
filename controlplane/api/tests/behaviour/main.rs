//! What the API does, one behaviour a file. One program, because each would link SQLite anew.

mod bodies_have_limits;
mod bodies_that_are_wrong;
mod campaign_moves;
mod clickhouse_is_away;
mod contacts_are_explained;
mod contacts_are_imported;
mod document_is_valid;
mod entities;
mod events_stream;
mod every_route_asks_for_the_key;
mod hang_up;
mod import_breaks_off;
mod keys_of_idempotency;
mod naughty_strings;
mod numbers_are_masked;
mod pages;
mod panic_is_an_answer;
mod passwords_stay_inside;
mod prompts;
mod suppressions;
mod variants;
mod world;
