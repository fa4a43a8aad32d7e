//! What comes out of aggregations, by example. The columns of a result are the group, the calls, for
//! windows their bounds, and ROWTIME.

use std::sync::Arc;

use arrow::array::Int32Array;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::scalar::ScalarValue;
use tidemill_sql::lookup::{AggregateFunction as _, WindowSpec};

use super::output::BATCH_ROWS_MAX;
use super::*;
use crate::batch::{ChangeBatch, Headers};
use crate::operators::driver::{Driver, batch, rows_as_text};
use crate::operators::{Input, REPORTS_MAX};

/// An aggregation over the columns `K STRING, V INTEGER`, grouped by `K`. Calls are written as in SQL.
pub(super) fn spec(calls: &[&str]) -> AggregateSpec {
    let input = Arc::new(Schema::new(vec![
        Field::new("K", DataType::Utf8, true),
        Field::new("V", DataType::Int32, true),
    ]));
    AggregateSpec {
        groups: vec![input.field(0).clone()],
        calls: calls.iter().map(|text| call(text)).collect(),
        input,
        window: None,
        input_kind: SourceKind::Stream,
        emit: Emit::Changes,
        policy: AggregatePolicy::default(),
        with_before: false,
    }
}

fn call(text: &str) -> CallSpec {
    let (function, arguments) = text.strip_suffix(')').and_then(|text| text.split_once('(')).expect("a call");
    let arguments: Vec<&str> =
        arguments.split(',').map(str::trim).filter(|argument| !argument.is_empty()).collect();
    let constants: Vec<Option<ScalarValue>> = arguments
        .iter()
        .map(|argument| argument.parse().ok().map(|number| ScalarValue::Int32(Some(number))))
        .collect();
    let types: Vec<DataType> = arguments.iter().map(|_| DataType::Int32).collect();
    let return_type =
        aggregates::lookup(function).expect("a function").return_type(&types, &constants).expect("legal");
    CallSpec {
        function: function.to_owned(),
        arguments: arguments.iter().map(|_| 1).collect(),
        constants,
        name: text.to_owned(),
        return_type,
        entries_max: None,
    }
}

pub(super) fn tumbling(size_ms: i64, grace_ms: i64) -> Option<WindowSpec> {
    Some(WindowSpec { kind: WindowKind::Tumbling { size_ms }, grace_ms, retention_ms: None })
}

pub(super) fn hopping(size_ms: i64, advance_ms: i64, grace_ms: i64) -> Option<WindowSpec> {
    Some(WindowSpec { kind: WindowKind::Hopping { size_ms, advance_ms }, grace_ms, retention_ms: None })
}

pub(super) fn session(gap_ms: i64, grace_ms: i64) -> Option<WindowSpec> {
    Some(WindowSpec { kind: WindowKind::Session { gap_ms }, grace_ms, retention_ms: None })
}

/// The same in windows.
fn windowed(calls: &[&str], window: Option<WindowSpec>) -> AggregateSpec {
    AggregateSpec { window, ..spec(calls) }
}

/// The same with results when windows are closed.
fn final_windowed(calls: &[&str], window: Option<WindowSpec>) -> AggregateSpec {
    AggregateSpec { emit: Emit::Final, ..windowed(calls, window) }
}

fn driver(spec: &AggregateSpec) -> Driver {
    let spec = spec.clone();
    Driver::new(move |room| build(&spec, room))
}

fn push(driver: &mut Driver, spec: &AggregateSpec, rows: &str) {
    driver.push(Input::Left, batch(&spec.input, rows)).expect("takes the rows");
}

/// Feeds rows in one batch and ends the round.
fn run(driver: &mut Driver, spec: &AggregateSpec, rows: &str) -> Vec<String> {
    push(driver, spec, rows);
    driver.flush().expect("flushes");
    driver.take_rows()
}

