//! Maps in one order: equal maps become equal arrays.
//!
//! A map's entries have no order in SQL, but its array has one, the writer's. Whoever compares or
//! hashes maps by their bytes sorts the entries by key first.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};

use crate::error::Result;

/// Whether values of a type contain maps.
pub(super) fn contains_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::List(element) => contains_map(element.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| contains_map(field.data_type())),
        _ => false,
    }
}

/// The same values with the entries of every map, at any depth, sorted by key.
pub(super) fn with_ordered_maps(array: &ArrayRef) -> Result<ArrayRef> {
    if !contains_map(array.data_type()) {
        return Ok(array.clone());
    }
    Ok(match array.data_type() {
        DataType::List(field) => {
            let list: &ListArray = array.as_list();
            let values = with_ordered_maps(list.values())?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Arc::new(ListArray::try_new(field.clone(), offsets, values, nulls)?)
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().map(with_ordered_maps);
            let columns = columns.collect::<Result<Vec<_>>>()?;
            let (length, nulls) = (array.len(), array.nulls().cloned());
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, length)?)
        }
        DataType::Map(field, sorted) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = take(&entries, &order_of_entries(map)?, None)?;
            let columns = entries.as_struct().columns().iter().map(with_ordered_maps);
            let columns = columns.collect::<Result<Vec<_>>>()?;
            let entries = StructArray::try_new(entries.as_struct().fields().clone(), columns, None)?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Arc::new(MapArray::try_new(field.clone(), offsets, entries, nulls, *sorted)?)
        }
        _ => array.clone(),
    })
}

/// Positions of all entries, map by map, each map's by its keys.
fn order_of_entries(map: &MapArray) -> Result<UInt32Array> {
    let converter = RowConverter::new(vec![SortField::new(map.keys().data_type().clone())])?;
    let keys = converter.convert_columns(&[map.keys().clone()])?;
    let mut order: Vec<u32> = (0..map.entries().len() as u32).collect();
    for bounds in map.offsets().windows(2) {
        // Stable: of equal keys, which a map should not have, the first stays first.
        order[bounds[0] as usize..bounds[1] as usize]
            .sort_by(|left, right| keys.row(*left as usize).cmp(&keys.row(*right as usize)));
    }
    Ok(order.into())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Builder, MapBuilder, StringBuilder};

    use super::*;

    #[test]
    fn maps_with_the_same_entries_become_equal() {
        let mut maps = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
        for entries in [[("a", 1), ("b", 2)], [("b", 2), ("a", 1)]] {
            for (key, value) in entries {
                maps.keys().append_value(key);
                maps.values().append_value(value);
            }
            maps.append(true).expect("as many keys as values");
        }
        maps.append(false).expect("as many keys as values");
        let maps: ArrayRef = Arc::new(maps.finish());
        let ordered = with_ordered_maps(&maps).expect("sortable keys");
        assert_eq!(&ordered.slice(0, 1), &ordered.slice(1, 1));
        assert!(ordered.is_null(2));
    }
}
