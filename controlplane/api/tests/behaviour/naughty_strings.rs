//! Strings that broke others, in every place where a person's text goes: refused or kept as they are, never a fault.

use std::path::Path;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::{World, line};

fn corpus(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/api-payloads").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn strings() -> Vec<String> {
    let mut strings: Vec<String> =
        serde_json::from_str(&corpus("blns.json")).expect("a JSON array of strings");
    for file in [
        "Intruder/csv-payload.txt",
        "CRLF_Injection/Files/crlfinjection.txt",
        "ssrf-testing/cloud-metadata.txt",
    ] {
        strings.extend(corpus(file).lines().map(str::to_owned));
    }
    assert!(strings.len() > 500, "only {} strings", strings.len());
    strings
}

#[tokio::test]
async fn in_every_field() {
    let mut world = World::new().await;
    let kept = world.made("/lines", world.post("/lines", &line("kept")).await);
    let with = |key: &str, text: &str| {
        let mut spec = line("kept");
        spec[key] = text.into();
        spec
    };
    for text in strings() {
        let mut listed = line("kept");
        listed["caller_ids"] = json!([text]);
        let mut digest = line("kept");
        digest["auth"] = json!({ "by": "digest", "username": text, "password": text, "realm": text });
        let bodies: [Value; 7] = [
            with("name", &text),
            with("address", &text),
            with("domain", &text),
            with("prefix", &text),
            with(&text, "x"),
            listed,
            digest,
        ];
        for body in &bodies {
            let answer = world.put(&kept, body).await;
            match answer.status {
                StatusCode::OK => {
                    let password = &body["auth"]["password"];
                    let mut answer = answer.json();
                    assert!(!breaks_a_line(&answer), "a line break got where it goes into SIP: {body}");
                    if password.is_string() {
                        answer["auth"]["password"] = password.clone();
                    }
                    for (key, value) in body.as_object().expect("an object") {
                        assert_eq!(&answer[key], value, "{key}");
                    }
                }
                StatusCode::UNPROCESSABLE_ENTITY => {
                    answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid");
                }
                status => panic!("{status} for {body}"),
            }
        }
        assert!(world.told().len() <= bodies.len(), "a command for each change");
    }
}

fn breaks_a_line(line: &Value) -> bool {
    ["name", "address", "domain", "prefix"]
        .iter()
        .any(|key| line[key].as_str().is_some_and(|text| text.contains(['\r', '\n', '\0'])))
}

#[tokio::test]
async fn as_names_cursors_and_numbers() {
    let world = World::new().await;
    let mut names = std::collections::HashSet::new();
    for text in strings() {
        let answer = world.post("/lists", &json!({ "name": text })).await;
        match answer.status {
            StatusCode::CREATED => {
                assert_eq!(answer.json()["name"], text.as_str());
                assert!(names.insert(text.clone()), "made twice: {text}");
            }
            StatusCode::CONFLICT => assert!(names.contains(&text), "not there before: {text}"),
            status => assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text}"),
        }
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for path in [
            format!("/lists?after={encoded}"),
            format!("/lists/{encoded}"),
            format!("/calls?outcome={encoded}&since={encoded}"),
            format!("/calls/{encoded}"),
            format!("/campaigns/1/contacts/{encoded}"),
        ] {
            let answer = world.get(&path).await;
            assert!(!answer.status.is_server_error(), "{} for {path}", answer.status);
        }
    }
}

#[tokio::test]
async fn as_rows_of_a_file() {
    let world = World::new().await;
    let list = world.list("l").await;
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let rows = strings().into_iter().enumerate().map(|(n, text)| {
        let number = format!("+{}", 8_613_800_000_000_u64 + n as u64);
        format!("{},{}\n{},{}\n", number, quoted(&text), quoted(&text), number)
    });
    let file: String = std::iter::once("number,note\n".to_owned()).chain(rows).collect();
    let report = world.csv(&list, "", file).await.expect(StatusCode::OK);
    let count = strings().len() as u64;
    assert!(report["imported"].as_u64() >= Some(count), "{report}");
    // The file as it is: no CSV at all.
    let raw = world.csv(&list, "", corpus("blns.txt")).await;
    assert!(!raw.status.is_server_error(), "{raw:?}");
}
