//! What is asked and made of answers, good and bad.

use super::*;

fn rules() -> Rules {
    Rules {
        model: "m".into(),
        system: "You are Acme's voice. The callee is Ann.".into(),
        tools: vec![Tool::HangUp, Tool::SetField],
        forbidden: vec!["guarantee".into()],
        limits: Limits { turns: 3, time: Duration::from_secs(60), tokens: 1_000, words_an_answer: 20 },
    }
}

fn begin() -> (Dialogue, Instant) {
    let now = Instant::now();
    (Dialogue::new(rules(), now), now)
}

fn event(delta: Value) -> Vec<u8> {
    format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": delta }] })).into_bytes()
}

fn words(dialogue: &mut Dialogue, pieces: &[&str]) -> Vec<Said> {
    pieces
        .iter()
        .flat_map(|piece| dialogue.read(&event(json!({ "content": piece }))).expect("good"))
        .collect()
}

fn sentence(text: &str) -> Said {
    Said::Sentence(text.to_owned())
}

fn model(said: &str) -> Line {
    Line::Model { said: said.to_owned(), did: Vec::new() }
}

fn tool(index: usize, id: &str, name: &str, arguments: &str) -> Value {
    json!({ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
}

fn interrupt(dialogue: &mut Dialogue, heard: &[&str]) {
    dialogue.interrupt(&heard.iter().map(|heard| (*heard).to_owned()).collect::<Vec<_>>());
}

#[test]
fn sentences_leave_as_they_are_complete() {
    let (mut dialogue, now) = begin();
    let body = dialogue.ask(now, "Who are you?").expect("asked");
    assert_eq!(body["messages"][0]["role"], "system");
    assert_eq!(body["messages"][1], json!({ "role": "user", "content": "Who are you?" }));
    assert_eq!(body["tools"].as_array().map(Vec::len), Some(2));
    let said = words(&mut dialogue, &["Good morn", "ing, I am from Acme.", " How can", " I help?"]);
    assert_eq!(said, [sentence("Good morning, I am from Acme.")]);
    assert_eq!(dialogue.end(), Ok(vec![sentence("How can I help?")]));
    let all = "Good morning, I am from Acme. How can I help?";
    assert_eq!(dialogue.lines()[1], model(all));
    let body = dialogue.ask(now, "Fine.").expect("asked");
    assert_eq!(body["messages"][2]["content"], all);
}

#[test]
fn what_only_fills_the_time_is_no_answer_yet() {
    let (mut dialogue, now) = begin();
    dialogue.ask(now, "x").expect("asked");
    let call = json!({ "tool_calls": [tool(0, "c", "hang_up", "")] });
    for (piece, goes_on) in [
        (b": still there\n\n".to_vec(), false),
        (event(json!({ "role": "assistant", "content": "" })), false),
        (event(json!({ "reasoning_content": "They greet me." })), false),
        (event(json!({ "content": "Hel" })), true),
        (b": still there\n\n".to_vec(), false),
        (event(call), true),
    ] {
        dialogue.read(&piece).expect("a piece");
        assert_eq!(dialogue.goes_on(), goes_on, "{}", String::from_utf8_lossy(&piece));
    }
}

#[test]
fn an_interruption_leaves_what_was_heard() {
    let (mut dialogue, now) = begin();
    dialogue.ask(now, "Tell me all.").expect("asked");
    words(&mut dialogue, &["It is a long story, you see. It began", " in May."]);
    interrupt(&mut dialogue, &["It is a long"]);
    assert_eq!(words(&mut dialogue, &[" And so on."]), []);
    assert_eq!(dialogue.end(), Ok(vec![]));
    assert_eq!(dialogue.lines().last(), Some(&model("It is a long —")));
    // After it came to its end.
    dialogue.ask(now, "Go on.").expect("asked");
    words(&mut dialogue, &["It began in the month of May."]);
    dialogue.end().expect("good");
    interrupt(&mut dialogue, &[""]);
    assert_eq!(dialogue.lines().last(), Some(&Line::Callee("Go on.".to_owned())));
}

#[test]
fn an_interruption_after_a_tool_leaves_both_answers() {
    let (mut dialogue, now) = begin();
    dialogue.ask(now, "I'm Bob.").expect("asked");
    words(&mut dialogue, &["Let me write that down."]);
    let noted = tool(0, "c1", "set_field", r#"{"name":"first","value":"Bob"}"#);
    dialogue.read(&event(json!({ "tool_calls": [noted] }))).expect("good");
    let said = dialogue.end().expect("good");
    let [_, Said::Do(call)] = &said[..] else { panic!("{said:?}") };
    dialogue.done(now, vec![(call.clone(), "noted".to_owned())]).expect("goes on");
    words(&mut dialogue, &["Thank you, Bob. What can I do?"]);
    interrupt(&mut dialogue, &["Let me write that down.", "Thank you,"]);
    let body = dialogue.ask(now, "Wait.").expect("asked");
    let messages = body["messages"].as_array().expect("messages");
    assert_eq!(messages[2]["content"], "Let me write that down.");
    assert_eq!(messages[2]["tool_calls"][0]["id"], "c1");
    assert_eq!(messages[3], json!({ "role": "tool", "tool_call_id": "c1", "content": "noted" }));
    assert_eq!(messages[4], json!({ "role": "assistant", "content": "Thank you, —" }));
    assert_eq!(messages[5], json!({ "role": "user", "content": "Wait." }));
    assert_eq!(messages.len(), 6);
}

#[test]
fn tools_come_in_pieces() {
    let (mut dialogue, now) = begin();
    dialogue.ask(now, "I'm Bob.").expect("asked");
    for delta in [
        json!({ "tool_calls": [{ "index": 0, "id": "c1", "type": "function", "function": { "name": "set_field", "arguments": "" } }] }),
        json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "{\"name\":\"first\"," } }] }),
        json!({ "tool_calls": [{ "index": 0, "function": { "arguments": "\"value\":\"Bob\"}" } }] }),
    ] {
        assert_eq!(dialogue.read(&event(delta)), Ok(vec![]));
    }
    dialogue.read(b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":9}}\n\ndata: [DONE]\n\n").expect("good");
    let said = dialogue.end().expect("good");
    let arguments = vec![("name".to_owned(), "first".to_owned()), ("value".to_owned(), "Bob".to_owned())];
    let call = ToolCall { id: "c1".into(), tool: Tool::SetField, arguments };
    assert_eq!((said, dialogue.tokens()), (vec![Said::Do(call.clone())], 49));
    let body = dialogue.done(now, vec![(call, "ok".to_owned())]).expect("goes on");
    assert_eq!(body["messages"][3], json!({ "role": "tool", "tool_call_id": "c1", "content": "ok" }));
}

