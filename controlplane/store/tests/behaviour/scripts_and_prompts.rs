//! A changed script is a new version; what was used stays as it was.

use common::PromptId;
use peal_core::model::{ScriptSpec, Step};
use peal_store::StoreError;

use crate::world::{TENANT, World};

#[tokio::test]
async fn versions_are_counted_and_never_change() {
    let world = World::new().await;
    let store = &world.store;
    let prompt = store.create_prompt(TENANT, "hello", b"RIFF...", 1_234).await.expect("prompt");
    let play = |barge_in| ScriptSpec {
        name: "greet".into(),
        steps: vec![Step::Play { prompt: prompt.id, barge_in }, Step::HangUp {}],
    };
    let first = store.put_script(TENANT, &play(false)).await.expect("script");
    let same = store.put_script(TENANT, &play(false)).await.expect("script");
    let second = store.put_script(TENANT, &play(true)).await.expect("script");
    let back = store.put_script(TENANT, &play(false)).await.expect("script");
    assert_eq!(first, same);
    assert_eq!([first.version, second.version, back.version], [1, 2, 3]);
    assert_eq!(store.script(TENANT, first.id).await.expect("script"), first);
    assert!(matches!(
        store.delete_prompt(TENANT, prompt.id).await,
        Err(StoreError::InUse { what: "prompt", .. })
    ));
}

#[tokio::test]
async fn a_prompt_that_is_missing_is_named_by_its_step() {
    let world = World::new().await;
    let steps = vec![Step::Wait { ms: 10 }, Step::Play { prompt: PromptId(9), barge_in: false }];
    let result = world.store.put_script(TENANT, &ScriptSpec { name: "s".into(), steps }).await;
    assert!(matches!(result, Err(StoreError::Invalid(invalid)) if invalid.field == "steps[1].prompt"));
    assert_eq!(world.store.scripts(TENANT, None, 9).await.expect("scripts").items.len(), 1);
}

#[tokio::test]
async fn the_audio_comes_back_as_it_was_given() {
    let world = World::new().await;
    let wav: Vec<u8> = (0..100_000u32).map(|i| i as u8).collect();
    let made = world.store.create_prompt(TENANT, "long", &wav, 9).await.expect("prompt");
    assert_eq!((made.bytes, made.sha256.len()), (100_000, 64));
    assert_eq!(world.store.prompt(TENANT, made.id).await.expect("prompt"), made);
    assert_eq!(
        world.store.prompts(TENANT, None, 9).await.expect("prompts").items,
        std::slice::from_ref(&made)
    );
    assert_eq!(world.store.prompt_wav(made.id).await.expect("audio"), wav);
    world.store.delete_prompt(TENANT, made.id).await.expect("delete");
    assert!(matches!(world.store.prompt_wav(made.id).await, Err(StoreError::NotFound { .. })));
}
