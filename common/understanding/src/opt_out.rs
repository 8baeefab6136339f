//! Whether somebody asks not to be called again. Every sentence of every call is asked, whatever the script: who says so is suppressed
//! before the call ends.
//!
//! Beside the phrases of the intent, wishes of a certain build: `don't call (…) again`, `别再给我打`. Where it may be meant so or otherwise,
//! it is meant: a call too few is better than one that was forbidden. A wish for another time (`don't call me again before nine`,
//! `现在别打电话,下午再打`) and the name of somebody else's trouble (`别打断我`) are none.

use std::sync::LazyLock;

use regex::Regex;

use crate::grammar::Grammar;
use crate::phrases;
use crate::text::words;

/// Whether somebody asks not to be called again.
pub fn opts_out(sentence: &str) -> bool {
    static SAYS_SO: LazyLock<Grammar> = LazyLock::new(|| {
        let intent = phrases::built_in("opt_out").expect("it is one of them");
        Grammar::new(&[intent]).expect("the phrases make a grammar")
    });
    sentence.split(['.', '!', '?', ';', '。', '\u{FF01}', '\u{FF1F}', '\u{FF1B}', '\n']).any(|clause| {
        let plain = words(clause);
        let wishes = || english(&plain) || chinese(&plain);
        SAYS_SO.understand(clause).is_some() && !is_of_another_time(&plain) || wishes()
    })
}

/// `Don't`, and all that it is said with.
const NEVER: &str = r"(?:dont|do not|never|not to|please dont|you mustnt|must not|you may not|may not|better not)(?: (?:you |please |ever |dare |even )*)?";
const CALL: &str = r"(?:call|phone|ring|telephone|contact|text|message|bother|disturb|dial|try)";
const TIME: &str = r"^(?: (?:until|till|til|before|after|tomorrow|today|tonight|now|right now|right away|this (?:morning|afternoon|evening|week)|next|so (?:early|late|soon)|early|late|during|while|when|between|on (?:mon|tues|wednes|thurs|fri|satur|sun)days?|at (?:\d|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|noon|night|midnight|dinner|lunch)))";

fn english(plain: &str) -> bool {
    static AGAIN: LazyLock<Regex> = LazyLock::new(|| {
        regular(&format!(r" {NEVER}{CALL}(?: \w+){{0,4}}? (?:again|anymore|any more|ever|any longer)\b"))
    });
    static AT_ALL: LazyLock<Regex> = LazyLock::new(|| {
        regular(&format!(
            r" {NEVER}(?:call|phone|ring|contact|text|dial) (?:(?:me|us|here|(?:this|my|our) (?:number|phone|house|home|line|mobile|cell)|at (?:home|work|all|this number|my number)|on this number|back|please|thanks|thank you|ok|okay) )+$"
        ))
    });
    static LIST: LazyLock<Regex> = LazyLock::new(|| {
        regular(
            r" (?:take|get|remove|strike|delete|cross|put) (?:me|us|my (?:name|number|phone number|details|data)|this number|our number)(?: \w+){0,3}? (?:off|from|out of|on)(?: \w+){0,3}? (?:list|lists|database|system|records|register)\b",
        )
    });
    static TIMED: LazyLock<Regex> = LazyLock::new(|| regular(TIME));
    let is_timed = |end: usize| TIMED.is_match(&plain[end..]);
    LIST.find_iter(plain).any(|found| !is_timed(found.end()))
        || [&AGAIN, &AT_ALL]
            .into_iter()
            .flat_map(|wish| wish.find_iter(plain))
            .any(|found| !is_timed(found.end()) && is_wished(&plain[..found.start()], found.as_str()))
}

/// Whether what comes before makes it a wish of the callee's: `I told you not to call` is one, `did my husband tell you not to call` and `you
/// never call me` are none.
fn is_wished(before: &str, wish: &str) -> bool {
    let ends_with = |words: &[&str]| words.iter().any(|word| before.ends_with(word));
    if wish.starts_with(" never") {
        return !ends_with(&[" you", " they", " he", " she", " we", " i"]);
    }
    !wish.starts_with(" not to")
        || ends_with(&[" told you", " told them", " asked you", " asked them", " tell you", " said"])
            && ![" did ", " does ", " do "].iter().any(|asks| before.contains(asks))
}

