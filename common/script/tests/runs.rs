//! Scripts are run as calls run them: what happens goes in, what the call shall do comes out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::digits::Digit;
use peal_script::{Action, Heard, Input, ModelDeed, ModelTool, Program, Reply, Run};

/// A call at a virtual time, and everything that it was told to do.
struct Call {
    run: Run,
    now: Instant,
    did: Vec<String>,
}

impl Call {
    fn of(yaml: &str) -> Self {
        let document = peal_script::read(yaml).unwrap_or_else(|error| panic!("{error}"));
        let program = Program::new(&document).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let contact = [("name".to_owned(), "Ann".to_owned())];
        let run = Run::new(Arc::new(program), contact.into());
        let mut call = Self { run, now: Instant::now(), did: Vec::new() };
        call.hand(Input::Answered);
        call
    }

    fn hand(&mut self, input: Input) -> &mut Self {
        self.run.handle_input(self.now, input);
        while let Some(action) = self.run.poll_action() {
            self.did.push(match action {
                Action::Play(prompt) => format!("play {}", prompt.0),
                Action::Say(sentence) => format!("say {}", sentence.text),
                Action::StopSpeaking => "hush".to_owned(),
                Action::Listen(_) => "listen".to_owned(),
                Action::StopListening => "deaf".to_owned(),
                Action::Request(request) => format!("{:?} {}", request.method, request.url),
                Action::Converse(talk) => format!("model {}", talk.said.unwrap_or_default()),
                Action::Attach(attend) => format!("bot {:?} {:?}", attend.bot, attend.parameters),
                Action::TellKey(digit) => format!("tell {digit}"),
                Action::Detach => "detach".to_owned(),
                Action::Pressed { .. } => continue,
                Action::OptOut { said } => format!("opted out: {said}"),
                Action::Record(on) => format!("record {on}"),
                Action::AwaitBeep => "beep?".to_owned(),
                Action::Transfer { to, .. } => format!("transfer {to}"),
                Action::End(end) => format!(
                    "end {}{}",
                    end.disposition.unwrap_or_default(),
                    end.error.map(|error| format!(" ({error})")).unwrap_or_default()
                ),
            });
        }
        self
    }

    fn key(&mut self, keys: &str) -> &mut Self {
        for key in keys.chars() {
            self.hand(Input::Key(Digit::from_char(key).expect("a key")));
        }
        self
    }

    fn hears(&mut self, text: &str, intent: Option<&str>) -> &mut Self {
        self.hand(Input::Heard(Heard {
            text: text.to_owned(),
            intent: intent.map(str::to_owned),
            value: None,
        }))
    }

    /// Time passes until the run wants to be told.
    fn wait(&mut self) -> &mut Self {
        self.now = self.run.poll_timeout().expect("it waits for the time");
        self.hand(Input::Time)
    }

    /// What was done since the last look.
    fn did(&mut self) -> String {
        std::mem::take(&mut self.did).join(" | ")
    }
}

const QUESTION: &str = "
name: survey
steps:
- do: listen
  id: ask
  ask: Hello {{contact.name|there}}, do you want it?
  intents: {yes: offer, no: bye}
  keys: {'1': yes, '2': no}
  save: answer
  no_input: {again: [Are you there?], to: bye}
  no_match: {again: ['Yes or no?', Please.], to: bye}
  gone: menu
- do: say
  id: offer
  text: You said {{answer}}.
  next: bye
- do: menu
  id: menu
  ask: {prompt: 7}
  keys: {'1': offer, '2': bye}
- do: hang_up
  id: bye
  disposition: done
";

#[test]
fn a_question_is_answered() {
    let mut call = Call::of(QUESTION);
    assert_eq!(call.did(), "listen | say Hello Ann, do you want it?");
    call.hand(Input::Spoken).hand(Input::SpeechBegan).hears("yes please", Some("yes"));
    assert_eq!(call.did(), "say You said yes please.");
    assert_eq!(call.run.value("intent"), "yes");
    call.hand(Input::Spoken);
    assert_eq!(call.did(), "end done");
}

#[test]
fn speech_stops_the_question() {
    let mut call = Call::of(QUESTION);
    call.did();
    call.hand(Input::SpeechBegan);
    assert_eq!(call.did(), "hush");
    // The end of what was stopped is no end.
    call.hand(Input::Spoken).hears("no", Some("no"));
    assert_eq!(call.did(), "end done");
}

