//! What does it take to understand a sentence: its intent among fifty, its number, its date, and whether it opts out?
//!
//! The question behind it: one thread understands for all calls of a node, and its time is part of what callees wait. At most 50 µs a sentence is what we want; with all of it 5 µs is what an English sentence of twenty words was measured to take.
//! Prints a line for each kind of sentence; the time is the best of several rounds. `taskset -c 1 cargo bench -p peal-benches --bench understanding`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use understanding::{Grammar, Intent};

const ROUNDS: u32 = 30;
const READS: u32 = 2_000;

fn main() {
    let began = Instant::now();
    let intents = intents();
    let phrases: usize = intents.iter().map(|intent| intent.phrases.len()).sum();
    let grammar = Grammar::new(&intents).expect("a grammar");
    println!(
        "{} intents, {phrases} phrases, made in {:.1} ms",
        intents.len(),
        began.elapsed().as_secs_f64() * 1_000.0
    );
    // Once before it is timed: tables that are made at their first use.
    understanding::opts_out("");
    for (kind, sentences) in SENTENCES {
        let each = |work: &dyn Fn(&str)| {
            best(|| sentences.iter().for_each(|sentence| work(black_box(sentence)))) / sentences.len() as u32
        };
        let intent = each(&|sentence| {
            black_box(grammar.understand(sentence));
        });
        let opts_out = each(&|sentence| {
            black_box(understanding::opts_out(sentence));
        });
        let today = jiff::civil::date(2026, 11, 22);
        let values = each(&|sentence| {
            black_box((understanding::number(sentence), understanding::date(sentence, today)));
        });
        let all = intent + opts_out + values;
        println!(
            "{kind:<28} intent {intent:>9.2?}  opts out {opts_out:>9.2?}  number and date {values:>9.2?}  all {all:>9.2?}"
        );
    }
}

/// The seven that are built in, and forty-three products with five phrases each, in two languages.
fn intents() -> Vec<Intent> {
    let built_in = ["yes", "no", "opt_out", "repeat", "person", "busy", "wrong_person"];
    let product = |n: usize| Intent {
        phrases: vec![
            format!("product {n}"),
            format!("the number {n} plan"),
            format!("i would like plan {n}"),
            format!("{n}号套餐"),
            format!("办理{n}号"),
        ],
        patterns: if n.is_multiple_of(10) {
            vec![format!(r" order (number )?{n}\d{{2}} ")]
        } else {
            Vec::new()
        },
        ..Intent::default()
    };
    built_in.iter().filter_map(|name| Intent::built_in(name)).chain((1..=43).map(product)).collect()
}

const SENTENCES: &[(&str, &[&str])] = &[
    ("English, short", &["yes", "no thank you", "who is this", "say that again please"]),
    (
        "English, long",
        &[
            "well I think I would like plan 17 but could you tell me first what it costs in a month",
            "no I told your colleague last week that I am not interested and that will not change",
            "the day after tomorrow would be better or the twenty third of november at a quarter past three",
            "my number is four four two nine one seven and I have one hundred and twenty five of them",
        ],
    ),
    (
        "English, nothing fits",
        &["the weather in Ulm was rather nice when we went there with the dog and the children"],
    ),
    ("Chinese, short", &["好的", "不需要,谢谢", "你说什么", "我在开车"]),
    (
        "Chinese, long",
        &[
            "嗯,我想办理17号套餐,不过你能不能先告诉我一个月要多少钱",
            "我上个星期已经跟你们的同事说过了,我没有兴趣,以后也不会有",
            "后天比较好,或者十一月二十三号下午三点一刻,你再打给我吧",
            "我的号码是四四二九一七,一共有一百二十五个",
        ],
    ),
    ("Chinese, nothing fits", &["昨天我们带着孩子去公园玩,天气挺不错的,人也不算太多"]),
];

fn best(mut work: impl FnMut()) -> Duration {
    let round = |work: &mut dyn FnMut()| {
        let began = Instant::now();
        (0..READS).for_each(|_| work());
        began.elapsed() / READS
    };
    (0..ROUNDS).map(|_| round(&mut work)).min().expect("there are rounds")
}
