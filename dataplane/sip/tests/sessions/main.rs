//! Offers, answers, and descriptions that broke others.

mod field_cases;
mod offers_and_answers;