#[track_caller]
fn assert_rows(found: Vec<String>, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_row_gives_the_result_it_leads_to() {
    let spec = spec(&["COUNT()", "SUM(V)", "COLLECT_LIST(V)"]);
    let rows = run(
        &mut driver(&spec),
        &spec,
        "+I 10 a 1
         +I 12 b 5
         +I 11 a 2
         +I 13 a _",
    );
    assert_rows(
        rows,
        "+I 10 a 1 1 [1] 10
         +I 12 b 1 5 [5] 12
         +U 11 a 2 3 [1, 2] 11
         +U 13 a 3 3 [1, 2, _] 13",
    );
}

#[test]
fn without_group_columns_there_is_one_group() {
    let spec = AggregateSpec { groups: Vec::new(), ..spec(&["COUNT()", "SUM(V)"]) };
    let rows = run(
        &mut driver(&spec),
        &spec,
        "+I 10 a 1
         +I 12 _ 5",
    );
    assert_rows(
        rows,
        "+I 10 1 1 10
         +U 12 2 6 12",
    );
}

#[test]
fn a_round_gives_each_changed_group_once_in_the_order_of_last_changes() {
    let spec = spec(&["COUNT()"]);
    let mut driver = driver(&spec).combining();
    push(&mut driver, &spec, "+I 1 a 0\n+I 2 b 0");
    let rows = run(&mut driver, &spec, "+I 3 c 0\n+I 4 a 0");
    assert_rows(
        rows,
        "+I 2 b 1 2
         +I 3 c 1 3
         +I 4 a 2 4",
    );
    assert_rows(run(&mut driver, &spec, "+I 2 a 0"), "+U 4 a 3 4");
    driver.flush().expect("flushes");
    assert_rows(driver.take_rows(), "");
}

#[test]
fn rows_without_a_value_or_a_group_are_filtered() {
    let spec = spec(&["COUNT()"]);
    let mut driver = driver(&spec);
    let rows = run(
        &mut driver,
        &spec,
        "+I 1 _ 1
         +N 2 a _
         +I 3 a _",
    );
    assert_rows(rows, "+I 3 a 1 3");
    assert_eq!(driver.ledger.filtered, 2);
}

#[test]
fn any_columns_make_a_group() {
    let mut spec = spec(&["COUNT()"]);
    spec.groups = spec.input.fields().iter().map(|field| field.as_ref().clone()).collect();
    let rows = run(&mut driver(&spec), &spec, "+I 1 a 1\n+I 2 a 2\n+I 3 _ 1\n+I 4 a 1");
    assert_rows(
        rows,
        "+I 1 a 1 1 1
         +I 2 a 2 1 2
         +U 4 a 1 2 4",
    );
    for (data_type, cell) in [
        (DataType::Int32, "-7"),
        (DataType::Int64, "-8"),
        (DataType::Binary, "61"),
        (DataType::Boolean, "true"),
        (DataType::Decimal128(4, 1), "1.5"),
    ] {
        let mut spec = spec.clone();
        spec.input = Arc::new(Schema::new(vec![
            Field::new("K", data_type.clone(), true),
            spec.input.field(1).clone(),
        ]));
        spec.groups.truncate(1);
        spec.groups[0] = spec.input.field(0).clone();
        let input = format!("+I 1 {cell} 0\n+I 2 {cell} 0");
        let mut driver = driver(&spec);
        push(&mut driver, &spec, &input);
        driver.commit();
        driver.restart();
        push(&mut driver, &spec, &input);
        let keys: Vec<String> = driver
            .take_rows()
            .iter()
            .map(|row| row.split(' ').skip(2).take(2).collect::<Vec<_>>().join(" "))
            .collect();
        let cell = if data_type == DataType::Binary { "3631" } else { cell };
        assert_eq!(keys, [1, 2, 3, 4].map(|count| format!("{cell} {count}")), "{data_type}");
    }
}

#[test]
fn an_update_of_a_table_moves_its_row_between_groups() {
    let mut spec = spec(&["COUNT()", "SUM(V)"]);
    spec.input_kind = SourceKind::Table;
    let rows = run(
        &mut driver(&spec),
        &spec,
        "+I 1 a 5
         +I 2 a 6
         -U 3 a 5
         +U 3 b 5
         -U 4 a 6
         +U 4 a 7
         -D 5 a 7
         -U 6 b 5
         +U 6 _ 5",
    );
    assert_rows(
        rows,
        "+I 1 a 1 5 1
         +U 2 a 2 11 2
         +U 3 a 1 6 3
         +I 3 b 1 5 3
         +U 4 a 1 7 4
         +U 5 a 0 0 5
         +U 6 b 0 0 6",
    );
}

#[test]
fn a_function_that_cannot_take_back_is_refused_on_a_table() {
    let mut spec = spec(&["MIN(V)"]);
    spec.input_kind = SourceKind::Table;
    let refused = build(&spec, StateRoom { prefix: bytes::Bytes::from_static(b"r"), fresh: true });
    let Err(error) = refused else { panic!("it was taken") };
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(error.message.contains("MIN cannot be applied to a table source"), "{error}");
}

#[test]
fn what_cannot_be_run_is_refused_with_its_reason() {
    let refusal = |change: fn(&mut AggregateSpec)| {
        let mut spec = spec(&["COUNT()"]);
        change(&mut spec);
        match build(&spec, StateRoom { prefix: bytes::Bytes::from_static(b"r"), fresh: true }) {
            Err(error) => error.message,
            Ok(_) => panic!("it was taken"),
        }
    };
    assert!(refusal(|spec| spec.emit = Emit::Final).contains("only supported for windowed"));
    assert!(refusal(|spec| spec.window = tumbling(0, 0)).contains("no length"));
    assert!(refusal(|spec| spec.window = session(-1, 0)).contains("no length"));
    assert!(refusal(|spec| spec.window = hopping(1_000_000, 1, 0)).contains("1000000 windows"));
    assert!(refusal(|spec| spec.calls[0].function = "NONE".to_owned()).contains("Can't find"));
}

#[test]
fn results_that_are_replaced_go_before_where_asked() {
    let mut spec = spec(&["SUM(V)"]);
    spec.with_before = true;
    let input = "+I 1 a 1\n+I 2 a 2\n+I 3 b 3\n+I 4 a 4";
    assert_rows(
        run(&mut driver(&spec), &spec, input),
        "+I 1 a 1 1
         -U 2 a 1 1
         +U 2 a 3 2
         +I 3 b 3 3
         -U 4 a 3 2
         +U 4 a 7 4",
    );
    let mut driver = driver(&spec).combining();
    assert_rows(run(&mut driver, &spec, input), "+I 3 b 3 3\n+I 4 a 7 4");
    push(&mut driver, &spec, "+I 5 a 10");
    push(&mut driver, &spec, "+I 6 b 1\n+I 7 a 10\n+I 8 c 1");
    driver.flush().expect("flushes");
    assert_rows(
        driver.take_rows(),
        "-U 6 b 3 3
         +U 6 b 4 6
         -U 7 a 7 4
         +U 7 a 27 7
         +I 8 c 1 8",
    );
}

#[test]
fn a_tumbling_window_takes_rows_until_it_is_closed() {
    let spec = windowed(&["MAX(V)"], tumbling(10, 5));
    let mut driver = driver(&spec);
    let rows = run(
        &mut driver,
        &spec,
        "+I 3 a 1
         +I 14 a 2
         +I 7 a 5
         +I 15 b 3
         +I 9 a 9
         +I 12 a 1",
    );
    assert_rows(
        rows,
        "+I 3 [0,10) a 1 0 10 3
         +I 14 [10,20) a 2 10 20 14
         +U 7 [0,10) a 5 0 10 7
         +I 15 [10,20) b 3 10 20 15
         +U 14 [10,20) a 2 10 20 14",
    );
    assert_eq!(driver.ledger.late, 1);
    assert_eq!(driver.reports.len(), 1);
    assert_eq!(driver.reports[0].time_ms, 9);
    assert_eq!(driver.reports[0].reason, "its window [0, 10) was closed at 15; stream time is 15");
}

#[test]
fn a_row_counts_in_every_open_window_it_is_in() {
    let spec = windowed(&["COUNT()"], hopping(10, 5, 0));
    let mut driver = driver(&spec);
    let rows = run(
        &mut driver,
        &spec,
        "+I 7 a 0
         +I 12 a 0
         +I 8 a 0
         +I 15 b 0
         +I 9 a 0",
    );
    assert_rows(
        rows,
        "+I 7 [0,10) a 1 0 10 7
         +I 7 [5,15) a 1 5 15 7
         +U 12 [5,15) a 2 5 15 12
         +I 12 [10,20) a 1 10 20 12
         +U 12 [5,15) a 3 5 15 12
         +I 15 [10,20) b 1 10 20 15
         +I 15 [15,25) b 1 15 25 15",
    );
    assert_eq!(driver.ledger.late, 1, "the row at 9 found all its windows closed, that at 8 only one");
}

#[test]
fn a_row_before_the_epoch_is_rejected() {
    let mut spec = spec(&["COUNT()"]);
    for window in [tumbling(10, 0), session(10, 0)] {
        spec.window = window;
        let mut driver = driver(&spec);
        assert_rows(run(&mut driver, &spec, "+I -1 a 0"), "");
        assert_eq!((driver.ledger.rejected, driver.reports.len()), (1, 1));
    }
}

#[test]
fn sessions_grow_and_merge() {
    let spec = windowed(&["COUNT()", "COLLECT_LIST(V)", "LATEST_BY_OFFSET(V)"], session(10, 100));
    let rows = run(
        &mut driver(&spec),
        &spec,
        "+I 10 a 1
         +I 15 a 2
         +I 40 a 3
         +I 10 b 7
         +I 35 a 4
         +I 25 a 5
         +I 20 a 6",
    );
    assert_rows(
        rows,
        "+I 10 [10,10) a 1 [1] 1 10 10 10
         -D 10 [10,10) a _ _ _ 10 10 10
         +I 15 [10,15) a 2 [1, 2] 2 10 15 15
         +I 40 [40,40) a 1 [3] 3 40 40 40
         +I 10 [10,10) b 1 [7] 7 10 10 10
         -D 40 [40,40) a _ _ _ 40 40 40
         +I 40 [35,40) a 2 [3, 4] 4 35 40 40
         -D 15 [10,15) a _ _ _ 10 15 15
         -D 40 [35,40) a _ _ _ 35 40 40
         +I 40 [10,40) a 5 [1, 2, 3, 4, 5] 5 10 40 40
         -D 40 [10,40) a _ _ _ 10 40 40
         +I 40 [10,40) a 6 [1, 2, 3, 4, 5, 6] 6 10 40 40",
    );
}

#[test]
fn a_session_of_one_instant_is_updated_in_place() {
    let spec = windowed(&["COUNT()"], session(10, 0));
    assert_rows(
        run(&mut driver(&spec), &spec, "+I 5 a 0\n+I 5 a 0"),
        "+I 5 [5,5) a 1 5 5 5
         +U 5 [5,5) a 2 5 5 5",
    );
}

#[test]
fn closed_sessions_are_joined_by_nothing() {
    let spec = windowed(&["COUNT()"], session(10, 5));
    let mut driver = driver(&spec);
    let rows = run(
        &mut driver,
        &spec,
        "+I 10 a 0
         +I 26 b 0
         +I 10 a 0
         +I 11 a 0",
    );
    assert_rows(
        rows,
        "+I 10 [10,10) a 1 10 10 10
         +I 26 [26,26) b 1 26 26 26
         +I 11 [11,11) a 1 11 11 11",
    );
    assert_eq!(driver.ledger.late, 1);
    assert_eq!(
        driver.reports[0].reason,
        "its session is closed: sessions that end before 11 are, at stream time 26"
    );
}

#[test]
fn a_round_gives_each_changed_session_once() {
    let spec = windowed(&["SUM(V)"], session(10, 100));
    let mut driver = driver(&spec).combining();
    assert_rows(
        run(&mut driver, &spec, "+I 10 a 1\n+I 30 a 2\n+I 15 a 4\n+I 50 b 1"),
        "+I 30 [30,30) a 2 30 30 30
         +I 15 [10,15) a 5 10 15 15
         +I 50 [50,50) b 1 50 50 50",
    );
    assert_rows(
        run(&mut driver, &spec, "+I 22 a 8\n+I 25 a 0\n+I 50 b 1"),
        "-D 15 [10,15) a _ 10 15 15
         -D 30 [30,30) a _ 30 30 30
         +I 30 [10,30) a 15 10 30 30
         +U 50 [50,50) b 2 50 50 50",
    );
    assert_rows(run(&mut driver, &spec, "+I 12 a 1"), "+U 30 [10,30) a 16 10 30 30");
}

#[test]
fn withdrawn_sessions_carry_their_values_where_asked() {
    let mut spec = windowed(&["SUM(V)"], session(10, 100));
    spec.with_before = true;
    let input = ["+I 10 a 1\n+I 30 a 2", "+I 20 a 4\n+I 50 b 1\n+I 50 b 1"];
    let mut each = driver(&spec);
    let rows = input.iter().flat_map(|rows| run(&mut each, &spec, rows)).collect();
    assert_rows(
        rows,
        "+I 10 [10,10) a 1 10 10 10
         +I 30 [30,30) a 2 30 30 30
         -D 10 [10,10) a 1 10 10 10
         -D 30 [30,30) a 2 30 30 30
         +I 30 [10,30) a 7 10 30 30
         +I 50 [50,50) b 1 50 50 50
         -U 50 [50,50) b 1 50 50 50
         +U 50 [50,50) b 2 50 50 50",
    );
    let mut combined = driver(&spec).combining();
    let rows = input.iter().flat_map(|rows| run(&mut combined, &spec, rows)).collect();
    assert_rows(
        rows,
        "+I 10 [10,10) a 1 10 10 10
         +I 30 [30,30) a 2 30 30 30
         -D 10 [10,10) a 1 10 10 10
         -D 30 [30,30) a 2 30 30 30
         +I 30 [10,30) a 7 10 30 30
         +I 50 [50,50) b 2 50 50 50",
    );
}

#[test]
fn final_results_come_once_when_their_window_closes() {
    let spec = final_windowed(&["COUNT()"], tumbling(10, 5));
    let mut driver = driver(&spec);
    assert_rows(run(&mut driver, &spec, "+I 3 b 0\n+I 4 a 0\n+I 12 a 0\n+I 9 b 0\n+I 14 c 0"), "");
    assert_rows(
        run(&mut driver, &spec, "+I 15 a 0\n+I 5 a 0\n+I 30 a 0"),
        "+I 4 [0,10) a 1 0 10 4
         +I 9 [0,10) b 2 0 10 9
         +I 15 [10,20) a 2 10 20 15
         +I 14 [10,20) c 1 10 20 14",
    );
    assert_eq!(driver.ledger.late, 1);
    assert_rows(run(&mut driver, &spec, "+I 44 a 0"), "");
    assert_rows(run(&mut driver, &spec, "+I 45 a 0"), "+I 30 [30,40) a 1 30 40 30");
}

#[test]
fn a_window_that_closes_is_not_brought_into_memory_as_a_whole() {
    let mut spec = spec(&["COUNT()"]);
    spec.window = tumbling(10, 0);
    spec.emit = Emit::Final;
    let mut driver = driver(&spec);
    let rows =
        |keys: std::ops::Range<usize>| -> String { keys.map(|key| format!("+I 1 k{key:06} 0\n")).collect() };
    let keys = BATCH_ROWS_MAX * 4;
    driver.push(Input::Left, batch(&spec.input, &rows(0..keys))).expect("takes rows");
    driver.commit();
    let all_bytes = driver.memory_bytes();
    driver.evict_all();
    // Some of them are in memory again, one of them newer than what is stored.
    driver.push(Input::Left, batch(&spec.input, &rows(keys - 2..keys + 1))).expect("takes rows");
    driver.push(Input::Left, batch(&spec.input, "+I 10 z 0")).expect("takes rows");
    let expected: Vec<String> = (0..keys + 1)
        .map(|key| {
            format!("+I 1 [0,10) k{key:06} {} 0 10 1", if key == keys - 1 || key == keys - 2 { 2 } else { 1 })
        })
        .collect();
    assert_eq!(driver.take_rows(), expected);
    assert!(driver.memory_bytes() < all_bytes / 2, "{} of {all_bytes} bytes", driver.memory_bytes());
}

#[test]
fn final_results_of_overlapping_windows_come_in_the_order_of_their_ends() {
    let spec = final_windowed(&["COUNT()"], hopping(10, 5, 0));
    let mut driver = driver(&spec);
    assert_rows(
        run(&mut driver, &spec, "+I 7 a 0\n+I 12 b 0\n+I 20 a 0"),
        "+I 7 [0,10) a 1 0 10 7
         +I 7 [5,15) a 1 5 15 7
         +I 12 [5,15) b 1 5 15 12
         +I 12 [10,20) b 1 10 20 12",
    );
}

#[test]
fn final_results_that_event_time_has_overtaken_are_given_or_lost_as_asked() {
    let mut spec = final_windowed(&["COUNT()"], tumbling(10, 0));
    let input = "+I 1 a 0\n+I 11 a 0\n+I 35 a 0";
    assert_rows(
        run(&mut driver(&spec), &spec, input),
        "+I 1 [0,10) a 1 0 10 1
         +I 11 [10,20) a 1 10 20 11",
    );
    spec.policy.overtaken = Overtaken::Forget;
    assert_rows(run(&mut driver(&spec), &spec, input), "+I 1 [0,10) a 1 0 10 1");
    spec.window = Some(WindowSpec { retention_ms: Some(20), ..spec.window.expect("one") });
    assert_eq!(run(&mut driver(&spec), &spec, input).len(), 2, "a longer retention keeps it");
}

#[test]
fn final_results_of_sessions_come_when_they_are_over() {
    let spec = final_windowed(&["COUNT()"], session(10, 5));
    let mut driver = driver(&spec);
    assert_rows(run(&mut driver, &spec, "+I 1 b 0\n+I 3 a 0\n+I 9 a 0\n+I 16 c 0"), "");
    assert_rows(run(&mut driver, &spec, "+I 17 c 0"), "+I 1 [1,1) b 1 1 1 1");
    assert_rows(
        run(&mut driver, &spec, "+I 33 a 0"),
        "+I 9 [3,9) a 2 3 9 9
         +I 17 [16,17) c 2 16 17 17",
    );
}

#[test]
fn windows_close_by_the_event_time_of_other_shards_too() {
    let mut spec = spec(&["COUNT()"]);
    for (window, emit, closed) in [
        (tumbling(10, 0), Emit::Final, vec!["+I 1 [0,10) a 1 0 10 1"]),
        (session(5, 0), Emit::Final, vec!["+I 1 [1,1) a 1 1 1 1"]),
        (tumbling(10, 0), Emit::Changes, vec![]),
        (session(5, 0), Emit::Changes, vec![]),
    ] {
        spec.window = window;
        spec.emit = emit;
        let mut driver = driver(&spec);
        run(&mut driver, &spec, "+I 1 a 0");
        driver.advance(Input::Left, 20).expect("advances");
        assert_eq!(driver.take_rows(), closed);
        driver.commit();
        driver.restart();
        run(&mut driver, &spec, "+I 2 a 0");
        assert_eq!(driver.ledger.late, 1, "what time has closed stays closed");
    }
}

#[test]
fn a_row_is_late_by_the_stream_time_it_brings_along() {
    let mut spec = spec(&["COUNT()"]);
    for window in [tumbling(10, 0), session(5, 0)] {
        spec.window = window;
        let mut driver = driver(&spec);
        let mut rows = batch(&spec.input, "+I 1 a 0\n+I 2 a 0\n+I 33 a 0");
        rows.stream_times_ms = Some(vec![1, 30, 33].into());
        driver.push(Input::Left, rows).expect("takes rows");
        assert_eq!(driver.ledger.late, 1, "the second row comes after one of 30 in another shard");
    }
}

#[test]
fn however_many_rows_are_late_all_are_counted_and_a_bounded_number_is_reported() {
    for window in [tumbling(10, 0), session(1, 0)] {
        let spec = windowed(&["COUNT()"], window);
        let mut driver = driver(&spec).combining();
        push(&mut driver, &spec, "+I 1000 a 0");
        push(&mut driver, &spec, &"+I 1 a 0\n".repeat(3_000));
        assert_eq!((driver.ledger.late, driver.reports.len()), (3_000, REPORTS_MAX));
    }
}

#[test]
fn results_carry_the_headers_of_the_record_that_caused_them() {
    let headers = |text: &str| -> Headers { Arc::from([(Arc::from(text), None)]) };
    let with_headers = |spec: &AggregateSpec, rows: &str| -> ChangeBatch {
        let mut batch = batch(&spec.input, rows);
        batch.headers = Some((0..batch.rows()).map(|row| headers(&format!("h{row}"))).collect());
        batch
    };
    let headers_of = |driver: &mut Driver| -> Vec<String> {
        let batches = std::mem::take(&mut driver.out);
        let name =
            |headers: &Headers| headers.first().map_or("none".to_owned(), |(name, _)| name.to_string());
        batches
            .iter()
            .flat_map(|batch| {
                let headers =
                    batch.headers.clone().unwrap_or_else(|| vec![Arc::from([]); batch.rows()].into());
                rows_as_text(batch)
                    .into_iter()
                    .zip(headers.iter())
                    .map(|(row, headers)| {
                        format!("{} {}", row.split(' ').next().expect("a kind"), name(headers))
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    };
    let mut spec = spec(&["COUNT()"]);
    for (window, emit, expected) in [
        (None, Emit::Changes, "+I h1, +I h2"),
        (tumbling(10, 0), Emit::Changes, "+I h0, +I h1, +I h2"),
        (session(5, 0), Emit::Changes, "+I h0, +I h1, +I h2"),
        (tumbling(10, 0), Emit::Final, "+I h1, +I h2"),
        (session(5, 0), Emit::Final, "+I h1, +I h2"),
    ] {
        spec.window = window;
        spec.emit = emit;
        let mut driver = driver(&spec).combining();
        driver.push(Input::Left, with_headers(&spec, "+I 1 a 0\n+I 12 a 0\n+I 20 b 0")).expect("takes rows");
        driver.flush().expect("flushes");
        assert_eq!(headers_of(&mut driver).join(", "), expected, "{window:?} {emit:?}");
        push(&mut driver, &spec, "+I 13 a 0");
        driver.flush().expect("flushes");
        let later = headers_of(&mut driver);
        assert!(later.iter().all(|row| row.ends_with("none")), "{later:?}");
    }
}

#[test]
fn the_state_of_closed_windows_is_deleted() {
    for (window, open_entries) in [(tumbling(10, 0), 2), (hopping(10, 5, 0), 3), (session(9, 0), 3)] {
        for emit in [Emit::Changes, Emit::Final] {
            let mut spec = spec(&["COUNT()"]);
            spec.window = window;
            spec.emit = emit;
            let mut driver = driver(&spec);
            for time in 0..50 {
                push(&mut driver, &spec, &format!("+I {} k{time} 0", time * 10));
                driver.commit();
                if time % 7 == 0 {
                    driver.evict_all();
                }
            }
            push(&mut driver, &spec, "+I 1000 last 0");
            driver.commit();
            driver.commit();
            assert_eq!(
                driver.stored_entries(),
                open_entries,
                "{window:?} {emit:?}: the last row and the progress"
            );
            assert!(driver.memory_bytes() < 20_000, "{}", driver.memory_bytes());
        }
    }
}

#[test]
fn memory_is_given_back_by_forgetting_what_is_stored() {
    for window in [None, tumbling(1_000_000, 0), session(10, 1_000_000)] {
        let mut spec = spec(&["COUNT()", "COLLECT_LIST(V)"]);
        spec.window = window;
        let mut driver = driver(&spec).combining();
        let rows: String = (0..5_000).map(|key| format!("+I 1 key{key} {key}\n")).collect();
        push(&mut driver, &spec, &rows);
        let dirty = driver.memory_bytes();
        driver.evict_all();
        driver.flush().expect("flushes");
        assert_eq!(driver.take_rows().len(), 5_000, "what is dirty stays");
        driver.commit();
        driver.evict_all();
        assert!(driver.memory_bytes() < dirty / 100, "{} of {dirty}", driver.memory_bytes());
        let rows = run(&mut driver, &spec, "+I 1 key77 1");
        assert!(rows[0].contains(" key77 2 [77, 1] "), "{rows:?}");
    }
}

#[test]
fn a_large_round_is_given_in_several_batches() {
    let spec = spec(&["COUNT()"]);
    let mut driver = driver(&spec).combining();
    let rows: String = (0..40_000).map(|key| format!("+I 1 key{key} 0\n")).collect();
    push(&mut driver, &spec, &rows);
    driver.flush().expect("flushes");
    let sizes: Vec<usize> = driver.out.iter().map(ChangeBatch::rows).collect();
    assert_eq!(sizes, [16_384, 16_384, 7_232]);
}

#[test]
fn a_damaged_entry_is_reported_and_not_believed() {
    for window in [None, tumbling(10, 0), session(10, 0)] {
        let mut spec = spec(&["LATEST_BY_OFFSET(V)"]);
        spec.window = window;
        let mut driver = driver(&spec);
        push(&mut driver, &spec, "+I 1 a 5");
        driver.commit();
        driver.restart();
        driver.damage_values();
        let error = driver.push(Input::Left, batch(&spec.input, "+I 1 a 6")).expect_err("refused");
        assert_eq!(error.kind, ErrorKind::Corrupt, "{error}");
    }
}

#[test]
fn a_sum_over_literals_takes_them_as_a_column() {
    let mut spec = spec(&["SUM(V)"]);
    spec.calls[0].constants = vec![Some(ScalarValue::Int32(Some(2)))];
    let mut input = batch(&spec.input, "+I 1 a 0\n+I 2 a 0");
    let literals = Arc::new(Int32Array::from(vec![2, 2]));
    input.columns = arrow::array::RecordBatch::try_new(
        spec.input.clone(),
        vec![input.columns.column(0).clone(), literals],
    )
    .expect("two columns");
    let mut driver = driver(&spec);
    driver.push(Input::Left, input).expect("takes rows");
    assert_rows(driver.take_rows(), "+I 1 a 2 1\n+U 2 a 4 2");
}

#[test]
fn a_sum_that_does_not_fit_is_null_and_reported_while_other_groups_go_on() {
    let data_type = DataType::Decimal128(3, 1);
    let input = Arc::new(Schema::new(vec![
        Field::new("K", DataType::Utf8, true),
        Field::new("V", data_type.clone(), true),
    ]));
    let sum = CallSpec {
        function: "SUM".to_owned(),
        arguments: vec![1],
        constants: vec![None],
        name: "S".to_owned(),
        return_type: data_type,
        entries_max: None,
    };
    let spec = AggregateSpec {
        groups: vec![input.field(0).clone()],
        calls: vec![sum],
        input: input.clone(),
        ..spec(&[])
    };
    let mut driver = Driver::new(move |room| build(&spec, room));
    driver.push(Input::Left, batch(&input, "+I 1 a 99.9\n+I 2 a 0.2\n+I 3 b 1.5")).expect("takes rows");
    assert_eq!(driver.take_rows(), ["+I 1 a 99.9 1", "+U 2 a _ 2", "+I 3 b 1.5 3"]);
    assert_eq!(driver.reports.len(), 1);
    let reason = &driver.reports[0].reason;
    assert!(reason.starts_with("SUM: Numeric field overflow: a sum does not fit DECIMAL(3, 1)"), "{reason}");
    assert_eq!(driver.ledger.total(), 0);
}
