//! ARRAY, MAP and STRUCT: making them, reaching into them, comparing them.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, MapArray, StructArray, UInt64Array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Fields, Int64Type};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use crate::expressions::failures;

pub(super) fn boolean_type(_: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(DataType::Boolean)
}

pub(super) fn equal(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (left, right) = comparable(columns)?;
    let values: BooleanArray = (0..columns[0].len())
        .map(|row| {
            let known = columns[0].is_valid(row) && columns[1].is_valid(row);
            known.then(|| left.row(row) == right.row(row))
        })
        .collect();
    Ok(Arc::new(values))
}

pub(super) fn not_distinct(columns: &[ArrayRef], _: &DataType) -> Result<ArrayRef> {
    let (left, right) = comparable(columns)?;
    let values: BooleanArray = (0..columns[0].len())
        .map(|row| {
            Some(match (columns[0].is_valid(row), columns[1].is_valid(row)) {
                (true, true) => left.row(row) == right.row(row),
                (left, right) => left == right,
            })
        })
        .collect();
    Ok(Arc::new(values))
}

/// Both sides as rows whose bytes are equal where the values are.
fn comparable(columns: &[ArrayRef]) -> Result<(Rows, Rows)> {
    let [left, right] = columns else { return exec_err!("two values are compared") };
    let mut rows = comparable_rows(&[left, right])?;
    let (Some(right), Some(left)) = (rows.pop(), rows.pop()) else {
        return exec_err!("two values are compared");
    };
    Ok((left, right))
}

/// Columns of one type as rows whose bytes are equal where the values are, and in order as they are.
pub(super) fn comparable_rows(columns: &[&ArrayRef]) -> Result<Vec<Rows>> {
    let Some(first) = columns.first() else { return Ok(Vec::new()) };
    let data_type = first.data_type();
    let converter = RowConverter::new(vec![SortField::new(data_type.clone())])?;
    columns
        .iter()
        .map(|column| {
            // Field names may differ; the values' layout does not.
            let same = if column.data_type() == data_type {
                ArrayRef::clone(column)
            } else {
                compute::cast(column, data_type)?
            };
            Ok(converter.convert_columns(&[sorted_entries(&same)?])?)
        })
        .collect()
}

/// Entries of a map in the order of their keys: maps are equal whatever their order is.
fn sorted_entries(column: &ArrayRef) -> std::result::Result<ArrayRef, arrow::error::ArrowError> {
    let DataType::Map(field, _) = column.data_type() else { return Ok(column.clone()) };
    let map = column.as_map();
    let keys = RowConverter::new(vec![SortField::new(map.keys().data_type().clone())])?
        .convert_columns(&[map.keys().clone()])?;
    let mut order: Vec<u64> = Vec::with_capacity(map.entries().len());
    let mut offsets: Vec<usize> = Vec::with_capacity(map.len());
    for row in 0..map.len() {
        let (from, to) = (map.value_offsets()[row] as usize, map.value_offsets()[row + 1] as usize);
        let mut entries: Vec<usize> = if map.is_valid(row) { (from..to).collect() } else { Vec::new() };
        entries.sort_by(|a, b| keys.row(*a).cmp(&keys.row(*b)));
        offsets.push(entries.len());
        order.extend(entries.into_iter().map(|entry| entry as u64));
    }
    let entries =
        compute::take(&(Arc::new(map.entries().clone()) as ArrayRef), &UInt64Array::from(order), None)?;
    let offsets = OffsetBuffer::from_lengths(offsets);
    let sorted =
        MapArray::try_new(field.clone(), offsets, entries.as_struct().clone(), map.nulls().cloned(), false)?;
    Ok(Arc::new(sorted))
}

pub(super) fn subscript_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match types.first() {
        Some(DataType::List(item)) => Ok(item.data_type().clone()),
        Some(DataType::Map(entries, _)) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => Ok(fields[1].data_type().clone()),
            other => plan_err!("the entries of a map are key and value, not {other}"),
        },
        other => plan_err!("no subscript in {other:?}"),
    }
}

