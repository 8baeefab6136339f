//! Chinese number characters.

/// The first number in a run of characters.
pub(super) fn number(word: &str) -> Option<f64> {
    let begins = |sign: char| digit_value(sign).is_some() || sign == '十';
    let start = word.find(begins)?;
    let (mut whole, mut part, mut pending): (u64, u64, Option<u64>) = (0, 0, None);
    // The unit before the last digit, for `三千二`: its tenth is what a digit at the end means. A `零` before it says otherwise.
    let (mut last_unit, mut zero) = (1u64, false);
    let mut signs = word[start..].chars();
    while let Some(sign) = signs.next() {
        match (sign, digit_value(sign), unit(sign)) {
            ('点', ..) => {
                let digits: String = signs.map_while(digit).take(15).collect();
                let decimals: f64 = format!("0.{digits}0").parse().unwrap_or(0.0);
                return Some((whole + part + pending.unwrap_or(0)) as f64 + decimals);
            }
            (_, Some(0), _) => (zero, pending) = (true, pending),
            (_, Some(value), _) => {
                // Digits one after the other are a code, read as it stands.
                if let Some(before) = pending {
                    pending = Some(
                        before
                            .checked_mul(10)?
                            .checked_add(value)
                            .filter(|code| *code < 1_000_000_000_000_000)?,
                    );
                } else {
                    pending = Some(value);
                }
            }
            (_, _, Some(unit @ (10 | 100 | 1_000))) => {
                part += pending.take().unwrap_or(1) * unit;
                (last_unit, zero) = (unit, false);
            }
            (_, _, Some(unit)) => {
                let below = part + pending.take().unwrap_or(0);
                whole = (whole + below.max(1))
                    .checked_mul(unit)
                    .filter(|whole| *whole < 1_000_000_000_000_000)?;
                (part, last_unit, zero) = (0, unit, false);
            }
            _ => break,
        }
    }
    let rest = match pending {
        Some(value) if value < 10 && last_unit >= 100 && !zero => value * (last_unit / 10),
        Some(value) => value,
        None => 0,
    };
    Some((whole + part + rest) as f64)
}

/// What the characters right behind a number of digits multiply it by: `3万`.
pub(super) fn unit_behind(rest: &str) -> f64 {
    rest.chars().map_while(unit).fold(1.0, |product, unit| product * unit as f64)
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

fn digit_value(sign: char) -> Option<u64> {
    Some(match sign {
        '零' | '〇' => 0,
        '一' | '壹' | '幺' => 1,
        '二' | '两' | '贰' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        _ => return None,
    })
}

fn unit(sign: char) -> Option<u64> {
    Some(match sign {
        '十' | '拾' => 10,
        '百' | '佰' => 100,
        '千' | '仟' => 1_000,
        '万' => 10_000,
        '亿' => 100_000_000,
        _ => return None,
    })
}
