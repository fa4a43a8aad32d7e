//! Groups: which rows make one, and what is told of it and when.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use tidemill_sql::plan::Emit;

use super::AggregateSpec;
use super::test_aggregations::{Trial, assert_rows, hopping, refusal, session, spec, tumbling, windowed};
use crate::batch::{ChangeBatch, Headers};
use crate::operators::driver::{Driver, rows_as_text};

#[test]
fn every_row_gives_the_result_it_leads_to() {
    Trial::of(spec(&["COUNT()", "SUM(V)", "COLLECT_LIST(V)"])).check(
        "+I 10 a 1
         +I 12 b 5
         +I 11 a 2
         +I 13 a _",
        "+I 10 a 1 1 [1] 10
         +I 12 b 1 5 [5] 12
         +U 11 a 2 3 [1, 2] 11
         +U 13 a 3 3 [1, 2, _] 13",
    );
}

#[test]
fn without_group_columns_there_is_one_group() {
    Trial::of(AggregateSpec { groups: Vec::new(), ..spec(&["COUNT()", "SUM(V)"]) }).check(
        "+I 10 a 1
         +I 12 _ 5",
        "+I 10 1 1 10
         +U 12 2 6 12",
    );
}

#[test]
fn a_round_gives_each_changed_group_once_in_the_order_of_last_changes() {
    let mut trial = Trial::combining(spec(&["COUNT()"]));
    trial.push("+I 1 a 0\n+I 2 b 0");
    trial.check(
        "+I 3 c 0\n+I 4 a 0",
        "+I 2 b 1 2
         +I 3 c 1 3
         +I 4 a 2 4",
    );
    trial.check("+I 2 a 0", "+U 4 a 3 4");
    trial.driver.flush().expect("flushes");
    assert_rows(trial.driver.take_rows(), "");
}

#[test]
fn rows_without_a_value_or_a_group_are_filtered() {
    let mut trial = Trial::of(spec(&["COUNT()"]));
    trial.check(
        "+I 1 _ 1
         +N 2 a _
         +I 3 a _",
        "+I 3 a 1 3",
    );
    assert_eq!(trial.driver.ledger.filtered, 2);
}

#[test]
fn any_columns_make_a_group() {
    let mut spec = spec(&["COUNT()"]);
    spec.groups = spec.input.fields().iter().map(|field| field.as_ref().clone()).collect();
    Trial::of(spec.clone()).check(
        "+I 1 a 1\n+I 2 a 2\n+I 3 _ 1\n+I 4 a 1",
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
        let mut trial = Trial::of(spec);
        trial.push(&input);
        trial.driver.commit();
        trial.driver.restart();
        trial.push(&input);
        let keys: Vec<String> = trial
            .driver
            .take_rows()
            .iter()
            .map(|row| row.split(' ').skip(2).take(2).collect::<Vec<_>>().join(" "))
            .collect();
        let cell = if data_type == DataType::Binary { "3631" } else { cell };
        assert_eq!(keys, [1, 2, 3, 4].map(|count| format!("{cell} {count}")), "{data_type}");
    }
}

#[test]
fn results_that_are_replaced_go_before_where_asked() {
    let spec = AggregateSpec { with_before: true, ..spec(&["SUM(V)"]) };
    let input = "+I 1 a 1\n+I 2 a 2\n+I 3 b 3\n+I 4 a 4";
    Trial::of(spec.clone()).check(
        input,
        "+I 1 a 1 1
         -U 2 a 1 1
         +U 2 a 3 2
         +I 3 b 3 3
         -U 4 a 3 2
         +U 4 a 7 4",
    );
    let mut trial = Trial::combining(spec);
    trial.check(input, "+I 3 b 3 3\n+I 4 a 7 4");
    trial.push("+I 5 a 10");
    trial.push("+I 6 b 1\n+I 7 a 10\n+I 8 c 1");
    trial.driver.flush().expect("flushes");
    assert_rows(
        trial.driver.take_rows(),
        "-U 6 b 3 3
         +U 6 b 4 6
         -U 7 a 7 4
         +U 7 a 27 7
         +I 8 c 1 8",
    );
}

#[test]
fn results_carry_the_headers_of_the_record_that_caused_them() {
    let headers = |text: &str| -> Headers { Arc::from([(Arc::from(text), None)]) };
    let with_headers = |mut batch: ChangeBatch| -> ChangeBatch {
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
    for (window, emit, expected) in [
        (None, Emit::Changes, "+I h1, +I h2"),
        (tumbling(10, 0), Emit::Changes, "+I h0, +I h1, +I h2"),
        (session(5, 0), Emit::Changes, "+I h0, +I h1, +I h2"),
        (tumbling(10, 0), Emit::Final, "+I h1, +I h2"),
        (session(5, 0), Emit::Final, "+I h1, +I h2"),
    ] {
        let mut trial = Trial::combining(AggregateSpec { emit, ..windowed(&["COUNT()"], window) });
        trial.push_batch(with_headers(trial.batch("+I 1 a 0\n+I 12 a 0\n+I 20 b 0")));
        trial.driver.flush().expect("flushes");
        assert_eq!(headers_of(&mut trial.driver).join(", "), expected, "{window:?} {emit:?}");
        trial.push("+I 13 a 0");
        trial.driver.flush().expect("flushes");
        let later = headers_of(&mut trial.driver);
        assert!(later.iter().all(|row| row.ends_with("none")), "{later:?}");
    }
}

#[test]
fn a_large_round_is_given_in_several_batches() {
    let mut trial = Trial::combining(spec(&["COUNT()"]));
    let rows: String = (0..40_000).map(|key| format!("+I 1 key{key} 0\n")).collect();
    trial.push(&rows);
    trial.driver.flush().expect("flushes");
    let sizes: Vec<usize> = trial.driver.out.iter().map(ChangeBatch::rows).collect();
    assert_eq!(sizes, [16_384, 16_384, 7_232]);
}

#[test]
fn what_cannot_be_run_is_refused_with_its_reason() {
    let refusal_of = |change: fn(&mut AggregateSpec)| {
        let mut spec = spec(&["COUNT()"]);
        change(&mut spec);
        refusal(&spec).message
    };
    assert!(refusal_of(|spec| spec.emit = Emit::Final).contains("only supported for windowed"));
    assert!(refusal_of(|spec| spec.window = tumbling(0, 0)).contains("no length"));
    assert!(refusal_of(|spec| spec.window = session(-1, 0)).contains("no length"));
    assert!(refusal_of(|spec| spec.window = hopping(1_000_000, 1, 0)).contains("1000000 windows"));
    assert!(refusal_of(|spec| spec.calls[0].function = "NONE".to_owned()).contains("Can't find"));
}
