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
//! | `$1.2 million`, `¥3万` | one point two million dollars | 三万元 |
//! | `2026-11-22`, `Nov 22, 2026`, `2026年11月22日` | November twenty-second, twenty twenty-six | 二零二六年十一月二十二日 |
//! | `9:05`, `9:05pm` | nine oh five, nine oh five pm | 九点零五分, 下午九点零五分 |
//! | `9am-5pm`, `2023-2026` | nine am to five pm, twenty twenty-three to twenty twenty-six | 上午九点到下午五点, 二零二三年到二零二六年 |
//! | `-5`, `3-5` | minus five, three to five | 负五, 三到五 |
//! | `in 2026`, `code 1234`, `尾号1234` | in twenty twenty-six, code one two three four | 尾号幺二三四 |
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

/// A number as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Amount<'a> {
    is_negative: bool,
    whole: u64,
    /// The digits behind the point, if there are any.
    decimals: &'a str,
}

/// Before noon or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Am,
    Pm,
}

/// Figures that were found in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Figure<'a> {
    /// A number; before a Chinese word that counts things or not.
    Number {
        amount: Amount<'a>,
        counts: bool,
    },
    /// The same, of a hundred.
    Percent(Amount<'a>),
    Money {
        amount: Amount<'a>,
        /// `million`, `万`.
        scale: Option<&'a str>,
        currency: Currency,
    },
    /// From one to another.
    Range(u64, u64),
    /// `3rd`.
    Ordinal(u64),
    Date(jiff::civil::Date),
    /// A day of any year: month and day.
    Day(i8, i8),
    Year(i16),
    /// The same without the word for it.
    BareYear(i16),
    /// From one to another.
    Years(i16, i16),
    Time {
        hour: u8,
        minute: u8,
        second: Option<u8>,
        half: Option<Half>,
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
    let (say, to): (fn(&Figure<'_>) -> String, &str) =
        match language.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => (english::say, " to "),
            "zh" | "cmn" => (chinese::say, "到"),
            _ => return sentence.to_owned(),
        };
    let sentence = &figures::narrow(sentence);
    let mut text = String::with_capacity(sentence.len());
    let mut done = 0;
    let mut last_is_time = false;
    for (range, figure) in figures::find(sentence) {
        let between = &sentence[done..range.start];
        let is_time = matches!(figure, Figure::Time { .. } | Figure::Date(_) | Figure::Day(..));
        let is_span = is_time && last_is_time && matches!(between.trim(), "-" | "–" | "—" | "~" | "\u{FF5E}");
        text.push_str(if is_span { to } else { between });
        last_is_time = is_time;
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
            ("press 1,2 or 3", "press one,two or three"),
            ("about $1.2 million", "about one point two million dollars"),
            ("¥3万", "thirty thousand yuan"),
            ("12€ or 12 EUR", "twelve euros or twelve euros"),
            ("$1.234", "one point two three four dollars"),
            (
                "-5 degrees, (-2.5), -$3 or $-3",
                "minus five degrees, (minus two point five), minus three dollars or minus three dollars",
            ),
            ("call 555-1234", "call five five five, one two three four"),
            ("3-5 days, 10–20", "three to five days, ten to twenty"),
            ("COVID-19 and F-16", "COVID-nineteen and F-sixteen"),
            ("on Nov 22, 2026", "on November twenty-second, twenty twenty-six"),
            ("on 22 November 2026", "on November twenty-second, twenty twenty-six"),
            ("by May 3rd.", "by May third."),
            ("May 2026", "May twenty twenty-six"),
            ("the 22nd and 3rd", "the twenty-second and third"),
            ("3:05pm, 3:05 PM, 14:30", "three oh five pm, three oh five pm, fourteen thirty"),
            ("10:05:30", "ten oh five and thirty seconds"),
            ("¥12.５", "twelve yuan and fifty fen"),
            (
                "in 99999999999999999999 days",
                "in nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine nine days",
            ),
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
            ("请按2", "请按二"),
            ("按1,2或3", "按一,二或三"),
            ("2个人2天2元2点", "两个人两天两元两点"),
            ("2楼2号", "二楼二号"),
            ("2026年11月22日", "二零二六年十一月二十二日"),
            ("2026年", "二零二六年"),
            ("11月2日", "十一月二日"),
            ("¥3万", "三万元"),
            ("¥1.2亿", "一点二亿元"),
            ("12万元,2万元", "十二万元,两万元"),
            ("-5度,¥-3", "负五度,负三元"),
            ("3-5天", "三到五天"),
            ("3:05pm", "下午三点零五分"),
            ("¥12.５", "十二元五角"),
            ("请拨555-1234", "请拨五五五 幺二三四"),
            ("第2名", "第二名"),
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
        fn any_sentence(sentence in "(\\PC{0,20}|[-+$€¥0-9０-９., :/%元年月万amp]{0,24}){0,4}") {
            for language in ["en", "zh", "fr", ""] {
                spoken(&sentence, language);
            }
        }
    }
}
