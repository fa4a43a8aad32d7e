//! Properties of aggregations: how the input is cut into batches, rounds and commits, and what is
//! forgotten or begun again in between, does not show in the results.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::test_aggregations::{hopping, session, spec, tumbling};
use super::*;
use crate::batch::ChangeBatch;
use crate::operators::driver::{Driver, batch, rows_as_text};
use crate::operators::{Input, Ledger};

/// A row: its key and its event time. Its value is its number, so that the order shows in the results.
type Row = (u8, i64);

/// What happens behind a row.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Cut {
    Nothing,
    Batch,
    Round,
    Commit,
    CommitAndEvict,
    CommitAndRestart,
}

fn cut() -> impl Strategy<Value = Cut> {
    prop_oneof![
        4 => Just(Cut::Nothing),
        2 => Just(Cut::Batch),
        1 => Just(Cut::Round),
        1 => Just(Cut::Commit),
        1 => Just(Cut::CommitAndEvict),
        1 => Just(Cut::CommitAndRestart),
    ]
}

fn rows() -> impl Strategy<Value = Vec<(Row, Cut)>> {
    // Times mostly grow, with jumps and with rows that come late.
    let row = (0..4_u8, prop_oneof![6 => 0..4_i64, 2 => -15..0_i64, 1 => 10..60_i64]);
    prop::collection::vec((row, cut()), 1..60).prop_map(|rows| {
        let mut time = 5;
        rows.into_iter()
            .map(|((key, step), cut)| {
                time = (time + step).max(0);
                ((key, time), cut)
            })
            .collect()
    })
}

fn window() -> impl Strategy<Value = Option<WindowSpec>> {
    let lengths = (1..20_i64, 1..8_i64, 0..20_i64);
    prop_oneof![
        1 => Just(None),
        2 => lengths.clone().prop_map(|(size, _, grace)| tumbling(size, grace)),
        2 => lengths.clone().prop_map(|(size, advance, grace)| hopping(size, advance, grace)),
        3 => lengths.prop_map(|(gap, _, grace)| session(gap, grace)),
    ]
}

const CALLS: [&str; 6] =
    ["COUNT()", "SUM(V)", "COLLECT_LIST(V)", "LATEST_BY_OFFSET(V)", "EARLIEST_BY_OFFSET(V, 2)", "TOPK(V, 2)"];

/// What came out, and what was dropped.
type Results = (Vec<ChangeBatch>, Ledger);

fn run(spec: &AggregateSpec, rows: &[(Row, Cut)], every_update: bool) -> Results {
    let build_spec = spec.clone();
    let mut driver = Driver::new(move |room| build(&build_spec, room));
    if !every_update {
        driver = driver.combining();
    }
    let mut text = String::new();
    for (number, ((key, time), cut)) in rows.iter().enumerate() {
        text += &format!("+I {time} key{key} {number}\n");
        if *cut != Cut::Nothing {
            driver.push(Input::Left, batch(&spec.input, &std::mem::take(&mut text))).expect("takes rows");
        }
        match cut {
            Cut::Nothing | Cut::Batch => {}
            Cut::Round => driver.flush().expect("flushes"),
            Cut::Commit => driver.commit(),
            Cut::CommitAndEvict => {
                driver.commit();
                driver.evict_all();
            }
            Cut::CommitAndRestart => {
                driver.commit();
                driver.restart();
            }
        }
    }
    driver.push(Input::Left, batch(&spec.input, &text)).expect("takes rows");
    driver.commit();
    (std::mem::take(&mut driver.out), driver.ledger)
}

/// Row by row in rounds of their own, without commits.
fn plainly(rows: &[(Row, Cut)]) -> Vec<(Row, Cut)> {
    rows.iter().map(|(row, _)| (*row, Cut::Round)).collect()
}

fn text(batches: &[ChangeBatch]) -> Vec<String> {
    batches.iter().flat_map(rows_as_text).collect()
}

/// What a reader of the results has in the end: the last row of each key and window.
fn table(batches: &[ChangeBatch]) -> BTreeMap<String, String> {
    let mut table = BTreeMap::new();
    for row in text(batches) {
        let parts: Vec<&str> = row.split(' ').collect();
        let key_at = if parts[2].starts_with('[') { 3 } else { 2 };
        let key = parts[2..=key_at].join(" ");
        match parts[0] {
            "-D" => {
                table.remove(&key);
            }
            "-U" => assert!(table.contains_key(&key), "{row} replaces nothing"),
            "+I" => assert_eq!(table.insert(key, parts[1..].join(" ")), None, "{row} was there already"),
            _ => assert!(table.insert(key, parts[1..].join(" ")).is_some(), "{row} was not there"),
        }
    }
    table
}

