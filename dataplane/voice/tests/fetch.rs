//! Servers that answer what they should not, and addresses that nobody should ask.

use std::time::Duration;

use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use voice::fetch::{FetchError, Fetcher, Question, Reach};

/// A server that answers once with these bytes, as they are.
async fn server(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4_096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    format!("http://{address}/")
}

fn fetcher() -> Fetcher {
    Fetcher::new(Reach::with(vec!["127.0.0.1/32".parse().expect("a network")]))
}

fn get(url: String) -> Question {
    Question { method: Method::GET, url, headers: vec![], body: None, timeout: Duration::from_secs(5) }
}

fn answer(kind: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[tokio::test]
async fn json_is_taken() {
    let url = server(answer("application/json; charset=utf-8", r#"{"tier":"gold"}"#)).await;
    assert_eq!(fetcher().ask(&get(url)).await, Ok(serde_json::json!({ "tier": "gold" })));
}

#[tokio::test]
async fn html_status_and_rubbish_are_told() {
    let url = server(answer("text/html", "<html>")).await;
    assert_eq!(fetcher().ask(&get(url)).await, Err(FetchError::NotJson("text/html".into())));
    let url = server(answer("application/json", "{")).await;
    assert!(matches!(fetcher().ask(&get(url)).await, Err(FetchError::NotJson(_))));
    let url = server(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_vec()).await;
    assert_eq!(fetcher().ask(&get(url)).await, Err(FetchError::Status(503)));
    let url = server(b"\x00\x01rubbish\r\n\r\n".to_vec()).await;
    assert_eq!(fetcher().ask(&get(url)).await, Err(FetchError::Unreachable));
}

#[tokio::test]
async fn thirty_megabytes_are_not_read() {
    let mut long =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 30000000\r\n\r\n\"".to_vec();
    long.resize(long.len() + 30_000_000, b'a');
    let url = server(long).await;
    assert_eq!(fetcher().ask(&get(url)).await, Err(FetchError::TooLong));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let question = Question {
        timeout: Duration::from_millis(300),
        ..get(format!("http://{}/", listener.local_addr().expect("bound")))
    };
    assert_eq!(fetcher().ask(&question).await, Err(FetchError::Slow));
}

#[tokio::test]
async fn redirects_lead_nowhere() {
    let url = server(
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n".to_vec(),
    )
    .await;
    assert_eq!(fetcher().ask(&get(url)).await, Err(FetchError::Status(302)));
}

#[tokio::test]
async fn our_own_network_is_out_of_reach() {
    let closed = Fetcher::new(Reach::default());
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
    ] {
        assert_eq!(closed.ask(&get(url.to_owned())).await, Err(FetchError::Forbidden), "{url}");
    }
    for url in
        ["ftp://example.com/", "file:///etc/passwd", "http://", "no url", "http://user:password@example.com/"]
    {
        assert!(matches!(closed.ask(&get(url.to_owned())).await, Err(FetchError::Url(_))), "{url}");
    }
}
