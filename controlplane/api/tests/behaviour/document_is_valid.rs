//! The OpenAPI document, as a validator that we did not write sees it, and its page.

use std::{io::Write, path::Path, process::Command};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use serde_json::{Value, json};

use crate::world::{World, id, line};

fn document() -> Value {
    serde_json::to_value(peal_api::openapi()).expect("plain data")
}

/// Runs Python with the tests' packages.
fn python(arguments: &[&str]) -> std::process::Output {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.deps/python/bin/python");
    assert!(python.exists(), "{} is missing: run setup/python.sh", python.display());
    Command::new(python).args(arguments).output().expect("Python runs")
}

fn file(content: &Value) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".json").tempfile().expect("a temporary file");
    file.write_all(content.to_string().as_bytes()).expect("room for a document");
    file
}

#[test]
fn a_foreign_validator_accepts_it() {
    let file = file(&document());
    let output = python(&["-m", "openapi_spec_validator", file.path().to_str().expect("UTF-8")]);
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "(no module? run setup/python.sh)\n{text}");
}

#[test]
fn every_route_says_what_it_is_and_answers() {
    for (path, item) in document()["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("a path item") {
            let at = format!("{method} {path}");
            assert!(operation["tags"][0].is_string(), "{at}: tag");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{at}: summary");
            assert!(operation["operationId"].is_string(), "{at}: operationId");
            let responses = operation["responses"].as_object().expect("responses");
            assert!(responses.keys().any(|status| status.starts_with('2')), "{at}: no success");
            assert!(responses.contains_key("401"), "{at}: 401");
            for (status, response) in responses {
                assert!(!response["description"].as_str().unwrap_or("").is_empty(), "{at} {status}");
                if status.starts_with(['4', '5']) {
                    let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
                    assert_eq!(problem, "#/components/schemas/Problem", "{at} {status}");
                }
            }
        }
    }
}

