//! Numbers, digits and dates as people say them.

use jiff::civil::Date;
use peal_understanding::{date, digits, number};

#[test]
fn numbers() {
    let wrong: Vec<_> = NUMBERS
        .iter()
        .map(|(sentence, wanted)| (*sentence, *wanted, number(sentence)))
        .filter(|(_, wanted, number)| wanted != number)
        .collect();
    assert_eq!(wrong, []);
}

const NUMBERS: &[(&str, Option<f64>)] = &[
    ("二零二六", Some(2_026.0)),
    ("二〇二六年", Some(2_026.0)),
    ("3万5千", Some(35_000.0)),
    ("3万5", Some(35_000.0)),
    ("3千5百", Some(3_500.0)),
    ("一共三百", Some(300.0)),
    ("一定要三个", Some(3.0)),
    ("一样的", None),
    ("等一下", None),
    ("我想要一下两百块", Some(200.0)),
    ("两百五", Some(250.0)),
    ("两百五十", Some(250.0)),
    ("一千零五十", Some(1_050.0)),
    ("一千零五", Some(1_005.0)),
    ("一点五", Some(1.5)),
    ("一万零五百", Some(10_500.0)),
    ("十万八千", Some(108_000.0)),
    ("一百二", Some(120.0)),
    ("一百一十", Some(110.0)),
    ("一亿两千万", Some(120_000_000.0)),
    ("两个半", Some(2.5)),
    ("一半", Some(0.5)),
    ("半个", Some(0.5)),
    ("三块五", Some(3.5)),
    ("负五", Some(-5.0)),
    ("零下五度", Some(-5.0)),
    ("第三个", Some(3.0)),
    ("俩", Some(2.0)),
    ("１２３", Some(123.0)),
    ("十几个", None),
    ("百分之五十", Some(50.0)),
    ("1.5万", Some(15_000.0)),
    ("two fifty", Some(250.0)),
    ("nineteen ninety nine", Some(1_999.0)),
    ("twenty twenty six", Some(2_026.0)),
    ("two thousand and five", Some(2_005.0)),
    ("double five", Some(55.0)),
    ("nine one one", Some(911.0)),
    ("fifteen hundred", Some(1_500.0)),
    ("a couple", Some(2.0)),
    ("a dozen", Some(12.0)),
    ("two and a half", Some(2.5)),
    ("half a million", Some(500_000.0)),
    ("one and a half million", Some(1_500_000.0)),
    ("1.2 million", Some(1_200_000.0)),
    ("minus five", Some(-5.0)),
    ("-5", Some(-5.0)),
    ("three hundred fifty", Some(350.0)),
    ("one oh five", Some(105.0)),
    ("zero point five", Some(0.5)),
    ("point five", Some(0.5)),
    ("two three", Some(2.0)),
    ("maybe two or three", Some(2.0)),
    ("no one told me", None),
    ("the one I like", None),
    ("twenty-one", Some(21.0)),
    ("it's 5.", Some(5.0)),
    ("$1,250.50", Some(1_250.5)),
    ("10k", Some(10_000.0)),
    ("5%", Some(5.0)),
    ("99999999999999999999", None),
    ("一亿亿亿亿", None),
    ("9999999999999999万", None),
    ("nine hundred billion billion billion", None),
];

#[test]
fn codes() {
    for (sentence, wanted) in [
        ("double five one two", "5512"),
        ("１３８", "138"),
        ("幺三八", "138"),
        ("twenty six oh four", "2604"),
    ] {
        assert_eq!(digits(sentence), wanted, "{sentence}");
    }
}

#[test]
fn dates() {
    // A Sunday.
    let today = Date::new(2026, 11, 22).expect("a day");
    let wrong: Vec<_> = DATES
        .iter()
        .map(|(sentence, wanted)| {
            let said = date(sentence, today).map_or("none".to_owned(), |date| date.to_string());
            (*sentence, *wanted, said)
        })
        .filter(|(_, wanted, said)| *wanted != said)
        .collect();
    assert_eq!(wrong, []);
}

const DATES: &[(&str, &str)] = &[
    ("二零二六年五月三号", "2026-05-03"),
    ("二〇二七年五月三日", "2027-05-03"),
    ("May third twenty twenty six", "2026-05-03"),
    ("May 3rd 2027", "2027-05-03"),
    ("May the third", "2027-05-03"),
    ("3rd of May 2027", "2027-05-03"),
    ("the third of May twenty twenty seven", "2027-05-03"),
    ("十五号", "2026-12-15"),
    ("二十二号", "2026-11-22"),
    ("三十一号", "2026-12-31"),
    ("十五日", "2026-12-15"),
    ("the fifteenth", "2026-12-15"),
    ("how about the fifteenth", "2026-12-15"),
    ("on the fifteenth, I think", "2026-12-15"),
    ("the 15th of next month", "2026-12-15"),
    ("改到2026-05-03吧", "2026-05-03"),
    ("2026-5-3", "2026-05-03"),
    ("2027.5.3", "2027-05-03"),
    ("下周三", "2026-11-25"),
    ("下个礼拜三", "2026-11-25"),
    ("礼拜天", "2026-11-22"),
    ("周日", "2026-11-22"),
    ("星期日", "2026-11-22"),
    ("周末", "none"),
    ("明天", "2026-11-23"),
    ("后天", "2026-11-24"),
    ("大后天", "2026-11-25"),
    ("明早", "2026-11-23"),
    ("明晚八点", "2026-11-23"),
    ("明儿", "2026-11-23"),
    ("今晚", "2026-11-22"),
    ("不是明天,是后天", "2026-11-24"),
    ("三天后", "2026-11-25"),
    ("三天以后", "2026-11-25"),
    ("过两天", "none"),
    ("三日后", "2026-11-25"),
    ("明天不行,后天吧", "2026-11-24"),
    ("明天下午没空,周五", "2026-11-27"),
    ("十五号不行,十六号", "2026-12-16"),
    ("一个月后", "2026-12-22"),
    ("这个月底", "2026-11-30"),
    ("月底", "2026-11-30"),
    ("next Friday", "2026-11-27"),
    ("this Friday", "2026-11-27"),
    ("friday next week", "2026-11-27"),
    ("Friday week", "2026-12-04"),
    ("a week from Friday", "2026-12-04"),
    ("tomorrow morning", "2026-11-23"),
    ("not tomorrow, Friday", "2026-11-27"),
    ("in a week", "2026-11-29"),
    ("in a month", "2026-12-22"),
    ("next month", "none"),
    ("Fridays", "2026-11-27"),
    ("Feb 30", "none"),
    ("February 30", "none"),
    ("Nov 25", "2026-11-25"),
    ("25 Nov", "2026-11-25"),
    ("二月三十号", "none"),
    ("2月30日", "none"),
    ("2026-02-30", "none"),
    ("2026-02-30 or 2026-03-01", "2026-03-01"),
    ("三十二号", "none"),
    ("我住三号楼", "none"),
    ("一个月", "none"),
    ("周到的服务", "none"),
    ("the first time", "none"),
    ("May I ask", "none"),
    ("march on", "none"),
    ("yesterday", "none"),
    ("昨天", "none"),
    ("１１月２５日", "2026-11-25"),
    ("11/25", "none"),
    ("tomorrow doesn't work, how about Friday", "2026-11-27"),
    ("tomorrow I can't, Monday", "2026-11-23"),
    ("Friday, not Thursday", "2026-11-27"),
    ("tomorrow doesn't work", "none"),
    ("in two months", "2027-01-22"),
    ("a week from tomorrow", "2026-11-30"),
    ("五月三号不行,五月四号", "2027-05-04"),
];
