//! Sums: of literals, and of what does not fit.

use std::sync::Arc;

use arrow::array::Int32Array;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::scalar::ScalarValue;

use super::test_aggregations::{Trial, assert_rows, spec};
use super::{AggregateSpec, CallSpec};
use crate::operators::driver::batch;

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
    let mut trial = Trial::of(spec);
    trial.push_batch(input);
    assert_rows(trial.driver.take_rows(), "+I 1 a 2 1\n+U 2 a 4 2");
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
    let spec = AggregateSpec { groups: vec![input.field(0).clone()], calls: vec![sum], input, ..spec(&[]) };
    let mut trial = Trial::of(spec);
    trial.check(
        "+I 1 a 99.9\n+I 2 a 0.2\n+I 3 b 1.5",
        "+I 1 a 99.9 1
         +U 2 a _ 2
         +I 3 b 1.5 3",
    );
    assert_eq!(trial.driver.reports.len(), 1);
    let reason = &trial.driver.reports[0].reason;
    assert!(reason.starts_with("SUM: Numeric field overflow: a sum does not fit DECIMAL(3, 1)"), "{reason}");
    assert_eq!(trial.driver.ledger.total(), 0);
}
