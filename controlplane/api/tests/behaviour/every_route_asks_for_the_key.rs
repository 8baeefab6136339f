//! Each route of the document, without a key, with a wrong one, and with the right one (promise P17).

use axum::{
    body::Body,
    http::{Request, StatusCode, header::AUTHORIZATION},
};
use serde_json::Value;

use crate::world::{KEY, World};

/// Method and path of every operation, with something in place of the parameters.
fn routes() -> Vec<(String, String)> {
    let document = serde_json::to_value(peal_api::openapi()).expect("plain data");
    let paths = document["paths"].as_object().expect("paths");
    let methods = |(path, item): (&String, &Value)| {
        let path = path.replace("{number}", "+8613800138000").replace("{id}", "7");
        let path = path.replace("{attempt}", "019f0000-0000-7000-8000-000000000000");
        let methods = item.as_object().expect("a path item").keys();
        methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

#[tokio::test]
async fn nothing_is_answered_without_it() {
    let world = World::new().await;
    let routes = routes();
    assert!(routes.len() > 30, "the document lost routes: {routes:?}");
    let wrong = [
        None,
        Some(String::new()),
        Some("Bearer".into()),
        Some("Bearer ".into()),
        Some("Bearer wrong".into()),
        Some(format!("Bearer {KEY}x")),
        Some(format!("Basic {KEY}")),
        Some(KEY.into()),
    ];
    for (method, path) in &routes {
        for shown in &wrong {
            let mut request = Request::builder().method(method.as_str()).uri(path);
            if let Some(shown) = shown {
                request = request.header(AUTHORIZATION, shown);
            }
            let response = world.open(request.body(Body::empty()).expect("a request")).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path} with {shown:?}");
            assert_eq!(response.headers()["www-authenticate"], "Bearer", "{method} {path}");
        }
        if !path.ends_with("/events") {
            let answer =
                world.send(World::request(method, path).body(Body::empty()).expect("a request")).await;
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path} with the key");
        }
    }
}

#[tokio::test]
async fn the_scheme_has_no_case() {
    let world = World::new().await;
    let request = Request::get("/api/v1/status").header(AUTHORIZATION, format!("bearer {KEY}"));
    let answer = world.send(request.body(Body::empty()).expect("a request")).await;
    answer.expect(StatusCode::OK);
}

#[tokio::test]
async fn load_balancers_and_readers_need_none() {
    let world = World::new().await;
    for (path, status) in [
        ("/healthz", StatusCode::NO_CONTENT),
        ("/readyz", StatusCode::NO_CONTENT),
        ("/openapi.json", StatusCode::OK),
        ("/docs/", StatusCode::OK),
    ] {
        let answer = world.send(Request::get(path).body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.status, status, "{path}");
    }
}
