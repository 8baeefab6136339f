//! Text as it is spoken: sentence by sentence, with words for figures (numbers, money, dates, times, percentages and telephone numbers, in
//! English and Chinese).
//!
//! Pure. Voices read figures each in their own way, and some badly; a sentence that has none sounds the same from all of them, and is
//! the same audio in the cache. What another language writes is left as it is: its voice knows better than we do.
//!
//! | written | English | Chinese |
//! |---|---|---|
//! | `1,204` | one thousand two hundred and four | 一千二百零四 |
//! | `$12.50`, `¥12.50` | twelve dollars and fifty cents | 十二元五角 |
//! | `2026-11-22` | November twenty-second, twenty twenty-six | 二零二六年十一月二十二日 |
//! | `9:05` | nine oh five | 九点零五分 |
//! | `12.5%` | twelve point five percent | 百分之十二点五 |
//! | `+86 138 0013 8000` | plus eight six, one three eight, … | 加八六 幺三八 零零幺三 八零零零 |

mod chinese;
mod english;
mod figures;
mod sentences;

pub use sentences::{first_sentence, sentences};

/// Money that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Currency {
    Yuan,
    Dollar,
    Euro,
    Pound,
}

/// Figures that were found in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Figure<'a> {
    /// A whole number and the digits behind the point, if there are any.
    Number {
        whole: u64,
        decimals: &'a str,
    },
    /// The same, of a hundred.
    Percent {
        whole: u64,
        decimals: &'a str,
    },
    /// An amount and its hundredths.
    Money {
        whole: u64,
        cents: u8,
        currency: Currency,
    },
    Date(jiff::civil::Date),
    Time {
        hour: u8,
        minute: u8,
    },
    /// Groups of digits, each said one by one.
    Digits {
        plus: bool,
        groups: Vec<&'a str>,
    },
}

/// The sentence with words in place of its figures. `language` is a BCP 47 tag; languages other than English and Chinese are left as
/// they are.
pub fn spoken(sentence: &str, language: &str) -> String {
    let say: fn(&Figure<'_>) -> String =
        match language.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => english::say,
            "zh" | "cmn" => chinese::say,
            _ => return sentence.to_owned(),
        };
    let mut text = String::with_capacity(sentence.len());
    let mut done = 0;
    for (range, figure) in figures::find(sentence) {
        text.push_str(&sentence[done..range.start]);
        text.push_str(&say(&figure));
        done = range.end;
    }
    text.push_str(&sentence[done..]);
    text
}

#[cfg(test)]
mod tests {
    use super::spoken;

    #[test]
    fn english() {
        for (written, words) in [
            ("You owe $1,204.05.", "You owe one thousand two hundred and four dollars and five cents."),
            ("It costs €1 or £0.50", "It costs one euro or fifty pence"),
            ("on 2026-11-22 at 9:05", "on November twenty-second, twenty twenty-six at nine oh five"),
            (
                "since 1999-01-01, 2005-05-30",
                "since January first, nineteen ninety-nine, May thirtieth, two thousand five",
            ),
            ("at 12:00 and 18:30", "at twelve o'clock and eighteen thirty"),
            ("12.5% of 3,000,000", "twelve point five percent of three million"),
            (
                "call +86 138 0013 8000",
                "call plus eight six, one three eight, zero zero one three, eight zero zero zero",
            ),
            ("code 0042", "code zero zero four two"),
            ("100, 21, dogs", "one hundred, twenty-one, dogs"),
            ("A4 and B52s", "A4 and B52s"),
        ] {
            assert_eq!(spoken(written, "en-GB"), words);
        }
    }

    #[test]
    fn chinese() {
        for (written, words) in [
            ("您需支付¥1,204.50。", "您需支付一千二百零四元五角。"),
            ("共12元", "共十二元"),
            ("金额是20000.05元", "金额是两万元零五分"),
            ("2026-11-22上午9:05", "二零二六年十一月二十二日上午九点零五分"),
            ("12:00和18:30", "十二点和十八点三十分"),
            ("利率12.5%", "利率百分之十二点五"),
            ("请拨+86 138 0013 8000", "请拨加八六 幺三八 零零幺三 八零零零"),
            ("有10,005人,2个,200次,22222", "有一万零五人,两个,两百次,两万两千二百二十二"),
            ("1010000元", "一百零一万元"),
            ("选4,元旦", "选四,元旦"),
        ] {
            assert_eq!(spoken(written, "zh-CN"), words);
        }
    }

    #[test]
    fn other_languages_know_better() {
        assert_eq!(spoken("Es kostet 12,50 €", "de"), "Es kostet 12,50 €");
    }

    proptest::proptest! {
        #[test]
        fn any_sentence(sentence in "(\\PC{0,20}|[-+$€¥0-9., :/%元年]{0,24}){0,4}") {
            for language in ["en", "zh", "fr", ""] {
                spoken(&sentence, language);
            }
        }
    }
}
