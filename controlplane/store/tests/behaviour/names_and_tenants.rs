//! Names are unique within a tenant, and a tenant sees its own.

use peal_core::model::LineGroupSpec;
use peal_store::StoreError;

use crate::world::{NOW, TENANT, World, line_spec};

fn taken<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::NameTaken { .. })), "{result:?}");
}

fn missing<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::NotFound { .. })), "{result:?}");
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let world = World::new().await;
    let store = &world.store;
    let list = world.list("l", [1]).await;
    world.running("c", &[list]).await;
    taken(store.create_line(TENANT, &line_spec("a")).await);
    taken(store.create_list(TENANT, "l", NOW).await);
    taken(store.create_campaign(TENANT, &world.spec("c", &[list]), NOW).await);
    taken(store.create_tenant("default", NOW).await);
    let spec = LineGroupSpec { name: "all".into(), lines: vec![world.line] };
    taken(store.create_line_group(TENANT, &spec).await);
    let other = store.create_line(TENANT, &line_spec("b")).await.expect("line").id;
    taken(store.update_line(TENANT, other, &line_spec("a")).await);
    let other = world.list("m", []).await;
    taken(store.rename_list(TENANT, other, "l").await);
    store.rename_list(TENANT, list, "n").await.expect("free");
    store.rename_list(TENANT, other, "l").await.expect("free now");
}

#[tokio::test]
async fn another_tenant_finds_nothing_and_has_its_own_names() {
    let world = World::new().await;
    let store = &world.store;
    let list = world.list("l", [1]).await;
    let campaign = world.running("c", &[list]).await;
    let other = store.create_tenant("other", NOW).await.expect("tenant").id;
    missing(store.line(other, world.line).await);
    missing(store.update_line(other, world.line, &line_spec("z")).await);
    missing(store.line_group(other, world.line_group).await);
    missing(store.script(other, world.script).await);
    missing(store.list(other, list).await);
    missing(store.rename_list(other, list, "z").await);
    missing(store.campaign(other, campaign).await);
    missing(store.move_campaign(other, campaign, peal_core::model::Move::Pause).await);
    let spec = LineGroupSpec { name: "all".into(), lines: vec![world.line] };
    let result = store.create_line_group(other, &spec).await;
    assert!(matches!(result, Err(StoreError::Invalid(invalid)) if invalid.field == "lines[0]"));
    assert_eq!(store.line_groups(other, None, 9).await.expect("groups").items, [], "nothing half made");
    store.create_line(other, &line_spec("a")).await.expect("its own name");
    assert_eq!(store.lines(other, None, 9).await.expect("lines").items.len(), 1);
    missing(store.create_line(common::TenantId(77), &line_spec("a")).await);
}