#[test]
fn silence_and_rubbish_climb_their_own_ladders() {
    let mut call = Call::of(QUESTION);
    call.did();
    call.hand(Input::Spoken).wait();
    assert_eq!(call.did(), "deaf | listen | say Are you there?");
    call.hand(Input::Spoken).hears("banana", None);
    assert_eq!(call.did(), "listen | say Yes or no?");
    call.hand(Input::Spoken).hears("banana", Some("of another step"));
    assert_eq!(call.did(), "listen | say Please.");
    call.hand(Input::Spoken).wait();
    assert_eq!(call.did(), "deaf | end done");
}

#[test]
fn a_key_answers_as_well() {
    let mut call = Call::of(QUESTION);
    call.did();
    call.key("1");
    assert_eq!(call.did(), "hush | deaf | say You said .");
}

#[test]
fn without_a_recogniser_the_script_has_its_own_way() {
    let mut call = Call::of(QUESTION);
    call.did();
    call.hand(Input::RecogniserGone);
    assert_eq!(call.did(), "hush | play 7");
    call.key("9");
    assert_eq!(call.did(), "hush | end done", "another key follows the `next` of the menu");
}

#[test]
fn digits_typed_ahead_serve_every_step_that_waits_for_them() {
    let mut call = Call::of(
        "
name: typed
steps:
- {do: play, prompt: 1}
- {do: collect, save: first}
- {do: play, prompt: 2, barge_in: true}
- {do: collect, max_digits: 2, terminator: '#'}
",
    );
    call.key("123");
    assert_eq!(call.did(), "play 1", "this prompt is played to its end");
    call.hand(Input::Spoken);
    assert_eq!(call.did(), "end ");
    assert_eq!((call.run.entries().as_str(), call.run.value("first")), ("1,23", "1"));
}

#[test]
fn a_server_fills_variables_and_a_branch_reads_them() {
    let yaml = "
name: crm
variables: {tier: none}
steps:
- do: http
  url: https://crm.example/c/{{contact.name}}?x=1
  save: {tier: /tier, balance: /account/balance}
  failed: bye
- do: branch
  cases:
  - {when: {all: [{variable: tier, is: gold}, {variable: balance, at_least: 10}]}, to: gold}
- {do: hang_up, id: bye, disposition: plain}
- {do: hang_up, id: gold, disposition: gold}
";
    let mut call = Call::of(yaml);
    assert_eq!(call.did(), "Get https://crm.example/c/Ann?x=1");
    call.hand(Input::Reply(Reply::Saved(vec![Some("12.5".into()), Some("gold".into())])));
    assert_eq!(call.did(), "end gold");

    let mut call = Call::of(yaml);
    call.hand(Input::Reply(Reply::Failed("503".into())));
    assert_eq!(call.run.value("tier"), "none");
    assert_eq!(call.run.value("error"), "503");
    assert!(call.did().ends_with("end plain"));

    let mut call = Call::of(yaml);
    call.wait();
    assert!(call.did().ends_with("end plain"), "a reply that never comes");
    call.hand(Input::Reply(Reply::Saved(vec![])));
    assert_eq!(call.did(), "", "too late");
}

#[test]
fn a_server_may_say_how_to_go_on() {
    let mut call = Call::of(
        "
name: hooked
variables: {colour: red}
steps:
- {do: webhook, url: 'https://app.example/hook', failed: sorry}
- {do: say, id: sorry, text: Sorry.}
",
    );
    assert_eq!(call.did(), "Post https://app.example/hook");
    let steps = peal_script::read(
        "{\"name\":\"next\",\"variables\":{\"colour\":\"blue\"},\"steps\":[{\"do\":\"say\",\"text\":\"It is {{colour}}.\"}]}",
    );
    let steps = Program::new(&steps.expect("a script")).expect("a good one");
    call.hand(Input::Reply(Reply::Steps(Arc::new(steps))));
    assert_eq!(call.did(), "say It is red.", "what was known stays known");
}

/// The program of a webhook's answer.
fn steps(yaml: &str) -> Input {
    let document = peal_script::read(yaml).unwrap_or_else(|error| panic!("{error}"));
    let program = Program::new(&document).unwrap_or_else(|faults| panic!("{faults:#?}"));
    Input::Reply(Reply::Steps(Arc::new(program)))
}

