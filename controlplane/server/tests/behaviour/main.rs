//! What the control plane does, seen from outside: by nodes over the link, by clients of the API, and in its store.
//!
//! One binary, since each would link the whole control plane anew.

mod dialling_stops;
mod failed_try_fails_over;
mod hang_up;
mod lease_is_kept_and_lost;
mod lost_link_keeps_slots;
mod many_contacts;
mod node_name_taken;
mod nodes_are_served;
mod opt_out;
mod order_to_record;
mod recognisers;
mod restart_asks_nodes;
mod store_fails;
mod support;
mod variants;
