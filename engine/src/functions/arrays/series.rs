//! GENERATE_SERIES: numbers in equal steps.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray};
use arrow::compute;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err};

use crate::expressions::failures;
use crate::functions::elements::{nulls_of, of_type, offsets_of};

/// Numbers that one row may ask for: what is asked for by a record must not fill the memory.
const SERIES_MAX: u64 = 1 << 20;

/// Numbers of all rows of a batch; a batch of more is evaluated in parts.
const BATCH_MAX: usize = 1 << 24;

pub(super) fn generate(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let DataType::List(item) = data_type else { return exec_err!("a series is an ARRAY") };
    let columns: Vec<ArrayRef> =
        columns.iter().map(|column| Ok(compute::cast(column, &DataType::Int64)?)).collect::<Result<_>>()?;
    let columns: Vec<&Int64Array> = columns.iter().map(|column| column.as_primitive::<Int64Type>()).collect();
    let Some(first) = columns.first() else { return exec_err!("a series has a start and an end") };
    let mut numbers: Vec<i64> = Vec::new();
    let mut lengths = Vec::with_capacity(first.len());
    let mut valid = Vec::with_capacity(first.len());
    for row in 0..first.len() {
        let known = columns.iter().all(|column| column.is_valid(row));
        let series = match columns.as_slice() {
            [start, end] if known => series(start.value(row), end.value(row), None),
            [start, end, step] if known => series(start.value(row), end.value(row), Some(step.value(row))),
            _ => Err("a bound or the step of the series is NULL".to_owned()),
        };
        let before = numbers.len();
        match series {
            Ok(series) => numbers.extend(series),
            Err(reason) => failures::note(|| reason.clone()),
        }
        if numbers.len() > BATCH_MAX && first.len() > 1 {
            return exec_err!("the series of a batch have more than {BATCH_MAX} numbers");
        }
        lengths.push(numbers.len() - before);
        valid.push(known && lengths.last() != Some(&0));
    }
    let values = of_type(Arc::new(Int64Array::from(numbers)), item.data_type())?;
    Ok(Arc::new(ListArray::try_new(item.clone(), offsets_of(&lengths)?, values, nulls_of(valid))?))
}

/// The numbers, of which there is at least one.
fn series(start: i64, end: i64, step: Option<i64>) -> std::result::Result<impl Iterator<Item = i64>, String> {
    let step = step.unwrap_or(if end > start { 1 } else { -1 });
    if step == 0 {
        return Err("GENERATE_SERIES step cannot be zero".to_owned());
    }
    if (end > start && step < 0) || (end < start && step > 0) {
        return Err("GENERATE_SERIES step has wrong sign".to_owned());
    }
    let steps = end.abs_diff(start) / step.unsigned_abs();
    if steps >= SERIES_MAX {
        return Err(format!("GENERATE_SERIES gives at most {SERIES_MAX} numbers"));
    }
    Ok((0..=steps as i64).map(move |count| start.wrapping_add(count.wrapping_mul(step))))
}
