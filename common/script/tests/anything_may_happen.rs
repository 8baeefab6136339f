//! Whatever comes in, in whatever order: no panic, and after the end nothing more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::digits::Digit;
use peal_script::{Action, Heard, Input, Program, Reply, Run};
use proptest::prelude::*;

const ALL_STEPS: &str = "
name: all
steps:
- {do: say, id: hello, text: 'Hi {{contact.name}}', barge_in: any}
- {do: listen, id: ask, ask: Yes?, intents: {yes: menu, no: code, opt_out: bye}, keys: {'1': yes, '9': opt_out}, save: s, no_input: {again: [Hm?]}, gone: menu}
- {do: menu, id: menu, ask: {prompt: 1}, keys: {'1': code, '2': hello}, no_match: {again: [No.]}}
- {do: collect, id: code, max_digits: 3, save: code}
- {do: record, on: true}
- {do: http, url: 'http://h/', save: {v: /v}, failed: hello}
- do: branch
  cases: [{when: {variable: v, is: x}, to: hello}]
- {do: leave_message, message: Bye.}
- {do: wait, ms: 10}
- {do: bot, parameters: {s: '{{s}}'}, seconds_max: 5, failed: hello}
- {do: transfer, to: '+498912345', failed: hook}
- {do: opt_out, id: bye}
- {do: webhook, id: hook, url: 'http://h/', failed: hello}
";

fn input(kind: u8, sign: u8) -> Input {
    match kind {
        0 => Input::Answered,
        1 => Input::Spoken,
        2 => Input::Key(Digit::from_event(sign % 16).expect("sixteen keys")),
        3 => Input::SpeechBegan,
        4 => {
            let intent = ["yes", "no", "maybe"].get(usize::from(sign % 4)).map(|intent| (*intent).to_owned());
            let text = if sign < 32 { String::new() } else { "words".to_owned() };
            Input::Heard(Heard { text, intent, value: sign.is_multiple_of(5).then(|| "5".to_owned()) })
        }
        5 => Input::RecogniserGone,
        6 => Input::Reply(match sign % 3 {
            0 => Reply::Saved(vec![Some("x".to_owned()); usize::from(sign % 4)]),
            1 => Reply::Failed("gone".to_owned()),
            _ => Reply::Steps(Arc::new(
                Program::new(
                    &peal_script::read("{\"name\":\"n\",\"steps\":[{\"do\":\"say\",\"text\":\"x\"}]}")
                        .expect("JSON"),
                )
                .expect("a good script"),
            )),
        }),
        7 => Input::Beep,
        8 => Input::Transferred(sign.is_multiple_of(2)),
        9 if sign.is_multiple_of(2) => Input::BotLeft,
        9 => Input::BotFailed,
        10 => Input::MusicBegan,
        11 => Input::MusicEnded,
        _ => Input::Time,
    }
}

proptest! {
    #[test]
    fn anything_may_happen(inputs in prop::collection::vec((0u8..15, any::<u8>(), 0u16..8_000), 0..400)) {
        let program = Program::new(&peal_script::read(ALL_STEPS).expect("YAML")).expect("a good script");
        let mut run = Run::new(Arc::new(program), Box::default());
        let mut now = Instant::now();
        run.handle_input(now, Input::Answered);
        let mut over = false;
        for (kind, sign, ms) in inputs {
            now += Duration::from_millis(ms.into());
            while let Some(action) = run.poll_action() {
                prop_assert!(!over, "{action:?} after the end");
                over = matches!(action, Action::End(_));
            }
            prop_assert!(!over || run.poll_timeout().is_none());
            run.handle_input(now, input(kind, sign));
        }
    }
}