const HOOKED: &str = "
name: hooked
variables: {colour: red}
steps:
- {do: play, prompt: 1}
- {do: webhook, url: 'https://app.example/hook', failed: sorry}
- {do: say, id: sorry, text: 'Sorry: {{error}}.'}
";

#[test]
fn what_is_known_stays_known_in_steps_that_come_later() {
    let mut call = Call::of(HOOKED);
    call.hand(Input::Spoken).did();
    // The script names neither the contact's name nor a size, and the next program no colour.
    call.hand(steps("name: a\nsteps: [{do: set, values: {size: small}}, {do: webhook, url: 'https://h/'}]"));
    call.did();
    call.hand(steps(
        "name: b\nvariables: {size: none, colour: none}\nsteps: [{do: say, text: '{{contact.name}}: {{size}}, {{colour}}'}]",
    ));
    assert_eq!(call.did(), "say Ann: small, red");
}

#[test]
fn a_server_plays_no_prompt_that_is_not_at_hand() {
    let mut call = Call::of(HOOKED);
    call.hand(Input::Spoken).did();
    call.hand(steps("name: a\nsteps: [{do: play, prompt: 1}, {do: menu, ask: {prompt: 7}, keys: {'1': b}}, {do: wait, id: b, ms: 1}]"));
    assert_eq!(call.did(), "say Sorry: the answer plays prompt 7, which the script does not.");

    let mut call = Call::of(HOOKED);
    call.hand(Input::Spoken).did();
    call.hand(steps("name: a\nsteps: [{do: webhook, url: 'https://h/'}]")).did();
    call.hand(steps("name: b\nsteps: [{do: play, prompt: 1}]"));
    assert_eq!(call.did(), "play 1", "at hand is what the first script plays");
}

#[test]
fn a_message_waits_for_the_beep_but_not_for_ever() {
    let yaml = "{\"name\":\"vm\",\"steps\":[{\"do\":\"leave_message\",\"message\":\"Call us.\",\"beep_ms_max\":5000}]}";
    let mut call = Call::of(yaml);
    call.hand(Input::Beep).hand(Input::Spoken);
    assert_eq!(call.did(), "beep? | say Call us. | end ");
    let mut call = Call::of(yaml);
    call.wait();
    assert_eq!(call.did(), "beep? | say Call us.");
}

#[test]
fn a_transfer_ends_the_call_or_goes_on() {
    let yaml = "
name: t
steps:
- {do: transfer, to: 'sip:agent@pbx.example', failed: sorry, timeout_ms: 20000}
- {do: hang_up, id: sorry, disposition: nobody}
";
    let mut call = Call::of(yaml);
    call.hand(Input::Transferred(true));
    assert_eq!(call.did(), "transfer sip:agent@pbx.example | end transferred");
    let mut call = Call::of(yaml);
    call.hand(Input::Transferred(false));
    assert!(call.did().ends_with("end nobody"));
    let mut call = Call::of(yaml);
    let began = call.now;
    call.wait();
    assert!(call.did().ends_with("end nobody"));
    assert!(call.now - began >= Duration::from_secs(20));
}

#[test]
fn a_script_that_circles_ends_with_an_error() {
    let mut call = Call::of(
        "
name: circle
steps:
- {do: play, id: again, prompt: 1}
- do: branch
  cases: [{when: {variable: digits, is: '9'}, to: bye}]
  next: again
- {do: hang_up, id: bye}
",
    );
    for _ in 0..6_000 {
        call.hand(Input::Spoken);
    }
    let did = call.did();
    assert!(did.contains("end  (10000 steps"), "{}", &did[did.len() - 100..]);
}

const TALK: &str = "
name: talk
variables: {size: ''}
steps:
- do: converse
  id: talk
  prompt: You sell shoes to {{contact.name}}.
  opening: Hello.
  tools: {hang_up: bye, opt_out: never}
  fields: [size]
  over: late
  failed: broken
- {do: hang_up, id: bye, disposition: sold}
- {do: hang_up, id: never, disposition: opted out}
- {do: hang_up, id: late, disposition: late}
- {do: hang_up, id: broken, disposition: broken}
";