pub(super) fn subscript(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let [collection, index] = columns else { return exec_err!("a subscript has a collection and an index") };
    match collection.data_type() {
        DataType::List(_) => element(collection.as_list::<i32>(), index, data_type),
        DataType::Map(..) => entry(collection.as_map(), index, data_type),
        other => exec_err!("no subscript in {other}"),
    }
}

fn element(list: &ListArray, index: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    let index = compute::cast(index, &DataType::Int64)?;
    let index = index.as_primitive::<Int64Type>();
    let positions: UInt64Array = (0..list.len())
        .map(|row| {
            if list.is_null(row) || index.is_null(row) {
                return None;
            }
            let start = i64::from(list.value_offsets()[row]);
            let length = i64::from(list.value_length(row));
            match index.value(row) {
                at @ 1.. if at <= length => Some(start + at - 1),
                at if at < 0 && -at <= length => Some(start + length + at),
                _ => None,
            }
            .and_then(|position| u64::try_from(position).ok())
        })
        .collect();
    if list.values().is_empty() {
        return Ok(new_null_array(data_type, list.len()));
    }
    Ok(compute::take(list.values(), &positions, None)?)
}

fn entry(map: &MapArray, key: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if map.entries().is_empty() {
        return Ok(new_null_array(data_type, map.len()));
    }
    let converter = RowConverter::new(vec![SortField::new(map.keys().data_type().clone())])?;
    let keys = converter.convert_columns(&[map.keys().clone()])?;
    let wanted = converter.convert_columns(&[compute::cast(key, map.keys().data_type())?])?;
    let positions: UInt64Array = (0..map.len())
        .map(|row| {
            if map.is_null(row) || key.is_null(row) {
                return None;
            }
            let (from, to) = (map.value_offsets()[row] as usize, map.value_offsets()[row + 1] as usize);
            // Of equal keys the last one counts.
            (from..to).rev().find(|entry| keys.row(*entry) == wanted.row(row)).map(|entry| entry as u64)
        })
        .collect();
    Ok(compute::take(map.values(), &positions, None)?)
}

/// The text of a literal argument.
fn literal<'a>(constants: &[Option<&'a ScalarValue>], index: usize) -> Result<&'a str> {
    match constants.get(index).copied().flatten() {
        Some(
            ScalarValue::Utf8(Some(text))
            | ScalarValue::LargeUtf8(Some(text))
            | ScalarValue::Utf8View(Some(text)),
        ) => Ok(text),
        _ => plan_err!("a field's name is a literal"),
    }
}

pub(super) fn field_type(types: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let Some(DataType::Struct(fields)) = types.first() else {
        return plan_err!("a field is taken of a STRUCT");
    };
    let name = literal(constants, 1)?;
    match fields.iter().find(|field| field.name() == name) {
        Some(field) => Ok(field.data_type().clone()),
        None => plan_err!("the STRUCT has no field '{name}'"),
    }
}

pub(super) fn field(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let [value, name] = columns else { return exec_err!("a field is taken of a STRUCT by its name") };
    let value = value.as_struct();
    if value.is_empty() {
        return Ok(new_null_array(data_type, 0));
    }
    let name = name.as_string::<i32>().value(0);
    let Some(column) = value.column_by_name(name) else {
        return exec_err!("the STRUCT has no field '{name}'");
    };
    if value.null_count() == 0 {
        return Ok(column.clone());
    }
    Ok(compute::nullif(column, &compute::is_null(value)?)?)
}

pub(super) fn array_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match types.first() {
        Some(element) => Ok(DataType::List(Arc::new(Field::new("item", element.clone(), true)))),
        None => plan_err!("an ARRAY has at least one element"),
    }
}

pub(super) fn array(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let DataType::List(item) = data_type else { return exec_err!("an ARRAY is made, not {data_type}") };
    let rows = columns.first().map_or(0, |column| column.len());
    let values = interleaved(columns, item.data_type(), rows)?;
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(columns.len(), rows));
    Ok(Arc::new(ListArray::try_new(item.clone(), offsets, values, None)?))
}

