//! A changed script is a new version; what was used stays as it was.

use peal_store::StoreError;
use script::Document;

use crate::world::{TENANT, World};

#[tokio::test]
async fn versions_are_counted_and_never_change() {
    let world = World::new().await;
    let store = &world.store;
    let prompt = store.create_prompt(TENANT, "hello", b"RIFF...", 1_234).await.expect("prompt");
    let play = |barge_in: bool| {
        let play = format!(r#"{{"do":"play","prompt":{},"barge_in":{barge_in}}}"#, prompt.id);
        written(&format!(r#"{{"name":"greet","steps":[{play},{{"do":"hang_up"}}]}}"#))
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
async fn the_number_of_a_deleted_version_is_not_given_again() {
    let world = World::new().await;
    let store = &world.store;
    let wait = |ms: u32| {
        written(&format!(r#"{{"name":"greet","steps":[{{"do":"wait","ms":{ms}}},{{"do":"hang_up"}}]}}"#))
    };
    let first = store.put_script(TENANT, &wait(100)).await.expect("script");
    let second = store.put_script(TENANT, &wait(200)).await.expect("script");
    store.delete_script(TENANT, second.id).await.expect("nobody needs it");
    let third = store.put_script(TENANT, &wait(300)).await.expect("script");
    assert_eq!(third.version, 3);
    for script in [first, third] {
        store.delete_script(TENANT, script.id).await.expect("nobody needs it");
    }
    assert_eq!(store.put_script(TENANT, &wait(100)).await.expect("script").version, 4);
}

#[tokio::test]
async fn a_prompt_that_is_missing_is_named_by_its_step() {
    let world = World::new().await;
    let script = r#"{"name":"s","steps":[{"do":"wait","ms":0},{"do":"play","prompt":9}]}"#;
    let result = world.store.put_script(TENANT, &written(script)).await;
    let Err(StoreError::Faulty(faults)) = result else { panic!("{result:?}") };
    let paths: Vec<_> = faults.iter().map(script::Fault::path).collect();
    assert_eq!(paths, ["steps[0].ms", "steps[1].prompt"]);
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

/// The row of a script as it was written when a script could only play, collect, wait and hang up.
const OLD_ROW: &str = r##"{"name":"notice","steps":[{"do":"play","prompt":1,"barge_in":true},{"do":"collect","max_digits":4,"first_digit_timeout_ms":5000,"next_digit_timeout_ms":3000,"terminator":"#"},{"do":"wait","ms":250},{"do":"collect","max_digits":1,"first_digit_timeout_ms":5000,"next_digit_timeout_ms":3000,"terminator":null},{"do":"hang_up"}]}"##;

#[tokio::test]
async fn rows_of_before_are_read() {
    let world = World::new().await;
    let store = &world.store;
    store.create_prompt(TENANT, "hello", b"RIFF...", 1_234).await.expect("prompt");
    let kept = store.put_script(TENANT, &written(OLD_ROW)).await.expect("it can be used");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(world.folder.path().join("peal.db"));
    let mut connection = sqlx::ConnectOptions::connect(&options).await.expect("the file");
    sqlx::query("UPDATE script SET spec = ? WHERE id = ?")
        .bind(OLD_ROW)
        .bind(kept.id.0)
        .execute(&mut connection)
        .await
        .expect("the old row");
    let read = store.script(TENANT, kept.id).await.expect("it can be read");
    assert_eq!(read, kept);
    assert_eq!(store.put_script(TENANT, &written(OLD_ROW)).await.expect("the same"), kept, "no new version");
}

fn written(text: &str) -> Document {
    script::read(text).expect("a script")
}