/// The published schema of scripts, judged by the same validator.
#[tokio::test]
async fn the_schema_of_scripts_takes_ours_and_refuses_typos() {
    let world = World::new().await;
    let schema = world.get("/scripts/schema").await.expect(StatusCode::OK);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let mut cases = Vec::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    for example in std::fs::read_dir(examples).expect("examples") {
        let text = std::fs::read_to_string(example.expect("a file").path()).expect("text");
        let document = script::read(&text).expect("a script");
        cases.push(json!({ "value": document, "valid": true }));
    }
    assert!(cases.len() >= 2);
    let with = |step: Value| json!({ "name": "s", "steps": [step] });
    for (step, valid) in [
        (json!({ "do": "play", "prompt": 1, "barge_in": true }), true),
        (json!({ "do": "play", "prompt": 1, "barge_in": "speech", "id": "a", "next": "b" }), true),
        (
            json!({ "do": "listen", "ask": { "prompt": 2 }, "intents": { "yes": "a" }, "expect": "date" }),
            true,
        ),
        (
            json!({ "do": "branch", "cases": [{ "when": { "not": { "variable": "a", "is_set": true } }, "to": "x" }] }),
            true,
        ),
        (json!({ "do": "http", "url": "https://a.test/", "method": "POST", "save": { "a": "/b" } }), true),
        (json!({ "do": "play", "promt": 1 }), false),
        (json!({ "do": "play", "prompt": 1, "barge_in": "shout" }), false),
        (json!({ "do": "sing" }), false),
        (json!({ "id": "a" }), false),
        (json!({ "do": "wait", "ms": 0 }), false),
        (json!({ "do": "listen", "ask": { "promt": 2 } }), false),
        (json!({ "do": "hang_up", "next": "a" }), false),
    ] {
        cases.push(json!({ "value": with(step), "valid": valid }));
    }
    cases.push(json!({ "value": { "name": "s", "steps": [] }, "valid": false }));
    cases.push(json!({ "value": { "name": "s", "stpes": [{ "do": "hang_up" }] }, "valid": false }));
    let file = file(&json!({ "schema": schema, "cases": cases }));
    let output = python(&["-c", JUDGE_SCRIPTS, file.path().to_str().expect("UTF-8")]);
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

const JUDGE_SCRIPTS: &str = r##"
import json, sys
from jsonschema import Draft202012Validator
given = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(given["schema"])
wrong = 0
for case in given["cases"]:
    errors = [error.message for error in Draft202012Validator(given["schema"]).iter_errors(case["value"])]
    if bool(errors) == case["valid"]:
        wrong += 1
        print(json.dumps(case["value"]), errors or "should have been refused")
sys.exit(wrong > 0)
"##;

/// Real requests and answers, judged by their schemas with a validator that we did not write.
#[tokio::test]
async fn requests_and_answers_are_as_it_says() {
    let world = World::new().await;
    let mut cases = Vec::new();
    let mut judge = |schema: &str, value: Value, valid: bool| {
        cases.push(json!({ "schema": schema, "value": value, "valid": valid }));
    };
    let mut spec = line("digest");
    spec["auth"] = json!({ "by": "digest", "username": "u", "password": "p" });
    judge("LineSpec", spec.clone(), true);
    judge("Line", world.post("/lines", &spec).await.expect(StatusCode::CREATED), true);
    judge("LineAuth", json!({ "by": "ip" }), true);
    judge("LineAuth", json!({ "by": "digest", "username": "u" }), false);
    judge("LineAuth", json!({ "by": "magic" }), false);
    let mut unknown = line("x");
    unknown["colour"] = "red".into();
    judge("LineSpec", unknown, false);

    let steps =
        json!([{ "do": "collect", "terminator": "#" }, { "do": "wait", "ms": 10 }, { "do": "hang_up" }]);
    let answer = world.post("/scripts", &json!({ "name": "steps", "steps": steps })).await;
    judge("Script", answer.expect(StatusCode::CREATED), true);
    judge("Step", json!({ "do": "collect" }), true);
    judge("Step", json!({ "do": "wait" }), false);
    judge("Step", json!({ "do": "dance" }), false);

    let (campaign, list) = world.campaign(&["+8613800138000", "x"]).await;
    let mut spec = world.get(&campaign).await.expect(StatusCode::OK);
    judge("Campaign", spec.clone(), true);
    for own in ["id", "tenant", "state", "created_at"] {
        spec.as_object_mut().expect("an object").remove(own);
    }
    spec["retry"] = json!({ "max_attempts": 3, "rules": { "busy": { "delay_s": 60, "max": 2 } } });
    spec["schedule"] = json!({ "time_zone": "Asia/Shanghai", "start": "2026-11-23T09:00",
        "windows": [{ "days": [1, 5], "from": "09:00", "to": "18:30" }] });
    judge("CampaignSpec", spec.clone(), true);
    judge("Campaign", world.put(&campaign, &spec).await.expect(StatusCode::OK), true);
    judge(
        "RetryPolicy",
        json!({ "max_attempts": 3, "rules": { "bored": { "delay_s": 60, "max": 2 } } }),
        false,
    );

    judge("Scripts", json!(1), true);
    judge("Scripts", json!([{ "script": 1 }, { "script": 2, "weight": 3, "name": "b" }]), true);
    judge("Scripts", json!([{ "script": 1, "wieght": 3 }]), false);
    judge("Best", json!({ "goal": { "intent": "yes" }, "minimum": 10 }), true);
    judge("Best", json!({ "goal": { "weather": "fine" } }), false);

    judge("List", world.get(&list).await.expect(StatusCode::OK), true);
    judge("ImportReport", world.csv(&list, "", "n\n1\n").await.expect(StatusCode::OK), true);
    let problems = world.get(&format!("{list}/problems")).await.expect(StatusCode::OK);
    assert_eq!(problems["items"].as_array().map(Vec::len), Some(2));
    judge("Page_RowProblem", problems, true);

    let intents = world.dial(&campaign).await;
    let call = format!("/calls/{}", intents[0].attempt);
    judge("Call", world.get(&call).await.expect(StatusCode::OK), true);
    let said = store::Dialogue {
        turns: vec![
            store::Turn { speaker: store::Speaker::Us, ..store::Turn::default() },
            store::Turn {
                speaker: store::Speaker::Callee,
                latency: Some(store::Latency::default()),
                prosody: Some(store::Prosody::default()),
                ..store::Turn::default()
            },
        ],
        ..store::Dialogue::default()
    };
    world.end_with(&intents, common::Outcome::Busy, Some(said)).await;
    judge("Call", world.get(&call).await.expect(StatusCode::OK), true);
    judge("Page_Call", world.get("/calls").await.expect(StatusCode::OK), true);
    judge("Progress", world.get(&format!("{campaign}/progress")).await.expect(StatusCode::OK), true);
    judge(
        "Why",
        world.get(&format!("{campaign}/contacts/+8613800138000")).await.expect(StatusCode::OK),
        true,
    );
    let asked = json!({ "numbers": ["+8613800138000", "x"], "reason": "asked" });
    judge("Suppress", asked.clone(), true);
    judge("SuppressReport", world.post("/suppressions", &asked).await.expect(StatusCode::OK), true);
    judge("Page_Suppression", world.get("/suppressions").await.expect(StatusCode::OK), true);
    judge("Status", world.get("/status").await.expect(StatusCode::OK), true);
    for (schema, path) in [
        ("Page_Line", "/lines"),
        ("Page_LineGroup", "/line-groups"),
        ("Page_Script", "/scripts"),
        ("Page_Prompt", "/prompts"),
        ("Page_List", "/lists"),
        ("Page_Campaign", "/campaigns"),
    ] {
        judge(schema, world.get(path).await.expect(StatusCode::OK), true);
    }
    judge("Problem", world.get("/lines/77").await.expect(StatusCode::NOT_FOUND), true);
    assert_eq!(id(&campaign), 1);

    let file = file(&json!({ "document": document(), "cases": cases }));
    let output = python(&["-c", JUDGE, file.path().to_str().expect("UTF-8")]);
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

const JUDGE: &str = r##"
import json, sys
from jsonschema import Draft202012Validator
given = json.load(open(sys.argv[1]))
wrong = 0
for case in given["cases"]:
    schema = {"$ref": "#/components/schemas/" + case["schema"], "components": given["document"]["components"]}
    errors = [error.message for error in Draft202012Validator(schema).iter_errors(case["value"])]
    if bool(errors) == case["valid"]:
        wrong += 1
        print(case["schema"], json.dumps(case["value"]), errors or "should have been refused")
sys.exit(wrong > 0)
"##;

#[tokio::test]
async fn its_page_comes_from_the_program_alone() {
    let world = World::new().await;
    let get = async |path: &str| world.send(Request::get(path).body(Body::empty()).expect("a request")).await;
    let served: Value = get("/openapi.json").await.expect(StatusCode::OK);
    assert_eq!(served, document());
    let page = get("/docs/").await;
    assert_eq!(page.status, StatusCode::OK);
    let page = String::from_utf8(page.body).expect("HTML in UTF-8");
    assert!(page.contains("swagger-ui"), "{page}");
    let mut parts = 0;
    for reference in page.split(['"', '\'']).filter(|text| text.ends_with(".js") || text.ends_with(".css")) {
        assert!(!reference.contains("//"), "the page loads {reference}");
        let path = format!("/docs/{}", reference.trim_start_matches("./"));
        let part = get(&path).await;
        assert_eq!(part.status, StatusCode::OK, "{path}");
        if path.ends_with("initializer.js") {
            let text = String::from_utf8_lossy(&part.body).into_owned();
            assert!(text.contains("/openapi.json"), "{text}");
            assert!(text.contains(r#""validatorUrl": "none""#), "{text}");
        }
        parts += 1;
    }
    assert!(parts >= 3, "{page}");
}
