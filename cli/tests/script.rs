//! `peal script check` and `peal script run`: no control plane, nobody called.

mod common;

use std::io::Write;
use std::process::{Output, Stdio};

use common::said;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

fn with_input(arguments: &[&str], input: &str) -> Output {
    let mut child = common::peal()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn example(name: &str) -> String {
    format!("{}/../docs/examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_examples_have_nothing_wrong() {
    for name in ["survey.yaml", "reminder-zh.yaml"] {
        let output = common::run(&["script", "check", &example(name)]);
        assert!(output.status.success(), "{name}: {}", said(&output));
    }
}

#[test]
fn the_schema_is_printed() {
    let output = common::run(&["script", "schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(schema["$defs"]["Step"]["oneOf"].as_array().is_some_and(|kinds| kinds.len() >= 14), "{schema}");
}

#[test]
fn a_dialogue_in_the_terminal() {
    let script = example("survey.yaml");
    let output =
        with_input(&["script", "run", &script, "--contact", "name=Ann"], "yeah, sure\nfour, I'd say\n");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    for line in [
        "Hello Ann.",
        "understood: yes",
        "understood: 4",
        "Thank you, 4 of five makes our day.",
        "[end: happy]",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    let output = with_input(&["--json", "script", "run", &script], "don't call me again\n");
    let last = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(last.contains(r#""event":"opted_out","said":"don't call me again""#), "{last}");
    let last: serde_json::Value = serde_json::from_str(last.lines().last().expect("events")).expect("JSON");
    assert_eq!((&last["event"], &last["disposition"]), (&"end".into(), &"opted out".into()));
}

#[test]
fn who_wants_no_more_calls_is_shown_once() {
    for (typed, lines) in [("#9\n", 1), ("stop calling me\n", 1), ("no\n", 0)] {
        let output = with_input(&["script", "run", &example("survey.yaml")], typed);
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(text.matches("[the callee is never called again]").count(), lines, "{typed}: {text}");
    }
}

#[test]
fn what_somebody_else_would_understand_is_typed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("s.yaml");
    let script = "
name: x
steps:
- {do: listen, intents: {order: bye, no: bye}, understand: {url: 'https://nlu.example/'}, no_match: {again: [Sorry?]}}
- {do: hang_up, id: bye}
";
    std::fs::write(&file, script).expect("written");
    let file = file.to_str().expect("UTF-8");
    let output =
        with_input(&["script", "run", file], "two boxes\nhang_up\ntwo boxes\n{\"intent\":\"order\"}\n");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let lines: Vec<_> = text.lines().collect();
    let asks = "[asks https://nlu.example/ what it means]";
    assert_eq!(lines, [asks, "no intent", "Sorry?", asks, "understood: order", "[end: no disposition]"]);
}

/// A server with vosk-server's protocol that hears `text` in any audio that is long enough, and the configuration that names it.
fn recogniser(folder: &std::path::Path, text: &'static str) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = Box::leak(Box::new(runtime.expect("a runtime")));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("loopback has free ports");
    let address = listener.local_addr().expect("bound");
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
            let mut bytes = 0;
            while let Some(Ok(message)) = socket.next().await {
                match message {
                    Message::Binary(audio) => bytes += audio.len(),
                    Message::Text(text) if text.contains("sample_rate") => {
                        assert!(text.contains("16000"), "{text}")
                    }
                    Message::Text(_) => break,
                    _ => {}
                }
            }
            // 16 kHz, 16 bits: between half a second and two; the silence around it was kept back.
            let heard = if (16_000..64_000).contains(&bytes) { text } else { "" };
            let answer = serde_json::json!({ "text": heard }).to_string();
            let _ = socket.send(Message::text(answer)).await;
            let _ = socket.close(None).await;
        }
    });
    let config = folder.join("peal.toml");
    let table = format!("[node.voice.recognisers.main]\nprotocol = \"vosk\"\nurl = \"ws://{address}\"\n");
    std::fs::write(&config, table).expect("written");
    config.to_str().expect("UTF-8").to_owned()
}

/// A WAV of a second of silence, 0.6 s of a voice (or of silence), and two seconds of silence, at 16 kHz.
fn wav(folder: &std::path::Path, name: &str, speaks: bool) -> String {
    let file = folder.join(name);
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&file, spec).expect("a file");
    for n in 0..57_600u32 {
        let voice = speaks && (16_000..25_600).contains(&n);
        let sample = if voice {
            (f64::from(n) * 0.06).sin() * 8_000.0 * (f64::from(n) * 0.002).sin().abs()
        } else {
            0.0
        };
        writer.write_sample(sample as i16).expect("written");
    }
    writer.finalize().expect("written");
    file.to_str().expect("UTF-8").to_owned()
}

#[test]
fn wav_files_are_heard_by_a_recogniser() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = recogniser(folder.path(), "yes sure");
    let (spoken, silent) = (wav(folder.path(), "spoken.wav", true), wav(folder.path(), "silent.wav", false));
    let script = example("survey.yaml");
    let arguments = ["script", "run", &script, "--config", &config, "--hear", &silent, "--hear", &spoken];
    let output = with_input(&arguments, "four\n");
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    assert!(output.status.success(), "{}", said(&output));
    for line in [&format!("[{spoken}] yes sure"), "understood: yes", "understood: 4", "[end: happy]"] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    assert_eq!(text.matches("[end").count(), 1);
    // Its name may be typed as well.
    let output = with_input(&["script", "run", &script, "--config", &config], &format!("{spoken}\nfour\n"));
    assert!(String::from_utf8_lossy(&output.stdout).contains("understood: yes"), "{}", said(&output));
}

#[test]
fn who_could_hear_a_file_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let spoken = wav(folder.path(), "spoken.wav", true);
    let output = with_input(&["script", "run", &example("survey.yaml"), "--hear", &spoken], "");
    assert!(!output.status.success());
    let problem = said(&output);
    assert!(
        problem.contains("there is no recogniser to hear it") && problem.contains("spoken.wav"),
        "{problem}"
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let script = "name: x\nsteps:\n- {do: say, text: 'Hi {{who}}', next: there}\n- {do: wait, ms: 0}\n";
    let output = with_input(&["script", "check", "-"], script);
    assert!(!output.status.success());
    for part in ["steps[0].next", "steps[0].text", "{{who}}".trim_matches(['{', '}']), "steps[1].ms"] {
        assert!(said(&output).contains(part), "{part} in {}", said(&output));
    }
}

#[test]
fn a_bot_in_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("bot.yaml");
    let steps = "name: b\nsteps:\n- {do: bot, bot: sales, parameters: {who: '{{contact.name}}'}, failed: sorry}\n\
                 - {do: hang_up, disposition: served}\n- {do: say, id: sorry, text: Sorry.}\n";
    std::fs::write(&script, steps).expect("written");
    let script = script.to_str().expect("a path");
    let output = with_input(&["script", "run", script, "--contact", "name=Ann"], "hello\n#5\n/over\n");
    let shown = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = shown.lines().collect();
    let expected = [
        r#"[sales has the call, and is told {"who":"Ann"}]"#,
        "[the bot hears it]",
        "[the bot is told of key 5]",
        "[end: served]",
    ];
    assert_eq!(lines, expected);
    let output = with_input(&["script", "run", script], "/failed\n");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Sorry."), "{}", said(&output));
}
