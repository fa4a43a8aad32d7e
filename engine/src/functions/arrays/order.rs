//! The order of elements: the least, the greatest, all of them sorted.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use crate::expressions::failures;
use crate::functions::elements::{Elements, Selection, of_type, taken};
use crate::functions::nested::comparable_rows;

pub(super) fn max(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    extreme(columns, data_type, Ordering::Greater)
}

pub(super) fn min(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    extreme(columns, data_type, Ordering::Less)
}

/// The first element to which no other one stands in this order.
fn extreme(columns: &[ArrayRef], data_type: &DataType, better: Ordering) -> Result<ArrayRef> {
    let [array] = columns else { return exec_err!("one ARRAY has a least and a greatest element") };
    let elements = Elements::of(array)?;
    let values = &elements.columns[0];
    let compared = comparable_rows(&[values])?.remove(0);
    let found: UInt32Array = (0..array.len())
        .map(|row| {
            let known = elements.range(row).filter(|element| values.is_valid(*element));
            let best = known.reduce(|best, element| {
                let is_better = compared.row(element).cmp(&compared.row(best)) == better;
                if is_better { element } else { best }
            });
            best.map(|element| element as u32)
        })
        .collect();
    of_type(taken(values, &found)?, data_type)
}

pub(super) fn sort(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let Some(array) = columns.first() else { return exec_err!("an ARRAY is sorted") };
    let directions = columns.get(1).map(|directions| directions.as_string::<i32>());
    let elements = Elements::of(array)?;
    let values = &elements.columns[0];
    let compared = comparable_rows(&[values])?.remove(0);
    let mut selection = Selection::with_capacity(array.len(), elements.len());
    for row in 0..array.len() {
        if array.is_null(row) {
            selection.push_null();
            continue;
        }
        let direction = match directions {
            None => "ASC",
            Some(directions) if directions.is_valid(row) => directions.value(row),
            Some(_) => {
                failures::note(|| "the direction to sort in is NULL".to_owned());
                selection.push_null();
                continue;
            }
        };
        let is = |names: [&str; 2]| names.iter().any(|name| direction.eq_ignore_ascii_case(name));
        let descending = is(["DESC", "DESCENDING"]);
        if !descending && !is(["ASC", "ASCENDING"]) {
            selection.push_null();
            continue;
        }
        let mut sorted: Vec<usize> = elements.range(row).collect();
        sorted.sort_by(|a, b| {
            let nulls = values.is_null(*a).cmp(&values.is_null(*b));
            let order = compared.row(*a).cmp(&compared.row(*b));
            nulls.then(if descending { order.reverse() } else { order })
        });
        selection.push(sorted);
    }
    selection.lists(values, data_type)
}
