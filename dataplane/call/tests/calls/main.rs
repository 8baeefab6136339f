//! The calls of a shard against a scripted carrier, in virtual time. One behaviour a module.

mod a_thousand_calls_are_spread;
mod answered_call_plays_its_prompt;
mod callee_hangs_up;
mod cancel_crosses_answer;
mod carrier_refuses;
mod churn;
mod common;
mod counters_are_told;
mod digits_by_info;
mod digits_by_telephone_event;
mod early_media_then_answer_without_sdp;
mod far_ends_share_an_address;
mod hang_up_all;
mod hold_and_resume;
mod injected_rtp_changes_nothing;
mod led_elsewhere;
mod length_limit_hangs_up;
mod nobody_responds;
mod orders_keep_their_window;
mod ports_run_out;
mod recording_covers_the_talk;
mod ring_limit_cancels;
mod silent_far_end_is_hung_up;
mod state_table;
mod unusable_answer;
mod warm_call_allocates_nothing;