#[test]
fn a_model_talks_until_it_does_something() {
    let mut call = Call::of(TALK);
    assert_eq!(call.did(), "listen | say Hello.");
    call.hand(Input::Spoken).hears("do you have boots", None);
    assert_eq!(call.did(), "model do you have boots");
    call.hand(Input::Spoken);
    assert_eq!(call.did(), "listen", "the callee's turn");
    call.hears("in forty two", None);
    call.hand(Input::Deed(ModelDeed::Field("size".into(), "42".into())));
    call.hand(Input::Deed(ModelDeed::Field("price".into(), "0".into())));
    call.hand(Input::Deed(ModelDeed::Tool(ModelTool::HangUp, "sold".into())));
    assert_eq!(call.did(), "model in forty two", "it says good-bye first");
    // Whoever speaks into a good-bye does not take it back.
    call.hand(Input::SpeechBegan).hand(Input::Spoken);
    assert_eq!(call.did(), "end sold");
    assert_eq!(call.run.value("size"), "42");
}

#[test]
fn whoever_speaks_into_a_models_answer_is_listened_to() {
    let mut call = Call::of(TALK);
    call.hand(Input::Spoken).hears("boots", None);
    call.did();
    call.hand(Input::SpeechBegan);
    assert_eq!(call.did(), "hush | listen");
    call.hears("no shoes", None);
    assert_eq!(call.did(), "model no shoes");
}

#[test]
fn a_model_that_fails_and_one_that_is_at_its_limit_lead_on() {
    for (deed, end) in [(ModelDeed::Failed, "end broken"), (ModelDeed::Over, "end late")] {
        let mut call = Call::of(TALK);
        call.hand(Input::Spoken).hears("boots", None);
        call.did();
        call.hand(Input::Deed(deed)).hand(Input::Spoken);
        assert_eq!(call.did(), end);
    }
}

#[test]
fn what_is_said_for_a_slow_model_is_made_before_calls() {
    let yaml = "
name: talk
language: en-GB
steps: [{do: converse, prompt: p, slow_line: 'One moment, {{please}}.', voice: amy, tools: {hang_up: bye}}, {do: hang_up, id: bye}]
";
    let program = Program::new(&peal_script::read(yaml).expect("YAML")).expect("a script");
    let line = peal_script::Sentence {
        text: "One moment, {{please}}.".into(),
        voice: Some("amy".into()),
        language: "en-GB".into(),
    };
    assert!(program.constant_sentences().contains(&line), "{:?}", program.constant_sentences());
}

#[test]
fn silence_in_a_conversation_is_counted_anew_after_each_answer() {
    let yaml = "
name: talk
steps:
- {do: converse, prompt: p, no_input: {again: ['Hello?'], to: bye}}
- {do: hang_up, id: bye}
";
    let mut call = Call::of(yaml);
    for _ in 0..3 {
        call.did();
        call.wait();
        assert_eq!(call.did(), "deaf | listen | say Hello?");
        call.hand(Input::Spoken).hears("I am here", None).hand(Input::Spoken);
    }
    call.wait().hand(Input::Spoken).did();
    call.wait();
    assert_eq!(call.did(), "deaf | end ", "twice in a row");
}

const ATTENDED: &str = "
name: attended
steps:
- {do: bot, bot: sales, parameters: {who: 'This is {{contact.name}}.'}, seconds_max: 60, over: code, failed: sorry}
- {do: collect, id: code, max_digits: 1, next: bye}
- {do: say, id: sorry, text: 'Sorry: {{error}}.'}
- {do: hang_up, id: bye, disposition: done}
";

#[test]
fn a_bot_has_the_call_and_its_keys_until_it_leaves() {
    let mut call = Call::of(ATTENDED);
    assert_eq!(call.did(), "bot Some(\"sales\") [(\"who\", \"This is Ann.\")]");
    assert_eq!(call.key("12").did(), "tell 1 | tell 2");
    assert_eq!(call.hand(Input::SpeechBegan).did(), "");
    call.hand(Input::BotLeft);
    assert_eq!(call.did(), "", "the keys were the bot's");
    assert_eq!(call.key("3").did(), "end done");
    assert_eq!(call.hand(Input::BotLeft).did(), "");
}

