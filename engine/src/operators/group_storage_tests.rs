//! What an aggregation without sessions leaves in the store, and reads of it again.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array};
use tidemill_storage::state::{Change, WriteBatch};

use super::test_aggregations::{spec, tumbling};
use super::*;
use crate::operators::Input;
use crate::operators::driver::{Driver, batch};
use crate::state::{RowCodec, encoding};

/// More bytes than a commit writes of a group with two collections: each has a chunk that is full now, and
/// another one's worth of values in no chunk.
const COMMIT_BYTES_MAX: usize = 20_000;

fn driver(spec: &AggregateSpec) -> Driver {
    let spec = spec.clone();
    Driver::new(move |room| build(&spec, room)).combining()
}

fn push(driver: &mut Driver, spec: &AggregateSpec, rows: &str) {
    driver.push(Input::Left, batch(&spec.input, rows)).expect("takes the rows");
}

/// Rows of the group `a` with numbers as their values.
fn numbers(values: std::ops::Range<i32>) -> String {
    values.map(|value| format!("+I 1 a {value}\n")).collect()
}

fn last_row(driver: &mut Driver) -> String {
    driver.flush().expect("flushes");
    driver.take_rows().pop().expect("a result")
}

fn list(values: impl Iterator<Item = i32>) -> String {
    format!("[{}]", values.map(|value| value.to_string()).collect::<Vec<_>>().join(", "))
}

fn bytes_of(changes: &WriteBatch) -> usize {
    changes.changes.iter().map(Change::bytes).sum()
}

#[test]
fn what_a_commit_writes_does_not_grow_with_a_groups_collections() {
    for window in [None, tumbling(10, 0)] {
        let spec = AggregateSpec { window, ..spec(&["COLLECT_LIST(V)", "COUNT()", "COLLECT_SET(V)"]) };
        let mut driver = driver(&spec);
        push(&mut driver, &spec, &numbers(0..20_000));
        let first = driver.begin_commit();
        assert!(bytes_of(&first) > 10 * COMMIT_BYTES_MAX, "all of it: {}", bytes_of(&first));
        driver.finish_commit(first);
        for value in 20_000..21_000 {
            push(&mut driver, &spec, &numbers(value..value + 1));
            let changes = driver.begin_commit();
            assert!(bytes_of(&changes) < COMMIT_BYTES_MAX, "value {value}: {}", bytes_of(&changes));
            driver.finish_commit(changes);
        }
        driver.restart();
        push(&mut driver, &spec, &numbers(7..8));
        let row = last_row(&mut driver);
        assert!(row.contains(&format!(" {} 21001 ", list((0..21_000).chain([7])))), "the list");
        assert!(row.contains(&list(0..21_000)), "the set");
    }
}

#[test]
fn collections_are_the_same_whatever_was_forgotten_or_crashed_in_between() {
    let spec = AggregateSpec { input_kind: SourceKind::Table, ..spec(&["COLLECT_LIST(V)", "COUNT()"]) };
    let (mut steady, mut shaken) = (driver(&spec), driver(&spec));
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut values = Vec::new();
    for step in 0..400 {
        // It grows at first, and shrinks to nearly nothing later.
        let (rows, removals) = if step < 200 { (120, 2) } else { (110, 9) };
        let mut text = String::new();
        for _ in 0..rows {
            if !values.is_empty() && random(10) < removals {
                let value = values.swap_remove(random(values.len() as u64) as usize);
                text += &format!("-D 1 a {value}\n");
            } else {
                values.push(random(300));
                text += &format!("+I 1 a {}\n", values[values.len() - 1]);
            }
        }
        for driver in [&mut steady, &mut shaken] {
            push(driver, &spec, &text);
            driver.out.clear();
            driver.flush().expect("flushes");
        }
        if step % 20 == 19 {
            assert_eq!(last_row(&mut steady), last_row(&mut shaken), "step {step}");
        }
        shaken.commit();
        match random(3) {
            0 => shaken.restart(),
            1 => shaken.evict_all(),
            _ => {}
        }
    }
    assert!(shaken.stored_entries() < 20, "chunks that are empty go: {}", shaken.stored_entries());
}

#[test]
fn a_group_that_was_stored_whole_is_read_and_then_stored_in_parts() {
    let spec = spec(&["COLLECT_LIST(V)", "COUNT()"]);
    let mut driver = driver(&spec);
    push(&mut driver, &spec, &numbers(0..1));
    let changes = driver.begin_commit();
    let [Change::Put(key, _)] = &changes.changes[..] else { panic!("one entry: {changes:?}") };
    let column: ArrayRef = Arc::new(Int32Array::from_iter_values(0..5_000));
    let rows = RowCodec::new(&[DataType::Int32]).expect("a codec").encode(&[column]).expect("encodes");
    let mut value = Vec::new();
    let start = encoding::begin(&mut value);
    encoding::put_i64(&mut value, 1);
    encoding::put_varint(&mut value, 5_000);
    rows.iter().for_each(|row| encoding::put_bytes(&mut value, row.data()));
    encoding::put_i64(&mut value, 5_000);
    encoding::seal(&mut value, start);
    let mut whole = WriteBatch::default();
    whole.put(key.clone(), value);
    driver.finish_commit(whole);

    driver.restart();
    for values in [5_000..5_001, 5_001..5_002] {
        push(&mut driver, &spec, &numbers(values.clone()));
        assert!(last_row(&mut driver).contains(&format!(" {} {} ", list(0..values.end), values.end)));
        driver.commit();
        driver.restart();
    }
    push(&mut driver, &spec, &numbers(0..1));
    assert!(bytes_of(&driver.begin_commit()) < COMMIT_BYTES_MAX);
}

#[test]
fn the_final_result_of_a_window_has_what_was_stored_in_parts_and_leaves_nothing_behind() {
    let window = tumbling(10, 0);
    let spec = AggregateSpec { window, emit: Emit::Final, ..spec(&["COLLECT_LIST(V)"]) };
    let mut driver = driver(&spec);
    for values in [0..3_000, 3_000..6_000] {
        push(&mut driver, &spec, &numbers(values));
        driver.commit();
    }
    assert!(driver.stored_entries() > 5, "the group, the progress and chunks: {}", driver.stored_entries());
    driver.restart();
    push(&mut driver, &spec, "+I 100 b 0");
    let row = last_row(&mut driver);
    assert!(row.contains(&list(0..6_000)), "{row}");
    driver.commit();
    driver.commit();
    assert_eq!(driver.stored_entries(), 2, "the group of the last row, and the progress");
}

#[test]
fn a_group_whose_chunk_is_missing_is_refused() {
    let spec = spec(&["COLLECT_LIST(V)"]);
    let mut driver = driver(&spec);
    push(&mut driver, &spec, &numbers(0..2_000));
    let changes = driver.begin_commit();
    let Some(Change::Put(chunk, _)) = changes.changes.first().cloned() else { panic!("chunks go first") };
    driver.finish_commit(changes);
    let mut removal = WriteBatch::default();
    removal.delete(chunk);
    driver.finish_commit(removal);
    driver.restart();
    let error = driver.push(Input::Left, batch(&spec.input, "+I 1 a 1")).expect_err("refused");
    assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
}