/// Checks that each row that replaces or removes something says truly what was there.
fn check_before(batches: &[ChangeBatch]) {
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    for row in text(batches) {
        let parts: Vec<&str> = row.split(' ').collect();
        let key_at = if parts[2].starts_with('[') { 3 } else { 2 };
        let (key, values) = (parts[2..=key_at].join(" "), parts[key_at + 1..].join(" "));
        if ["-U", "-D"].contains(&parts[0]) {
            assert_eq!(held.remove(&key), Some(values), "{row}");
        } else {
            held.insert(key, values);
        }
    }
}

/// What comes out of rows as they are cut, every update or the combined ones, and every update of the same
/// rows one by one.
fn cut_and_plain(
    rows: &[(Row, Cut)],
    window: Option<WindowSpec>,
    with_before: bool,
    every_update: bool,
) -> (Results, Results) {
    let spec = AggregateSpec { window, with_before, ..spec(&CALLS) };
    let found = run(&spec, rows, every_update);
    if with_before {
        check_before(&found.0);
    }
    (found, run(&spec, &plainly(rows), true))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_update_is_the_same_however_the_input_is_cut(rows in rows(), window in window(), with_before: bool) {
        let ((found, ledger), (expected, expected_ledger)) = cut_and_plain(&rows, window, with_before, true);
        prop_assert_eq!(text(&found), text(&expected));
        prop_assert_eq!(ledger, expected_ledger);
    }

    #[test]
    fn combined_updates_lead_to_the_same_table(rows in rows(), window in window(), with_before: bool) {
        let ((found, ledger), (expected, expected_ledger)) = cut_and_plain(&rows, window, with_before, false);
        prop_assert_eq!(table(&found), table(&expected));
        prop_assert_eq!(ledger, expected_ledger);
    }

    #[test]
    fn final_results_are_the_same_however_the_input_is_cut(
        rows in rows(),
        window in window().prop_filter("windows only", Option::is_some),
        forget: bool,
    ) {
        let mut spec = spec(&CALLS);
        spec.window = window;
        spec.emit = Emit::Final;
        spec.policy.overtaken = if forget { Overtaken::Forget } else { Overtaken::Emit };
        let (expected, expected_ledger) = run(&spec, &plainly(&rows), false);
        let (found, ledger) = run(&spec, &rows, false);
        prop_assert_eq!(text(&found), text(&expected));
        prop_assert_eq!(ledger, expected_ledger);
    }

    #[test]
    fn final_results_are_the_last_of_the_changes(rows in rows(), window in window().prop_filter("windows only", Option::is_some)) {
        let mut spec = spec(&CALLS);
        spec.window = window;
        // One row far ahead closes all windows of the others.
        let mut rows = rows;
        rows.push(((9, 1_000_000), Cut::Round));
        let (changes, _) = run(&spec, &rows, true);
        let mut last = table(&changes);
        last.retain(|key, _| !key.ends_with("key9"));
        spec.emit = Emit::Final;
        let (results, _) = run(&spec, &rows, false);
        prop_assert_eq!(table(&results), last);
    }

    #[test]
    fn tables_take_back_what_they_added(rows in prop::collection::vec((0..3_u8, 0..5_i32, cut()), 1..40)) {
        // Each step gives one of three keys of the input table a new group and value, or removes it.
        let mut spec = spec(&["COUNT()", "SUM(V)", "COLLECT_LIST(V)"]);
        spec.input_kind = SourceKind::Table;
        let build_spec = spec.clone();
        let mut driver = Driver::new(move |room| build(&build_spec, room)).combining();
        let mut held: BTreeMap<u8, i32> = BTreeMap::new();
        for (key, value, cut) in rows {
            let text = match (held.get(&key).copied(), value) {
                (None, 0) => continue,
                (Some(old), 0) => {
                    held.remove(&key);
                    format!("-D 1 g{} {old}", old % 2)
                }
                (None, new) => {
                    held.insert(key, new);
                    format!("+I 1 g{} {new}", new % 2)
                }
                (Some(old), new) => {
                    held.insert(key, new);
                    format!("-U 1 g{} {old}\n+U 1 g{} {new}", old % 2, new % 2)
                }
            };
            driver.push(Input::Left, batch(&spec.input, &text)).expect("takes rows");
            if cut == Cut::CommitAndRestart {
                driver.commit();
                driver.restart();
            }
        }
        driver.commit();
        let table = table(&std::mem::take(&mut driver.out));
        for group in 0..2 {
            let members: Vec<i32> = held.values().copied().filter(|value| value % 2 == group).collect();
            let sum: i32 = members.iter().sum();
            match table.get(&format!("g{group}")) {
                Some(row) => {
                    let expected = format!("1 g{group} {} {sum} ", members.len());
                    prop_assert!(row.starts_with(&expected), "{} instead of {}", row, expected);
                }
                None => prop_assert!(members.is_empty()),
            }
        }
    }
}
