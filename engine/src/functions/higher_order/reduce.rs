//! REDUCE: one value of all elements.
//!
//! The rows are put in order, those with the most elements first: those that still have an element at a
//! position are then always the first ones, and the states of the others are done.

use std::cmp::Reverse;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::compute;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use crate::functions::elements::{Elements, of_type};
use crate::functions::entry_order::in_ksqldbs_order;
use crate::functions::lambda::BoundLambda;

pub(super) fn reduce(
    columns: &[ArrayRef],
    lambdas: &[BoundLambda<'_>],
    data_type: &DataType,
) -> Result<ArrayRef> {
    let ([collection, initial], [lambda]) = (columns, lambdas) else {
        return exec_err!("a collection is reduced by one lambda, from an initial state");
    };
    let elements = match collection.data_type() {
        DataType::Map(..) => in_ksqldbs_order(Elements::of(collection)?, collection.len())?,
        _ => Elements::of(collection)?,
    };
    // Nothing comes of a state that is NULL from the beginning.
    let length = |row: u32| {
        let row = row as usize;
        if initial.is_null(row) { 0 } else { elements.range(row).len() }
    };
    let rows = u32::try_from(collection.len()).unwrap_or(u32::MAX);
    let mut order: Vec<u32> = (0..rows).collect();
    order.sort_by_key(|row| Reverse(length(*row)));
    let longest = order.first().map_or(0, |row| length(*row));

    let mut state = of_type(compute::take(initial, &UInt32Array::from(order.clone()), None)?, data_type)?;
    let mut failed = vec![false; order.len()];
    let mut done: Vec<ArrayRef> = Vec::new();
    for position in 0..longest {
        let active = order[..state.len()].partition_point(|row| length(*row) > position);
        if active < state.len() {
            done.push(state.slice(active, state.len() - active));
            state = state.slice(0, active);
        }
        let rows = UInt32Array::from(order[..active].to_vec());
        let at = rows.values().iter().map(|row| (elements.range(*row as usize).start + position) as u32);
        let at = UInt32Array::from_iter_values(at);
        let mut variables = vec![state];
        for column in &elements.columns {
            variables.push(compute::take(column, &at, None)?);
        }
        let given = lambda.evaluate(&rows, variables)?;
        for (index, failed) in failed[..active].iter_mut().enumerate() {
            *failed |= given.has_failed(index);
        }
        state = of_type(given.values, data_type)?;
    }
    done.push(state);
    // Who ended last comes first.
    done.reverse();
    let ended: Vec<&dyn Array> = done.iter().map(AsRef::as_ref).collect();
    let ended = compute::nullif(&compute::concat(&ended)?, &BooleanArray::from(failed))?;
    let mut place = vec![0_u32; order.len()];
    for (index, row) in order.iter().enumerate() {
        place[*row as usize] = index as u32;
    }
    Ok(compute::take(&ended, &UInt32Array::from(place), None)?)
}
