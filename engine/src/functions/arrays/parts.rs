//! Parts of ARRAYs and MAPs: how many there are, some of them, entries one by one.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, StructArray};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, exec_err};

use crate::expressions::failures;
use crate::functions::elements::{Elements, Selection, of_type};
use crate::functions::entry_order::in_ksqldbs_order;

pub(super) fn length(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let [array] = columns else { return exec_err!("one ARRAY has a length") };
    let list = array.as_list::<i32>();
    let lengths = (0..list.len()).map(|row| list.is_valid(row).then(|| list.value_length(row)));
    Ok(Arc::new(lengths.collect::<Int32Array>()))
}

pub(super) fn slice(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let [array, from, to] = columns else { return exec_err!("an ARRAY is cut from one position to another") };
    let (from, to) = (from.as_primitive::<Int32Type>(), to.as_primitive::<Int32Type>());
    let elements = Elements::of(array)?;
    let mut selection = Selection::with_capacity(array.len(), elements.len());
    for row in 0..array.len() {
        let all = elements.range(row);
        let start =
            if from.is_null(row) { Some(0) } else { usize::try_from(i64::from(from.value(row)) - 1).ok() };
        let end = if to.is_null(row) { Some(all.len()) } else { usize::try_from(to.value(row)).ok() };
        match (start, end) {
            (Some(start), Some(end)) if array.is_valid(row) && start <= end && end <= all.len() => {
                selection.push(all.start + start..all.start + end);
            }
            _ => selection.push_null(),
        }
    }
    selection.lists(&elements.columns[0], data_type)
}

pub(super) fn entries(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let ([map, sorted], DataType::List(item)) = (columns, data_type) else {
        return exec_err!("the entries of a MAP are an ARRAY");
    };
    let DataType::Struct(fields) = item.data_type() else { return exec_err!("an entry is a STRUCT") };
    let sorted = sorted.as_boolean();
    let elements = in_ksqldbs_order(Elements::of(map)?, map.len())?;
    let keys = elements.columns[0].as_string::<i32>();
    let mut selection = Selection::with_capacity(map.len(), elements.len());
    for row in 0..map.len() {
        if map.is_null(row) {
            selection.push_null();
        } else if sorted.is_null(row) {
            failures::note(|| "whether to sort the entries is NULL".to_owned());
            selection.push_null();
        } else {
            let mut entries: Vec<usize> = elements.range(row).collect();
            if sorted.value(row) {
                entries.sort_by_key(|entry| keys.value(*entry));
            }
            selection.push(entries);
        }
    }
    let columns = elements.columns.iter().zip(fields);
    let columns = columns.map(|(column, field)| of_type(column.clone(), field.data_type()));
    let entries = StructArray::try_new(fields.clone(), columns.collect::<Result<_>>()?, None)?;
    selection.lists(&(Arc::new(entries) as ArrayRef), data_type)
}
