//! Requests that cannot be used: refused by name, with one shape.

use axum::{
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
};
use serde_json::{Value, json};

use crate::world::{World, line};

const INVALID: (StatusCode, &str) = (StatusCode::UNPROCESSABLE_ENTITY, "invalid");

#[tokio::test]
async fn fields_are_refused_by_name() {
    let world = World::new().await;
    let with = |change: fn(&mut Value)| {
        let mut spec = line("a");
        change(&mut spec);
        spec
    };
    let campaign = json!({ "name": "c", "lists": [1], "line_group": 1, "script": 1 });
    let spoiled = |key: &str, value: Value| {
        let mut spec = campaign.clone();
        spec[key] = value;
        spec
    };
    let step = |step: Value| json!({ "name": "s", "steps": [{ "do": "wait", "ms": 1 }, step] });
    let cases = [
        ("/lines", with(|line| line["colour"] = "red".into()), "colour"),
        ("/lines", json!({ "name": "a" }), "address"),
        ("/lines", with(|line| line["max_calls"] = "ten".into()), "max_calls"),
        ("/lines", with(|line| line["max_calls"] = (-1).into()), "max_calls"),
        ("/lines", with(|line| line["max_calls"] = 0.into()), "max_calls"),
        ("/lines", with(|line| line["max_cps"] = 0.into()), "max_cps"),
        ("/lines", with(|line| line["caller_ids"] = json!(["1", "a\r\nVia: x"])), "caller_ids[1]"),
        ("/lines", with(|line| line["auth"] = json!({ "by": "digest", "username": "u" })), "auth.password"),
        ("/lines", with(|line| line["auth"] = json!({ "by": "magic" })), "auth.by"),
        (
            "/lines",
            with(|line| line["auth"] = json!({ "by": "digest", "username": "u", "password": "p", "x": 1 })),
            "auth.x",
        ),
        (
            "/campaigns",
            spoiled("retry", json!({ "max_attempts": 2, "rules": { "bored": { "delay_s": 1, "max": 1 } } })),
            "retry.rules",
        ),
        (
            "/campaigns",
            spoiled("retry", json!({ "max_attempts": 2, "rules": { "busy": { "delay_s": 0, "max": 1 } } })),
            "retry.rules.busy.delay_s",
        ),
        ("/line-groups", json!({ "name": "g", "lines": [] }), "lines"),
        ("/scripts", json!({ "name": "s", "steps": [] }), "steps"),
        ("/scripts", step(json!({ "do": "wait", "ms": 0 })), "steps[1].ms"),
        ("/scripts", step(json!({ "do": "wait", "ms": 1, "x": 1 })), "steps[1].x"),
        ("/scripts", step(json!({ "do": "play" })), "steps[1].prompt"),
        ("/scripts", step(json!({ "do": "play", "prompt": 77 })), "steps[1].prompt"),
        ("/lists", json!({ "name": "l", "x": 1 }), "x"),
        ("/lists", json!({ "name": " l" }), "name"),
        ("/lists", json!({}), "name"),
        ("/campaigns", spoiled("priority", 6.into()), "priority"),
        ("/campaigns", spoiled("priority", 300.into()), "priority"),
        ("/campaigns", spoiled("schedule", json!({ "time_zone": "Mars/Olympus" })), "schedule.time_zone"),
        (
            "/campaigns",
            spoiled("schedule", json!({ "windows": [{ "from": "09:00" }] })),
            "schedule.windows[0].to",
        ),
        (
            "/campaigns",
            spoiled("schedule", json!({ "windows": [{ "from": "25:00", "to": "26:00" }] })),
            "schedule.windows[0].from",
        ),
        (
            "/campaigns",
            spoiled("retry", json!({ "max_attempts": 2, "rules": { "busy": { "max": 1 } } })),
            "retry.rules",
        ),
    ];
    for (path, body, field) in cases {
        let answer = world.post(path, &body).await;
        assert_eq!(answer.problem(INVALID.0, INVALID.1), field, "{body}");
    }
    let answer = world.post("/lines", &json!([1])).await;
    answer.problem(INVALID.0, INVALID.1);
}

#[tokio::test]
async fn a_script_is_told_everything_that_is_wrong_with_it() {
    let world = World::new().await;
    let script = json!({ "name": "s", "steps": [
        { "do": "say", "id": "hello", "text": "Hi {{who}}", "next": "nowhere" },
        { "do": "wait", "ms": 0 },
        { "do": "play", "prompt": 77 },
    ] });
    let answer = world.post("/scripts", &script).await;
    answer.problem(INVALID.0, INVALID.1);
    let problem: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let errors = problem["errors"].as_array().expect("errors");
    let fields: Vec<_> = errors.iter().map(|error| error["field"].as_str().expect("a field")).collect();
    for field in ["steps[0].next", "steps[0].text", "steps[1].ms", "steps[2].prompt"] {
        assert!(fields.contains(&field), "{field} in {fields:?}");
    }
    assert_eq!(world.get("/scripts").await.expect(StatusCode::OK)["items"], json!([]));
}

#[tokio::test]
async fn query_parameters_are_refused_by_name() {
    let world = World::new().await;
    for (path, field) in [
        ("/lines?limit=0", "limit"),
        ("/lines?limit=1001", "limit"),
        ("/lines?limit=ten", "limit"),
        ("/lines?after=x", "after"),
        ("/lines?colour=red", "colour"),
        ("/calls?after=x", "after"),
        ("/calls?state=lost", "state"),
        ("/calls?outcome=bored", "outcome"),
        ("/calls?since=yesterday", "since"),
        ("/events?after=x", "after"),
        ("/events?campaign=x", "campaign"),
    ] {
        assert_eq!(world.get(path).await.problem(INVALID.0, INVALID.1), field, "{path}");
    }
    for (path, field) in [
        ("/prompts", "name"),
        ("/lists/1/contacts?default_region=XX", "default_region"),
        ("/analytics/query?format=a%20b", "format"),
    ] {
        assert_eq!(world.act(path).await.problem(INVALID.0, INVALID.1), field, "{path}");
    }
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let world = World::new().await;
    for body in ["", "{", "{\"name\":}", "nul", "{\"name\":\"a\u{0}\"", "{\"name\":\"l\"}}"] {
        world.json("POST", "/lists", body).await.problem(StatusCode::BAD_REQUEST, "bad_body");
    }
    world.json("POST", "/lists", vec![0xff, 0xfe]).await.problem(StatusCode::BAD_REQUEST, "bad_body");
    let deep = format!(r#"{{"name":"a","auth":{{"by":"ip","x":{}"#, "[".repeat(100_000));
    world.json("POST", "/lines", deep).await.problem(StatusCode::BAD_REQUEST, "bad_body");
}

#[tokio::test]
async fn bodies_of_another_kind_are_refused() {
    let world = World::new().await;
    let send = async |path: &str, kind: Option<&str>, body: &str| {
        let mut request = World::request("POST", path);
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        world.send(request.body(Body::from(body.to_owned())).expect("a request")).await
    };
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let answer = send("/lists", kind, r#"{"name":"l"}"#).await;
        answer.problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type");
    }
    send("/lists", Some("application/json; charset=utf-8"), r#"{"name":"l"}"#)
        .await
        .expect(StatusCode::CREATED);
    let form = "--x\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nnumber\n+8613800138000\n--x--";
    let answer = send("/lists/1/contacts", Some("multipart/form-data; boundary=x"), form).await;
    answer.problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type");
}