fn chinese(plain: &str) -> bool {
    static WISHES: LazyLock<Regex> = LazyLock::new(|| {
        regular(concat!(
            // Never again.
            r"(?:别|不要|不用|不许|不准|不得|请勿|勿|甭|莫|少|不想|不希望|不需要)(?:你们?|您)?(?:再|继续|一直|老是?|总是?|天天|随便)+(?:来)?(?:给我们?|往我们?|向我们?|跟我们?|和我们?|对我们?|往这里|往这|打这个)?(?:打|拨|呼叫|联系|来电|骚扰|烦|推销|致电|发短信|发信息)",
            // Not to me.
            r"|(?:别|不要|不许|不准|不得|请勿|勿|甭|莫|少)(?:你们?|您)?(?:来)?(?:给我们?|往我们?|向我们?|跟我们?|和我们?|对我们?)(?:打|拨|联系|来电|推销|发短信)",
            r"|(?:别|不要|不许|不准|请勿|勿|甭|莫|少|停止|禁止|拒绝|谢绝)(?:打电话|打我|打给我|打这个|打过来|打来|拨打|来电|致电|联系我|骚扰|推销)",
            // From now on.
            r"|(?:以后|今后|从现在开始|从今以后)(?:都|也|请|你们|您|就)*(?:别|不要|不用|不许|不准|勿)(?:再)?(?:给我)?(?:打|拨|联系|来电)",
            // Or else.
            r"|再(?:给我|来)?(?:打|骚扰|联系|来电).{0,6}(?:投诉|举报|报警|告你|起诉|拉黑)",
            // The list.
            r"|(?:拉黑|拉进黑名单|列入黑名单|进黑名单|移出.{0,4}名单|从.{0,6}名单.{0,4}(?:删|移|去掉|拿掉))",
            r"|(?:删|移除|去掉|注销|清除|清掉)(?:了|掉|除)?(?:一下)?我的?(?:号码|电话|手机|手机号|信息|资料|名字)",
            r"|把?我的?(?:号码|电话|手机|手机号|信息|资料|名字)(?:给)?(?:都)?(?:从.{0,6})?(?:删|移除|去掉|注销|清除|清掉|拉黑)",
        ))
    });
    // What they shall stop is something else.
    const OTHER: [&str; 12] = ["断", "折", "架", "岔", "哈", "牌", "球", "工", "印", "包", "针", "招呼"];
    WISHES.find_iter(plain).any(|found| {
        let after = plain[found.end()..].trim_start();
        !OTHER.iter().any(|other| after.starts_with(other)) && !is_of_another_time(plain)
    })
}

/// The sentence says when calls are welcome, or not: `don't call before nine`, `现在别打电话`, `明天再打`.
fn is_of_another_time(plain: &str) -> bool {
    static TIMED: LazyLock<Regex> = LazyLock::new(|| {
        let time = TIME.trim_start_matches('^');
        regular(&format!(r" {NEVER}{CALL}(?: \w+){{0,3}}?{time}"))
    });
    static LATER: LazyLock<Regex> = LazyLock::new(|| {
        regular(concat!(
            r"(?:明天|后天|今晚|下午|晚上|上午|早上|中午|周.|星期.|下周|下个月|改天|改日|晚点|晚一点|过会|一会|等会|等一下|稍后|回头|点)",
            r"(?:儿|钟|以后|之后|后)?(?:你|您|你们)?(?:再|可以|给我)*(?:打|联系|来电|拨)",
        ))
    });
    static NOW: LazyLock<Regex> = LazyLock::new(|| {
        regular(
            r"(?:现在|这会儿?|今天|晚上|早上|上午|中午|下午|半夜|上班|时间|周末|之前|以前|点前|时候)(?:你|您|你们|请|就|先|都)*(?:别|不要|不用|勿)",
        )
    });
    let never_again = plain.contains('再') || plain.contains("以后");
    TIMED.is_match(plain) || LATER.is_match(plain) || NOW.is_match(plain) && !never_again
}

fn regular(text: &str) -> Regex {
    Regex::new(text).expect("a regular expression that was tried")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_who_want_no_calls_are_heard() {
        for sentence in [
            "Please don't call me again.",
            "Look, stop calling me!",
            "Don't call me.",
            "please do not call here, thank you",
            "Do not ever call this house again",
            "Don't you dare call my wife's number again!",
            "I told you not to call me any more",
            "Could you take me off your list?",
            "Remove me from this list, thanks.",
            "take my number out of your database",
            "Put me on the do not call list",
            "lose my number",
            "No more calls, please",
            "don't call me at work any more",
            "never ring me again",
            "I'm not interested. Don't contact us anymore. Tomorrow I'll complain.",
            "别再打了",
            "别打了",
            "请不要再给我打电话了",
            "麻烦你们以后不要再打电话给我了。",
            "你们不要老给我打电话",
            "少给我打电话",
            "请勿来电",
            "不许再骚扰我",
            "再打我就投诉你",
            "再打来我就报警",
            "把我拉黑吧",
            "请把我的号码删掉",
            "从你们的名单里删掉",
            "我的电话从系统里删除",
            "停止拨打",
            "以后别打了",
            "别再打扰我",
        ] {
            assert!(opts_out(sentence), "{sentence}");
        }
    }

    #[test]
    fn others_are_not_taken_for_such() {
        for sentence in [
            "",
            "Call me again tomorrow",
            "You can call me any time",
            "Don't call me sir",
            "Don't call me before nine",
            "Don't call me again until Monday",
            "No, don't call me tomorrow, call me on Friday",
            "please don't call so early",
            "Did my husband tell you not to call?",
            "You never call me",
            "Can you take me off hold?",
            "I never contact them",
            "Nobody called me again",
            "好的,再打给我吧",
            "没人打电话给我",
            "别打断我",
            "你们别打折了",
            "打不打都行",
            "现在别打电话",
            "别打了,明天再打吧",
            "不要再打断我说话",
            "晚上不要给我打电话",
        ] {
            assert!(!opts_out(sentence), "{sentence}");
        }
    }
}
