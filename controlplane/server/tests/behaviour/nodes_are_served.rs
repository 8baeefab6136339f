//! What a node is told besides orders: lines with its share, scripts, prompts, and why it is refused.

use crate::support::{Node, Plane, TENANT, hello, set_up};
use proto::v1::{AssetRequest, asset_request, from_node, to_node};

#[tokio::test]
async fn a_second_node_takes_a_share_only_after_the_first_has_shrunk() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    set_up(plane.store(), &[11], 0, "").await;
    let mut first = Node::attach_when_it_plans(&plane, "a").await;
    plane.tell(peal_core::command::Command::LineChanged(common::LineId(1))).await;
    let share = |lines: &proto::v1::Lines| lines.lines.first().map(|line| (line.max_calls, line.max_cps));
    let mut lines = first.lines().await;
    while lines.lines.is_empty() {
        lines = first.lines().await;
    }
    assert_eq!(share(&lines), Some((11, 1_000)));
    let mut second = Node::attach(plane.link(), "b").await;
    assert_eq!(share(&second.lines().await), None, "nothing yet: the first may not have heard");
    assert_eq!(next_share(&mut first, (11, 1_000)).await, (6, 500));
    loop {
        if let Some(share) = share(&second.lines().await) {
            assert_eq!(share, (5, 500));
            break;
        }
    }
}

/// The next share of the line that is another than `before`.
async fn next_share(node: &mut Node, before: (u32, u32)) -> (u32, u32) {
    loop {
        let lines = node.lines().await;
        let share =
            lines.lines.first().map(|line| (line.max_calls, line.max_cps)).expect("its share never goes");
        if share != before {
            return share;
        }
    }
}

#[tokio::test]
async fn scripts_and_prompts_come_on_request() {
    let data = tempfile::tempdir().expect("a folder");
    let plane = Plane::start(data.path()).await;
    let setup = set_up(plane.store(), &[1], 0, "").await;
    let wav: Vec<u8> = (0..150_000u32).map(|n| n as u8).collect();
    let prompt = plane.store().create_prompt(TENANT, "hello", &wav, 1_000).await.expect("created").id;
    let mut node = Node::attach_when_it_plans(&plane, "n1").await;

    let ask = async |node: &Node, asset| {
        node.send(from_node::Message::AssetRequest(AssetRequest { asset: Some(asset) })).await;
    };
    let script = async |node: &mut Node| {
        node.wait_for("a script", |message| match message {
            to_node::Message::Script(script) => Some(script.clone()),
            _ => None,
        })
        .await
    };
    ask(&node, asset_request::Asset::Script(setup.script.0)).await;
    let known = script(&mut node).await;
    assert_eq!((known.id, known.error.as_str()), (setup.script.0, ""));
    assert_eq!(known.document, r#"{"name":"wait","steps":[{"do":"wait","ms":1000}]}"#);
    let text = r#"{"name":"two","steps":[{"do":"say","id":"a","text":"Hi"},{"do":"hang_up"}]}"#;
    let two = script::read(text).expect("a script");
    let two = plane.store().put_script(TENANT, &two).await.expect("created").id;
    ask(&node, asset_request::Asset::Script(two.0)).await;
    let known = script(&mut node).await;
    assert_eq!(script::read(&known.document).expect("it reads back").steps.len(), 2);
    ask(&node, asset_request::Asset::Script(999)).await;
    assert!(script(&mut node).await.error.contains("no script 999"));

    ask(&node, asset_request::Asset::Prompt(prompt.0)).await;
    let chunk = async |node: &mut Node| {
        node.wait_for("a piece of the prompt", |message| match message {
            to_node::Message::PromptChunk(chunk) => Some(chunk.clone()),
            _ => None,
        })
        .await
    };
    let mut received = Vec::new();
    loop {
        let chunk = chunk(&mut node).await;
        assert!(chunk.wav.len() <= 64 * 1_024 && chunk.error.is_empty());
        received.extend(chunk.wav);
        if chunk.last {
            break;
        }
    }
    assert_eq!(received, wav);
    ask(&node, asset_request::Asset::Prompt(999)).await;
    let missing = chunk(&mut node).await;
    assert!(missing.last && missing.error.contains("no prompt 999"));
}

#[tokio::test]
async fn strangers_are_told_why_they_are_refused() {
    let data = tempfile::tempdir().expect("a folder");
    let mut config = crate::support::config(data.path());
    config.link_token = peal_server::Secret::new("right");
    let plane = Plane::with(config).await;
    plane.status("a planner", |status| status.planner).await;
    let known = proto::v1::Hello { token: "right".into(), ..hello("n1") };
    for (stranger, why) in [
        (proto::v1::Hello { token: "wrong".into(), ..known.clone() }, "token"),
        (proto::v1::Hello { protocol: 999, ..known.clone() }, "version of the link protocol"),
        (proto::v1::Hello { node: "a b".into(), ..known.clone() }, "name"),
    ] {
        let mut node = Node::connect(plane.link(), stranger).await;
        match node.message().await {
            Some(to_node::Message::Refused(reason)) => assert!(reason.contains(why), "{reason}"),
            other => panic!("a refusal was due, not {other:?}"),
        }
        assert!(node.message().await.is_none(), "the stream ends");
    }
    let mut node = Node::connect(plane.link(), known).await;
    assert!(matches!(node.message().await, Some(to_node::Message::Welcome(_))));
}
