//! Prompts: WAV files in, the same bytes out, and nothing that is no audio.

use axum::{
    body::Body,
    http::{StatusCode, header::CONTENT_TYPE},
};
use serde_json::json;

use crate::world::{Answer, World, wav};

async fn send(world: &World, name: &str, file: Vec<u8>) -> Answer {
    let request = World::request("POST", &format!("/prompts?name={name}")).header(CONTENT_TYPE, "audio/wav");
    world.send(request.body(Body::from(file)).expect("a request")).await
}

#[tokio::test]
async fn come_out_as_they_went_in() {
    let world = World::new().await;
    let made = send(&world, "p", wav()).await.expect(StatusCode::CREATED);
    assert_eq!((&made["duration_ms"], &made["bytes"]), (&json!(1_000), &json!(wav().len())));
    let path = format!("/prompts/{}", made["id"]);
    assert_eq!(world.get(&path).await.expect(StatusCode::OK), made);
    let audio = world.get(&format!("{path}/audio")).await;
    assert_eq!((audio.kind.as_str(), audio.body == wav()), ("audio/wav", true));
    send(&world, "p", wav()).await.problem(StatusCode::CONFLICT, "name_taken");

    let script = json!({ "name": "s", "steps": [{ "do": "play", "prompt": made["id"] }] });
    let script = world.made("/scripts", world.post("/scripts", &script).await);
    world.delete(&path).await.problem(StatusCode::CONFLICT, "in_use");
    world.delete(&script).await.expect(StatusCode::NO_CONTENT);
    world.delete(&path).await.expect(StatusCode::NO_CONTENT);
    world.get(&format!("{path}/audio")).await.problem(StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn that_are_not_audio_are_refused() {
    let world = World::new().await;
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = wav();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let cases = [
        Vec::new(),
        b"RIFF".to_vec(),
        b"<html>not audio</html>".to_vec(),
        b"ID3\x03\0\0\0\0".repeat(100),
        wav()[..1_000].to_vec(),
        wav()[..44].to_vec(),
        changed(8, b"WEBP"),
        changed(22, &[0xff, 0xff]),
        changed(24, &[0, 0, 0, 0]),
        changed(34, &[24, 0]),
        changed(40, &[0xff; 4]),
    ];
    for (case, file) in cases.into_iter().enumerate() {
        let answer = send(&world, "p", file).await;
        assert_eq!(answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "body", "case {case}");
    }
    for name in ["", "%20a", "a%0Ab"] {
        let answer = send(&world, name, wav()).await;
        assert_eq!(answer.problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "name");
    }
    assert_eq!(world.get("/prompts").await.expect(StatusCode::OK)["items"], json!([]));
}
