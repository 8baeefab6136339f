//! What somebody meant who said a sentence: intents by phrases and patterns, numbers, dates; in English and Chinese.
//!
//! Pure. A [`Grammar`] is made once for each question of a script and shared; [`Grammar::understand`] takes microseconds a
//! sentence. It knows what it was told, and nothing more: what is not among its phrases is not understood, and the script asks
//! again. Who needs more asks a server of his own or a language model.
//!
//! ```
//! use peal_understanding::{Grammar, Intent};
//!
//! let grammar = Grammar::new(&[Intent::built_in("yes").unwrap(), Intent::built_in("no").unwrap()])?;
//! assert_eq!(grammar.understand("Yeah, sure!").map(|meant| meant.intent), Some(0));
//! assert_eq!(grammar.understand("不用了,谢谢").map(|meant| meant.intent), Some(1));
//! # Ok::<(), peal_understanding::GrammarError>(())
//! ```

mod date;
mod grammar;
mod number;
mod opt_out;
mod phrases;
mod text;

pub use date::date;
pub use grammar::{Grammar, GrammarError, Intent, Meant, PATTERN_BYTES_MAX, Ready};
pub use number::{digits, number, number_words};
pub use opt_out::opts_out;
