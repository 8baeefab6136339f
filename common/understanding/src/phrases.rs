//! What people say, in English and Chinese, for what every script asks.

mod chinese;
mod english;

use crate::grammar::Intent;

/// What is known of an intent in one language.
struct Known {
    name: &'static str,
    /// With commas between.
    phrases: &'static str,
    /// Phrases that do not mean it though one of those above is within: `i dont know` is no no, `是不是` no yes.
    except: &'static str,
}

/// An intent that is known without being told.
pub(crate) fn built_in(name: &str) -> Option<Intent> {
    let mut known =
        english::KNOWN.iter().chain(&chinese::KNOWN).filter(|known| known.name == name).peekable();
    known.peek()?;
    let list = |list: &'static str| {
        list.split(',').map(|phrase| phrase.trim().to_owned()).filter(|phrase| !phrase.is_empty())
    };
    let mut intent = Intent::default();
    for known in known {
        intent.phrases.extend(list(known.phrases));
        intent.except.extend(list(known.except));
    }
    Some(intent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::Grammar;

    #[test]
    fn everyday_answers_are_understood() {
        let names = ["yes", "no", "opt_out", "repeat", "person", "busy", "wrong_person"];
        let intents: Vec<_> = names.iter().map(|name| built_in(name).expect("a known one")).collect();
        let grammar = Grammar::new(&intents).expect("a grammar");
        for (sentence, name) in [
            ("Yes, please.", "yes"),
            ("yeah sure", "yes"),
            ("No, thank you.", "no"),
            ("I don't want it", "no"),
            ("No, wrong number", "wrong_person"),
            ("No problem!", "yes"),
            ("Sure, no worries", "yes"),
            ("I don't mind", "yes"),
            ("I don't think so", "no"),
            ("Not right now, sorry", "no"),
            ("Sorry, what did you say?", "repeat"),
            ("Can I talk to a real person?", "person"),
            ("I'm driving, call me later", "busy"),
            ("You have the wrong number.", "wrong_person"),
            ("Don't call me again", "opt_out"),
            ("好的没问题", "yes"),
            ("没有问题", "yes"),
            ("不错不错", "yes"),
            ("也不是不行", "yes"),
            ("可以啊", "yes"),
            ("嗯,对", "yes"),
            ("是 我 是 张三", "yes"),
            ("你好,我不要", "no"),
            ("不需要,谢谢", "no"),
            ("我没有兴趣", "no"),
            ("不可以", "no"),
            ("不行不行", "no"),
            ("你再说一遍", "repeat"),
            ("帮我转人工", "person"),
            ("我在开车,晚点再打吧", "busy"),
            ("你打错了", "wrong_person"),
            ("以后不要再打了", "opt_out"),
        ] {
            let meant = grammar.understand(sentence).map(|meant| names[meant.intent]);
            assert_eq!(meant, Some(name), "{sentence}");
        }
        for sentence in [
            "The weather in Ulm",
            "I don't know",
            "I'm not sure",
            "Are you sure?",
            "No idea",
            "Whether or not",
            "你是谁",
            "您是哪位",
            "对不起",
            "不好意思",
            "你好",
            "是不是",
            "可不可以",
            "我不知道",
            "不太清楚",
            "特别贵",
            "哪家银行",
            "但是",
            "差不多",
            "没关系",
        ] {
            assert_eq!(grammar.understand(sentence).map(|meant| names[meant.intent]), None, "{sentence}");
        }
    }

    #[test]
    fn no_phrase_of_one_is_another() {
        let names = ["yes", "no", "opt_out", "repeat", "person", "busy", "wrong_person"];
        let mut seen = std::collections::BTreeMap::new();
        for name in names {
            for phrase in built_in(name).expect("a known one").phrases {
                assert_eq!(seen.insert(phrase.clone(), name), None, "{phrase}");
            }
        }
    }
}