#[test]
fn all_that_an_answer_wants_is_handed_out() {
    let (mut dialogue, now) = begin();
    let body = dialogue.ask(now, "I'm Bob, bye.").expect("asked");
    assert_eq!(body["parallel_tool_calls"], false, "one after the other is preferred");
    let noted = r#"{"name":"first","value":"Bob"}"#;
    for delta in [
        json!({ "tool_calls": [tool(0, "c1", "set_field", noted)] }),
        json!({ "tool_calls": [tool(1, "c2", "hang_up", r#"{"disposition":"done"}"#)] }),
    ] {
        dialogue.read(&event(delta)).expect("good");
    }
    let calls = |said: Vec<Said>| -> Vec<(String, Tool)> {
        let call = |said| match said {
            Said::Do(call) => (call.id, call.tool),
            Said::Sentence(_) => panic!("{said:?}"),
        };
        said.into_iter().map(call).collect()
    };
    let both = vec![("c1".to_owned(), Tool::SetField), ("c2".to_owned(), Tool::HangUp)];
    assert_eq!(calls(dialogue.end().expect("good")), both);
    // Servers that count all as the first, those that do not count, and those that give no names.
    for indexes in [[Some(0), Some(0)], [None, None]] {
        dialogue.ask(now, "x").expect("asked");
        let mut both_calls = [tool(0, "c1", "set_field", noted), tool(0, "c2", "hang_up", "{}")];
        for (call, index) in both_calls.iter_mut().zip(indexes) {
            call["index"] = index.into();
        }
        dialogue.read(&event(json!({ "tool_calls": both_calls }))).expect("good");
        assert_eq!(calls(dialogue.end().expect("good")), both);
    }
    let (mut dialogue, now) = begin();
    dialogue.ask(now, "x").expect("asked");
    dialogue.read(&event(json!({ "tool_calls": [tool(0, "", "hang_up", "{}")] }))).expect("good");
    assert_eq!(calls(dialogue.end().expect("good")), [("call_1_0".to_owned(), Tool::HangUp)]);
}

#[test]
fn who_wants_no_more_calls_is_heard_beside_any_fault() {
    let now = Instant::now();
    let mut dialogue = Dialogue::new(Rules { tools: vec![Tool::HangUp, Tool::OptOut], ..rules() }, now);
    dialogue.ask(now, "Never call again.").expect("asked");
    let calls = [tool(0, "c1", "hang_up", "{"), tool(1, "c2", "opt_out", "{}")];
    dialogue.read(&event(json!({ "tool_calls": calls }))).expect("good");
    let call = ToolCall { id: "c2".into(), tool: Tool::OptOut, arguments: Vec::new() };
    assert_eq!(dialogue.end(), Ok(vec![Said::Do(call)]));
}

#[test]
fn nothing_is_as_good_as_left_out() {
    for chunk in [
        r#"{"choices":null,"usage":null,"error":null}"#,
        r#"{"choices":[{"delta":null}]}"#,
        r#"{"choices":[{"delta":{"role":"assistant","content":null,"tool_calls":null}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"hang_up","arguments":null}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":null,"function":null}]}}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":null,"completion_tokens":null}}"#,
    ] {
        let (mut dialogue, now) = begin();
        dialogue.ask(now, "x").expect("asked");
        let event = format!("data: {chunk}\n\n");
        assert_eq!(dialogue.read(event.as_bytes()), Ok(vec![]), "{chunk}");
    }
}

#[test]
fn a_whole_answer_is_taken_too() {
    let (mut dialogue, now) = begin();
    dialogue.ask(now, "x").expect("asked");
    let answer = json!({
        "choices": [{ "index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "Good-bye then, Ann. Take good care.", "tool_calls": [tool(0, "c", "hang_up", "{}")],
        } }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 5 },
    });
    let mut said = dialogue.read_whole(answer.to_string().as_bytes()).expect("good");
    said.extend(dialogue.end().expect("good"));
    let call = ToolCall { id: "c".into(), tool: Tool::HangUp, arguments: Vec::new() };
    assert_eq!(
        (said, dialogue.tokens()),
        (vec![sentence("Good-bye then, Ann."), sentence("Take good care."), Said::Do(call)], 15)
    );
}

#[test]
fn what_has_no_full_stop_is_said_in_time() {
    let (mut dialogue, now) = begin();
    dialogue.ask(now, "x").expect("asked");
    let mut said = Vec::new();
    for _ in 0..10_000 {
        said.extend(words(&mut dialogue, &["и так далее "]));
    }
    assert_eq!(said.len(), 1, "the first sentence is heard, then there are too many words");
    assert!(dialogue.answer.as_ref().is_some_and(|answer| answer.rest.is_empty()), "nothing is kept");
}

#[test]
fn what_no_server_counts_is_estimated() {
    let (mut dialogue, now) = begin();
    let asked = |body: Value| body["messages"].to_string().chars().count() as u64;
    let first = asked(dialogue.ask(now, "x").expect("asked"));
    words(&mut dialogue, &["Twelve signs"]);
    interrupt(&mut dialogue, &["Twelve"]);
    assert_eq!(dialogue.tokens(), (first + 12).div_ceil(4));
    let before = dialogue.tokens();
    dialogue.ask(now, "x").expect("asked");
    // Counted with each piece, of all pieces.
    for completion in [1, 2] {
        let usage = json!({ "prompt_tokens": 40, "completion_tokens": completion });
        let chunk = json!({ "choices": [{ "delta": { "content": "a" } }], "usage": usage });
        dialogue.read(format!("data: {chunk}\n\n").as_bytes()).expect("good");
    }
    dialogue.end().expect("good");
    assert_eq!(dialogue.tokens(), before + 42);
}

#[test]
fn limits_end_it() {
    let (mut dialogue, now) = begin();
    for _ in 0..3 {
        dialogue.ask(now, "x").expect("asked");
        words(&mut dialogue, &[""]);
        assert_eq!(dialogue.end(), Ok(vec![]));
    }
    assert_eq!(dialogue.ask(now, "x"), Err(Over::Turns));
    let (mut dialogue, now) = begin();
    assert_eq!(dialogue.ask(now + Duration::from_secs(60), "x"), Err(Over::Time));
    let (mut dialogue, now) = begin();
    dialogue.ask(now, "x").expect("asked");
    dialogue.read(b"data: {\"usage\":{\"prompt_tokens\":1000}}\n\n").expect("good");
    assert_eq!(dialogue.ask(now, "x"), Err(Over::Tokens));
}

#[test]
fn too_many_words_and_forbidden_ones_are_left_unsaid() {
    let (mut dialogue, now) = begin();
    dialogue.ask(now, "x").expect("asked");
    let ten = "one two three four five six seven eight nine ten. ";
    words(&mut dialogue, &[ten, ten, ten, ten]);
    dialogue.end().expect("good");
    assert_eq!(dialogue.lines()[1], model(format!("{ten}{ten}").trim()));
    dialogue.ask(now, "Is it safe?").expect("asked");
    let said = words(&mut dialogue, &["It is quite safe. We GUARANTEE a profit. Trust me in this."]);
    assert_eq!(said, [sentence("It is quite safe.")]);
    assert_eq!(dialogue.end(), Ok(vec![]));
    assert_eq!(dialogue.ask(now, "x"), Err(Over::Forbidden));
}

#[test]
fn rubbish_is_a_fault() {
    for bytes in [&b""[..], b"<!DOCTYPE html>\n<html></html>\n", b": ping\n\n", b"data: [DONE]\n\n"] {
        let (mut dialogue, now) = begin();
        dialogue.ask(now, "x").expect("asked");
        assert_eq!(dialogue.read(bytes), Ok(vec![]));
        assert!(matches!(dialogue.end(), Err(ModelFault::Rubbish(_))), "no answer: {bytes:?}");
    }
    let (mut dialogue, now) = begin();
    dialogue.ask(now, "x").expect("asked");
    let flood = event(json!({ "reasoning_content": "x".repeat(32 << 10) }));
    let fault = (0..300).find_map(|_| dialogue.read(&flood).err());
    assert!(matches!(fault, Some(ModelFault::Rubbish(_))), "without end");
    for bytes in [
        &b"data: <html>\n\n"[..],
        b"data: {\"choices\":5}\n\n",
        b"data: {\"error\":{\"message\":\"no\"}}\n\n",
        b"data: {\"error\":\"no\"}\n\n",
    ] {
        let (mut dialogue, now) = begin();
        dialogue.ask(now, "x").expect("asked");
        dialogue.read(bytes).expect_err("no answer");
    }
    for arguments in ["{", "[]", "\"x\""] {
        let (mut dialogue, now) = begin();
        dialogue.ask(now, "x").expect("asked");
        let function = json!({ "name": "hang_up", "arguments": arguments });
        dialogue
            .read(&event(json!({ "tool_calls": [{ "index": 0, "id": "c", "function": function }] })))
            .expect("a piece");
        assert!(matches!(dialogue.end(), Err(ModelFault::Tool(_))));
    }
    let (mut dialogue, now) = begin();
    dialogue.ask(now, "x").expect("asked");
    let function = json!({ "name": "format_disk", "arguments": "{}" });
    dialogue
        .read(&event(json!({ "tool_calls": [{ "index": 0, "id": "c", "function": function }] })))
        .expect("a piece");
    assert!(matches!(dialogue.end(), Err(ModelFault::Tool(_))), "not offered");
}
