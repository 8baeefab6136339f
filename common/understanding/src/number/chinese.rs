//! Chinese numbers, in characters, in figures or in both: `三万五`, `3万5千`, `二零二六`.

use super::TOO_LARGE;

/// Words with a number's character that are none.
const NO_NUMBERS: [&str; 36] = [
    "零下",
    "一共",
    "一下",
    "一些",
    "一样",
    "一定",
    "一起",
    "一直",
    "一点儿",
    "一点点",
    "一点也",
    "一点都",
    "有一点",
    "一般",
    "一会",
    "一边",
    "一切",
    "一旦",
    "一向",
    "一时",
    "一再",
    "一律",
    "一概",
    "一番",
    "一系列",
    "一方面",
    "一路",
    "万一",
    "统一",
    "唯一",
    "不一",
    "之一",
    "同一",
    "专一",
    "两样",
    "三心二意",
];

/// The first number in a run of characters and figures; beyond all bounds where it is too large to be one.
pub(super) fn number(word: &str) -> Option<f64> {
    let start = begin(word)?;
    let (before, mut rest) = word.split_at(start);
    if rest.starts_with("一半") {
        return Some(0.5);
    }
    let is_negative = before.ends_with('负') || before.ends_with("零下");
    let mut reading = Reading::default();
    while let Some(sign) = rest.chars().next() {
        if sign.is_ascii_digit() {
            let len = rest.find(|sign: char| !sign.is_ascii_digit() && sign != '.').unwrap_or(rest.len());
            let figures = rest[..len].trim_end_matches('.');
            reading.take_figures(figures);
            rest = &rest[len..];
            continue;
        }
        let after = &rest[sign.len_utf8()..];
        if sign == '点' && reading.has_any {
            let digits: String = after.chars().map_while(digit).take(15).collect();
            if digits.is_empty() {
                break;
            }
            let decimals: f64 = format!("0.{digits}").parse().unwrap_or(0.0);
            reading.pending = Some(reading.pending.unwrap_or(0.0) + decimals);
            reading.is_decimal = true;
            rest =
                &after[digits.chars().zip(after.chars()).map(|(_, sign)| sign.len_utf8()).sum::<usize>()..];
            continue;
        }
        if !reading.take(sign) {
            break;
        }
        rest = after;
    }
    // `十几` may be any of nine.
    if rest.starts_with('几') {
        return None;
    }
    let value = reading.value() + half_behind(rest) + tenths_behind(rest);
    Some(if is_negative { -value } else { value })
}

/// Where the first number begins.
fn begin(word: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let found = word[from..].char_indices().find(|(at, sign)| {
            let before = word[..from + at].chars().next_back();
            match sign {
                // `a4纸` is a paper.
                '0'..='9' => before.is_none_or(|before| !before.is_ascii_alphabetic()),
                '十' | '拾' | '半' => true,
                _ => digit_value(*sign).is_some(),
            }
        });
        let at = from + found?.0;
        let sign = word[at..].chars().next()?;
        let is_half = sign == '半'
            && !["半个", "半年", "半天", "半小时", "半月", "半价"]
                .iter()
                .any(|half| word[at..].starts_with(half));
        // `十分钟` are minutes, `十分好` is very good.
        let is_very = word[at..].starts_with("十分")
            && !["钟", "之"].iter().any(|unit| word[at + 6..].starts_with(unit));
        let is_word = NO_NUMBERS.iter().find_map(|word_of| {
            word[from..]
                .match_indices(word_of)
                .map(|(begin, _)| from + begin)
                .find(|begin| (*begin..begin + word_of.len()).contains(&at))
                .map(|begin| begin + word_of.len())
        });
        from = match is_word {
            Some(end) => end,
            None if is_half || is_very => at + sign.len_utf8(),
            None => return Some(at),
        };
    }
}

/// A number that is being read.
#[derive(Debug, Default)]
struct Reading {
    has_any: bool,
    /// What is below 亿 or 万 and complete, and what is complete below the next 万.
    whole: f64,
    part: f64,
    pending: Option<f64>,
    /// The unit before the last digit, for `三千二`: its tenth is what a digit at the end means. A `零` before it says otherwise.
    last_unit: f64,
    zero: bool,
    is_decimal: bool,
}

