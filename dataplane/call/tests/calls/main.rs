//! The calls of a shard against a scripted carrier, in virtual time. One behaviour a module.

mod answered_call_plays_its_prompt;
mod common;
