//! Elements that are equal to a value.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, new_null_array};
use arrow::datatypes::DataType;
use arrow::row::Rows;
use datafusion::common::{Result, exec_err};

use crate::functions::elements::{Elements, Selection};
use crate::functions::nested::comparable_rows;

pub(super) fn contains(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let [array, value] = columns else { return exec_err!("a value is looked for in an ARRAY") };
    let search = Search::of(array, value)?;
    let found = (0..array.len()).map(|row| {
        Some(array.is_valid(row) && search.elements.range(row).any(|element| search.is_equal(element, row)))
    });
    Ok(Arc::new(found.collect::<BooleanArray>()))
}

pub(super) fn remove(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let [array, value] = columns else { return exec_err!("a value is removed from an ARRAY") };
    let search = Search::of(array, value)?;
    let mut selection = Selection::with_capacity(array.len(), search.elements.len());
    for row in 0..array.len() {
        if array.is_null(row) {
            selection.push_null();
        } else {
            selection.push(search.elements.range(row).filter(|element| !search.is_equal(*element, row)));
        }
    }
    selection.lists(&search.elements.columns[0], data_type)
}

/// The elements of ARRAYs and a value for each ARRAY, to be compared.
struct Search {
    elements: Elements,
    compared: Rows,
    wanted: Rows,
}

impl Search {
    fn of(array: &ArrayRef, value: &ArrayRef) -> Result<Search> {
        let elements = Elements::of(array)?;
        let values = &elements.columns[0];
        let value = match value.data_type() {
            DataType::Null => &new_null_array(values.data_type(), value.len()),
            _ => value,
        };
        let mut compared = comparable_rows(&[values, value])?;
        let (Some(wanted), Some(compared)) = (compared.pop(), compared.pop()) else {
            return exec_err!("a value is compared with elements");
        };
        Ok(Search { elements, compared, wanted })
    }

    fn is_equal(&self, element: usize, row: usize) -> bool {
        self.compared.row(element) == self.wanted.row(row)
    }
}
