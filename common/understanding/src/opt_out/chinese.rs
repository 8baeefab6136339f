//! Wishes for no more calls, in Chinese.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::regular;
use crate::text::Plain;

/// Wishes of a certain build.
pub(super) fn wishes() -> &'static Regex {
    static WISHES: LazyLock<Regex> = LazyLock::new(|| {
        regular(concat!(
            // Never again.
            r"(?:别|不要|不用|不许|不准|不得|请勿|勿|甭|莫|少|不想|不希望|不需要)(?:你们?|您)?(?:再|继续|一直|老是?|总是?|天天|随便)+(?:来)?(?:给我们?|往我们?|向我们?|跟我们?|和我们?|对我们?|往这里|往这|打这个)?(?:打|拨|呼叫|联系|来电|骚扰|烦|推销|致电|发短信|发信息)",
            // Not to me.
            r"|(?:别|不要|不许|不准|不得|请勿|勿|甭|莫|少)(?:你们?|您)?(?:来)?(?:给我们?|往我们?|向我们?|跟我们?|和我们?|对我们?)(?:打|拨|联系|来电|推销|发短信)",
            r"|(?:别|不要|不许|不准|请勿|勿|甭|莫|少|停止|禁止|拒绝|谢绝)(?:来)?(?:打|拨打|来电|致电|联系我|骚扰|推销|烦)",
            // From now on.
            r"|(?:以后|今后|从现在开始|从今以后)(?:都|也|请|你们|您|就)*(?:别|不要|不用|不许|不准|勿)(?:再)?(?:给我)?(?:打|拨|联系|来电)",
            r"|(?:不想|不愿意?|不希望|不要)(?:再|继续)+(?:接|收|听)到?(?:你们|这种|这类|这些|任何|此类|推销|骚扰|的|了)*(?:电话|来电|推销|短信)",
            // Or else.
            r"|再(?:给我|来|敢|继续)*(?:打|骚扰|联系|来电|烦)(?:来|过来|电话|扰|我们?|了|一次|给我)*(?:的话)?(?:我们?|就|要|可|会|去|直接|马上|真的?|一定|立刻)*(?:投诉|举报|报警|告你|起诉|拉黑|曝光)",
            // The list.
            r"|(?:拉黑|拉进黑名单|列入黑名单|进黑名单|移出.{0,4}名单|从.{0,6}名单.{0,4}(?:删|移|去掉|拿掉))",
            r"|(?:删|移除|去掉|注销|清除|清掉)(?:了|掉|除)?(?:一下)?我的?(?:号码|电话|手机|手机号|信息|资料|名字)",
            r"|把?我的?(?:号码|电话|手机|手机号|信息|资料|名字)(?:给)?(?:都)?(?:从.{0,6})?(?:删|移除|去掉|注销|清除|清掉|拉黑)",
        ))
    });
    &WISHES
}

pub(super) fn is_meant(said: &Plain, range: &Range<usize>) -> bool {
    // What is part of a word that ends before: `特别`, `要不要`.
    const ENDS_BEFORE: &str = "特分个级性区类识告派辨";
    const DENIED: [&str; 14] = [
        "没说",
        "没有说",
        "没让你",
        "没叫你",
        "不是说",
        "为什么",
        "为啥",
        "是不是",
        "有没有",
        "不要",
        "没",
        "没有",
        "不想",
        "不用",
    ];
    let wish = &said.text[range.clone()];
    let before = said.before(range.start).trim_end();
    let after = &said.text[range.end..];
    let is_word = wish.starts_with('别') && before.ends_with(|sign| ENDS_BEFORE.contains(sign))
        || wish.starts_with("不要") && before.ends_with(['要', '想'])
        || wish.starts_with('少') && before.ends_with(['不', '多', '至', '减', '缺']);
    if is_word || DENIED.iter().any(|denied| before.ends_with(denied)) {
        return false;
    }
    let calls = ["打", "拨", "电", "联系", "扰", "烦", "推销"].iter().any(|verb| wish.contains(verb));
    let is_list = ["删", "拉黑", "名单", "退订", "订阅", "移", "投诉", "举报", "报警"]
        .iter()
        .any(|word| wish.contains(word));
    if is_list || !calls {
        return true;
    }
    is_about_calls(wish, after, said.after(range.end)) && !is_limited(before, wish, after)
}

/// Whether it is calls that shall stop: `别打`, `别打我电话`; neither `别打断我` nor `别打扰他`.
fn is_about_calls(wish: &str, after: &str, clause: &str) -> bool {
    const OTHERS: &str = "断折岔包针车架赌牌球游麻印字招扮扫开工击动滚哈比官主人孩头脸狗蚊水火架仗个瞌嗝鼓退压算听字字卡分造烂乱碎破坏死伤";
    const CLOSING: &str = "了啊呀吧啦嘛哈呢的好吗行谢求你您们 ";
    let us = |text: &str| text.starts_with('我') || text.chars().all(|sign| CLOSING.contains(sign));
    if let Some(after) = after.strip_prefix('扰').filter(|_| wish.ends_with('打')) {
        let clause = clause.strip_prefix('扰').unwrap_or(clause);
        return after.starts_with('我') || us(clause);
    }
    if wish.ends_with('打') {
        return !after.starts_with(|sign| OTHERS.contains(sign));
    }
    if wish.ends_with("打扰") || wish.ends_with('烦') {
        return us(clause);
    }
    true
}

/// Whether it is for a time: one stands before it, or one at which calls are welcome behind it.
fn is_limited(before: &str, wish: &str, after: &str) -> bool {
    static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
        regular(concat!(
            r"(?:今天|明天|后天|今晚|明晚|晚上|早上|上午|中午|午休|下午|傍晚|半夜|深夜|夜里|夜间|凌晨|清早|一大早|大清早|三更|周末|节假日|休息日|",
            r"(?:周|星期|礼拜)[一二三四五六日天末]|工作时间|上班时间|休息时间|时候|时|期间|现在|这会儿?|这个点|",
            r"这两天|这几天|最近|这周|下周|这个月|暂时|点钟?|点半|点钟?(?:以后|之后|后|以前|之前|前)|之前|以前|(?:下班|饭|天)(?:以后|之后|后))",
            r"(?:请|你们?|您|就|都|先|也|可|千万|麻烦|尽量|最好)*$",
        ))
    });
    static HOUR: LazyLock<Regex> = LazyLock::new(|| regular(r"(?:点钟?|点半|下班|饭|明天|后天)$"));
    static AFTER: LazyLock<Regex> = LazyLock::new(|| {
        regular(concat!(
            r"^[了吧啊呀啦嘛哈呢的好吗行谢我你您们给电话过来 ]*",
            r"(?:明天|明早|明晚|后天|今晚|下午|晚上|上午|早上|中午|晚点|晚一点|等会|等一会|等一下|等下|待会|一会|过会|过两天|过几天|下周|下个|改天|改日|周.|星期.|礼拜.|回头|稍后|[0-9一二三四五六七八九十两]+ ?点)",
            r".{0,9}?(?:再打|再联系|再来电|再说|打给|打来|打吧|打电话|可以打|联系|来电|打过)",
        ))
    });
    let threatens = ["投诉", "举报", "报警", "起诉"].iter().any(|word| after.contains(word));
    let from_then_on = ["以后", "今后"].iter().any(|then| wish.starts_with(then));
    from_then_on && HOUR.is_match(before)
        || !from_then_on && BEFORE.is_match(before)
        || !threatens && AFTER.is_match(after)
}