/// The first row of every column, then the second of every one, and so on.
fn interleaved(columns: &[ArrayRef], data_type: &DataType, rows: usize) -> Result<ArrayRef> {
    let columns: Vec<ArrayRef> = columns
        .iter()
        .map(|column| compute::cast(column, data_type))
        .collect::<std::result::Result<_, _>>()?;
    let columns: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
    let order: Vec<(usize, usize)> =
        (0..rows).flat_map(|row| (0..columns.len()).map(move |column| (column, row))).collect();
    if order.is_empty() {
        return Ok(arrow::array::new_empty_array(data_type));
    }
    Ok(compute::interleave(&columns, &order)?)
}

pub(super) fn map_type(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let [key, value, ..] = types else { return plan_err!("a MAP has at least one entry") };
    let key = if *key == DataType::Null { DataType::Utf8 } else { key.clone() };
    tidemill_sql::type_system::SqlType::from_arrow(&key)
        .and_then(|key| {
            let value = tidemill_sql::type_system::SqlType::from_arrow(value)?;
            tidemill_sql::type_system::SqlType::map(key, value).to_arrow()
        })
        .map_err(|error| datafusion::error::DataFusionError::Plan(error.message))
}

pub(super) fn map(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let DataType::Map(entries_field, _) = data_type else {
        return exec_err!("a MAP is made, not {data_type}");
    };
    let DataType::Struct(fields) = entries_field.data_type() else { return exec_err!("a MAP has entries") };
    let rows = columns.first().map_or(0, |column| column.len());
    let pick = |parity: usize| columns.iter().skip(parity).step_by(2).cloned().collect::<Vec<ArrayRef>>();
    let mut keys = interleaved(&pick(0), fields[0].data_type(), rows)?;
    let values = interleaved(&pick(1), fields[1].data_type(), rows)?;
    if *keys.data_type() == DataType::Utf8 && keys.null_count() > 0 {
        keys = Arc::new(
            keys.as_string::<i32>()
                .iter()
                .map(|key| Some(key.unwrap_or("null")))
                .collect::<arrow::array::StringArray>(),
        );
    }
    let encoded = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?
        .convert_columns(&[keys.clone()])?;
    let pairs = columns.len() / 2;
    let mut kept: Vec<u64> = Vec::with_capacity(keys.len());
    let mut lengths = Vec::with_capacity(rows);
    let mut valid = Vec::with_capacity(rows);
    for row in 0..rows {
        let entries = row * pairs..(row + 1) * pairs;
        let whole = entries.clone().all(|entry| keys.is_valid(entry));
        if !whole {
            failures::note(|| "a key of a MAP is NULL".to_owned());
        }
        // Of equal keys the last value stands, at the place of the first.
        let before = kept.len();
        for entry in entries.filter(|_| whole) {
            match kept[before..].iter().position(|other| encoded.row(*other as usize) == encoded.row(entry)) {
                Some(same) => kept[before + same] = entry as u64,
                None => kept.push(entry as u64),
            }
        }
        lengths.push(kept.len() - before);
        valid.push(whole);
    }
    let kept = UInt64Array::from(kept);
    let entries = StructArray::try_new(
        fields.clone(),
        vec![compute::take(&keys, &kept, None)?, compute::take(&values, &kept, None)?],
        None,
    )?;
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    Ok(Arc::new(MapArray::try_new(entries_field.clone(), offsets, entries, nulls, false)?))
}

pub(super) fn struct_type(types: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let fields = (0..types.len() / 2)
        .map(|pair| Ok(Field::new(literal(constants, 2 * pair)?, types[2 * pair + 1].clone(), true)))
        .collect::<Result<Vec<Field>>>()?;
    Ok(DataType::Struct(Fields::from(fields)))
}

pub(super) fn construct(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let DataType::Struct(fields) = data_type else { return exec_err!("a STRUCT is made, not {data_type}") };
    let values: Vec<ArrayRef> = columns
        .iter()
        .skip(1)
        .step_by(2)
        .zip(fields)
        .map(|(column, field)| compute::cast(column, field.data_type()))
        .collect::<std::result::Result<_, _>>()?;
    if values.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(
            columns.first().map_or(1, |column| column.len()),
            None,
        )));
    }
    Ok(Arc::new(StructArray::try_new(fields.clone(), values, None)?))
}