#[test]
fn a_bot_that_is_gone_and_one_that_stays_too_long() {
    let mut call = Call::of(ATTENDED);
    call.did();
    assert_eq!(call.hand(Input::BotFailed).did(), "say Sorry: bot.");
    assert_eq!(call.hand(Input::BotFailed).hand(Input::Spoken).did(), "end done");

    let mut call = Call::of(ATTENDED);
    call.did();
    let began = call.now;
    assert_eq!(call.wait().did(), "detach");
    assert_eq!(call.now - began, Duration::from_secs(60));
    assert_eq!(call.key("1").did(), "end done");
}

const ON_HOLD: &str = "
name: x
steps:
- {do: listen, id: ask, ask: Yes?, intents: {yes: bye}, hold_ms_max: 20000, hold: held, no_input: {to: bye}, no_match: {to: bye}}
- {do: hang_up, id: held, disposition: held}
- {do: hang_up, id: bye, disposition: bye}
";

#[test]
fn music_is_waited_out_and_the_question_asked_again() {
    let mut call = Call::of(ON_HOLD);
    call.hand(Input::Spoken).hand(Input::SpeechBegan).hand(Input::MusicBegan);
    assert_eq!(call.did, ["listen", "say Yes?", "deaf"], "nobody listens to music");
    assert_eq!(call.run.awaits(), peal_script::Awaits::Hold);
    call.hand(Input::SpeechBegan).hand(Input::MusicEnded);
    assert_eq!(call.did[3..], ["listen", "say Yes?"]);
    call.hand(Input::Spoken).hears("yes", Some("yes"));
    assert_eq!(call.did.last().map(String::as_str), Some("end bye"));
}

#[test]
fn music_that_does_not_end_leads_elsewhere() {
    let mut call = Call::of(ON_HOLD);
    // It begins while we speak: the question is said to its end.
    call.hand(Input::MusicBegan);
    assert_eq!(call.run.awaits(), peal_script::Awaits::Spoken);
    call.hand(Input::Spoken);
    assert_eq!(call.run.awaits(), peal_script::Awaits::Hold);
    call.now += Duration::from_secs(20);
    call.hand(Input::Time);
    assert_eq!(call.did.last().map(String::as_str), Some("end held"));
    assert_eq!(call.run.value("error"), "hold");
}

#[test]
fn keys_that_nothing_takes_do_not_silence_what_circles() {
    let mut call = Call::of(
        "
name: circle
steps:
- {do: say, id: again, text: Hello., barge_in: keys}
- {do: branch, cases: [{when: {variable: digits, is: '9'}, to: bye}], next: again}
- {do: hang_up, id: bye}
",
    );
    assert_eq!(call.did(), "say Hello.");
    call.hand(Input::Key(Digit::from_char('5').expect("a key")));
    call.hand(Input::Spoken);
    assert!(call.did().ends_with("say Hello."), "it is said again, and the call does not end");
}

#[test]
fn names_of_things_are_values() {
    let yaml = "
name: shop
intents:
  buy: {names: {iPhone 15: [苹果十五, fifteen], Pixel 8: []}, phrases: [i want to buy]}
steps:
- {do: listen, ask: Which?, intents: {buy: sold, no: bye}, save: product}
- {do: hang_up, id: sold, disposition: sold}
- {do: hang_up, id: bye, disposition: no}
";
    let program = Program::new(&peal_script::read(yaml).expect("YAML")).expect("a script");
    let today = jiff::civil::date(2026, 11, 23);
    for (said, intent, value) in [
        ("an iphone 15, please", Some("buy"), Some("iPhone 15")),
        ("我要苹果十五", Some("buy"), Some("iPhone 15")),
        ("the PIXEL 8", Some("buy"), Some("Pixel 8")),
        ("i want to buy", Some("buy"), None),
        ("no", Some("no"), None),
        ("what?", None, None),
    ] {
        let heard = program.understand(peal_script::StepIndex(0), said, today);
        assert_eq!((heard.intent.as_deref(), heard.value.as_deref()), (intent, value), "{said}");
    }
    assert!(program.expected_phrases(peal_script::StepIndex(0)).contains(&"苹果十五".to_owned()));
    let mut call = Call::of(yaml);
    call.hand(Input::Spoken);
    let value = Some("Pixel 8".to_owned());
    call.hand(Input::Heard(Heard { text: "the pixel 8".into(), intent: Some("buy".into()), value }));
    assert!(call.did().ends_with("end sold"));
    assert_eq!(call.run.value("product"), "Pixel 8");
}
