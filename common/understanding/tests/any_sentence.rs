//! Whatever somebody says: no panic.

use jiff::civil::Date;
use peal_understanding::{Grammar, Intent, date, digits, number, opts_out};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_sentence(sentence in "(\\PC{0,40}|(one|twenty|hundred|thousand|and|a|half|point|minus|double|dont|stop|calling|call|me|again|John|at|by|no|problem|，|！|不要|别|特|扰|是|不|再|打|半|年|万|千|亿|十|二|零|点|月|号|周|下|in|days|next|may|[0-9０-９]{1,20}|[ .:/-]){0,12})") {
        let grammar = Grammar::new(&["yes", "no", "opt_out", "repeat"].map(|name| Intent::built_in(name).expect("known"))).expect("a grammar");
        grammar.understand(&sentence);
        opts_out(&sentence);
        prop_assert!(number(&sentence).is_none_or(|value| value.is_finite()));
        prop_assert!(digits(&sentence).chars().all(|digit| digit.is_ascii_digit()));
        date(&sentence, Date::new(2026, 11, 22).expect("a day"));
    }
}