impl Reading {
    fn take_figures(&mut self, figures: &str) {
        self.has_any = true;
        self.pending = Some(figures.parse().unwrap_or(TOO_LARGE));
        self.is_decimal = figures.contains('.') || figures.len() > 1;
    }

    /// Says whether the character goes on with it.
    fn take(&mut self, sign: char) -> bool {
        if let Some(value) = digit_value(sign) {
            self.has_any = true;
            match self.pending {
                // Digits one after the other are a code, read as it stands.
                Some(before) => self.pending = Some(before * 10.0 + value),
                None if value == 0.0 => self.zero = true,
                None => self.pending = Some(value),
            }
            return true;
        }
        match (sign, unit(sign)) {
            ('半', _) if !self.has_any => {
                (self.has_any, self.is_decimal, self.pending) = (true, true, Some(0.5));
            }
            (_, Some(unit)) if unit < 10_000.0 => {
                self.has_any = true;
                self.part += self.pending.take().unwrap_or(1.0) * unit;
                (self.last_unit, self.zero, self.is_decimal) = (unit, false, false);
            }
            (_, Some(unit)) => {
                let below = self.part + self.pending.take().unwrap_or(0.0);
                // `一万亿`: what is whole is multiplied, `一亿二千万`: what came since.
                self.whole = match below {
                    0.0 => self.whole.max(1.0) * unit,
                    below if self.whole > 0.0 && self.whole < unit => (self.whole + below) * unit,
                    below => self.whole + below * unit,
                };
                (self.part, self.last_unit, self.zero, self.is_decimal) = (0.0, unit, false, false);
            }
            _ => return false,
        }
        true
    }

    fn value(&self) -> f64 {
        let rest = match self.pending {
            Some(value) if value < 10.0 && self.last_unit >= 100.0 && !self.zero && !self.is_decimal => {
                value * (self.last_unit / 10.0)
            }
            Some(value) => value,
            None => 0.0,
        };
        self.whole + self.part + rest
    }
}

/// `两个半`, `三年半`: what is said behind the number.
fn half_behind(rest: &str) -> f64 {
    let is_half = ["半", "个半", "年半", "天半", "块半", "点半", "小时半", "个月半", "倍半"]
        .iter()
        .any(|half| rest.starts_with(half));
    if is_half { 0.5 } else { 0.0 }
}

/// `三块五`, `三块五毛`: tenths are said behind the unit.
fn tenths_behind(rest: &str) -> f64 {
    let mut behind = rest.strip_prefix(['块', '元']).unwrap_or_default().chars();
    let tenths = behind.next().filter(|sign| *sign != '零').and_then(digit_value);
    // `三块五百` is something else.
    tenths
        .filter(|_| behind.next().is_none_or(|sign| unit(sign).is_none() && digit_value(sign).is_none()))
        .unwrap_or(0.0)
        / 10.0
}

/// The characters that numbers are made of when they are said.
pub(super) const WORDS: [&str; 18] = [
    "零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "百", "千", "万", "亿", "两", "幺",
    "点",
];

/// The digit that a character is; `幺` is said for 1 in telephone numbers.
pub(super) fn digit(sign: char) -> Option<char> {
    if sign.is_ascii_digit() {
        return Some(sign);
    }
    digit_value(sign).and_then(|value| char::from_digit(value as u32, 10))
}

fn digit_value(sign: char) -> Option<f64> {
    Some(match sign {
        '零' | '〇' => 0.0,
        '一' | '壹' | '幺' => 1.0,
        '二' | '两' | '俩' | '贰' => 2.0,
        '三' | '叁' => 3.0,
        '四' | '肆' => 4.0,
        '五' | '伍' => 5.0,
        '六' | '陆' => 6.0,
        '七' | '柒' => 7.0,
        '八' | '捌' => 8.0,
        '九' | '玖' => 9.0,
        _ => return None,
    })
}

fn unit(sign: char) -> Option<f64> {
    Some(match sign {
        '十' | '拾' => 10.0,
        '百' | '佰' => 100.0,
        '千' | '仟' => 1_000.0,
        '万' => 10_000.0,
        '亿' => 100_000_000.0,
        _ => return None,
    })
}
