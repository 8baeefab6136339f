//! An import keeps the good rows and tells the lines of the others.

use peal_core::model::{RejectedRow, RowError};
use peal_store::StoreError;

use crate::world::{NOW, TENANT, World, row};

#[tokio::test]
async fn duplicates_point_at_their_first_line_across_chunks() {
    let world = World::new().await;
    let list = world.store.create_list(TENANT, "l", NOW).await.expect("list").id;
    let mut import = world.store.import(list, NOW).await.expect("import");
    let bad = RejectedRow { line: 4, reason: RowError::NotUtf8 };
    // The second of the same number comes in the same statement, the third in a later chunk.
    import.push(&[row(2, 1), row(3, 1), Err(bad.clone()), row(5, 2)]).await.expect("first chunk");
    import.push(&[row(6, 1), row(7, 3)]).await.expect("second chunk");
    let report = import.finish(NOW).await.expect("report");
    let duplicate = |line, first_line| RejectedRow { line, reason: RowError::Duplicate { first_line } };
    assert_eq!((report.rows, report.imported, report.duplicates, report.rejected), (6, 3, 2, 1));
    assert_eq!(report.problems, [duplicate(3, 2), bad, duplicate(6, 2)]);

    let problems = world.store.list_problems(list, None, 2).await.expect("problems");
    assert_eq!(problems.items.iter().map(|p| p.row.line).collect::<Vec<_>>(), [3, 4]);
    let problems = world.store.list_problems(list, problems.next, 2).await.expect("problems");
    assert_eq!(problems.items.iter().map(|p| p.row.line).collect::<Vec<_>>(), [6]);
    assert_eq!(problems.next, None);

    let list = world.store.list(TENANT, list).await.expect("list");
    assert_eq!((list.contacts, list.duplicate_rows, list.rejected_rows), (3, 2, 1));
}

#[tokio::test]
async fn a_number_of_an_earlier_import_has_no_first_line() {
    let world = World::new().await;
    let list = world.list("l", [1, 2]).await;
    let mut import = world.store.import(list, NOW).await.expect("import");
    // The same number at the same line of another file.
    import.push(&[row(2, 1), row(3, 9)]).await.expect("rows");
    let report = import.finish(NOW).await.expect("report");
    assert_eq!(report.imported, 1);
    assert_eq!(report.problems, [RejectedRow { line: 2, reason: RowError::Duplicate { first_line: 0 } }]);
}

#[tokio::test]
async fn every_problem_is_kept_and_the_first_thousand_are_in_the_report() {
    let world = World::new().await;
    let list = world.store.create_list(TENANT, "l", NOW).await.expect("list").id;
    let rows: Vec<_> = (2..2_502).map(|line| Err(RejectedRow { line, reason: RowError::NotUtf8 })).collect();
    let mut import = world.store.import(list, NOW).await.expect("import");
    import.push(&rows).await.expect("rows");
    assert_eq!(import.finish(NOW).await.expect("report").problems.len(), 1_000);
    let (mut seen, mut after) = (0, None);
    loop {
        let page = world.store.list_problems(list, after, 700).await.expect("page");
        seen += page.items.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, 2_500);
}

#[tokio::test]
async fn fifty_thousand_rows_with_duplicates_add_up() {
    let world = World::new().await;
    let list = world.store.create_list(TENANT, "l", NOW).await.expect("list").id;
    // 40,000 different numbers, in no order; every fifth row repeats one.
    let rows: Vec<_> = (0..50_000u64).map(|i| row(i + 2, i * 7_919 % 40_000)).collect();
    let mut import = world.store.import(list, NOW).await.expect("import");
    for chunk in rows.chunks(12_345) {
        import.push(chunk).await.expect("chunk");
    }
    let report = import.finish(NOW).await.expect("report");
    assert_eq!((report.rows, report.imported, report.duplicates), (50_000, 40_000, 10_000));
    for problem in &report.problems {
        let RowError::Duplicate { first_line } = problem.reason else { panic!("{problem:?}") };
        assert_eq!(problem.line - first_line, 40_000, "the row of the same number");
    }
}

#[tokio::test]
async fn a_list_that_is_not_there_takes_no_rows() {
    let world = World::new().await;
    let list = world.list("l", [1]).await;
    let mut import = world.store.import(list, NOW).await.expect("import");
    world.store.delete_list(TENANT, list, NOW).await.expect("delete");
    let error = import.push(&[row(2, 5)]).await.expect_err("gone");
    assert!(matches!(error, StoreError::NotFound { .. } | StoreError::Sql(_)), "{error}");
    assert!(matches!(world.store.import(list, NOW).await, Err(StoreError::NotFound { .. })));
}
