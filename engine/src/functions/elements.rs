//! The elements of a column of ARRAYs or MAPs: taken apart, and chosen for the rows of a result.
//!
//! Functions on collections work on the elements of all rows of a batch at once: [`Elements`] has them side
//! by side, and [`Selection`] says which of them each row of the result gets.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, UInt32Array, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

/// The elements of all rows, one after the other.
pub(super) struct Elements {
    /// The row of each element.
    pub rows: UInt32Array,
    /// The elements of ARRAYs; of MAPs the keys, then the values.
    pub columns: Vec<ArrayRef>,
    offsets: OffsetBuffer<i32>,
}

impl Elements {
    /// Of a column of ARRAYs or MAPs. Rows that are NULL have no elements.
    pub(super) fn of(collection: &ArrayRef) -> Result<Elements> {
        match collection.data_type() {
            DataType::List(_) => {
                let list = collection.as_list::<i32>();
                Elements::between(list.offsets(), list.nulls(), &[list.values()])
            }
            DataType::Map(..) => {
                let map = collection.as_map();
                Elements::between(map.offsets(), map.nulls(), &[map.keys(), map.values()])
            }
            other => exec_err!("values of type {other} have no elements"),
        }
    }

    fn between(
        offsets: &OffsetBuffer<i32>,
        nulls: Option<&NullBuffer>,
        columns: &[&ArrayRef],
    ) -> Result<Elements> {
        let count = offsets.len() - 1;
        let is_null = |row: usize| nulls.is_some_and(|nulls| nulls.is_null(row));
        let range = |row: usize| offsets[row] as usize..offsets[row + 1] as usize;
        let lengths: Vec<usize> =
            (0..count).map(|row| if is_null(row) { 0 } else { range(row).len() }).collect();
        let (first, last) = (offsets[0] as usize, offsets[count] as usize);
        let columns = if lengths.iter().sum::<usize>() == last - first {
            columns.iter().map(|column| column.slice(first, last - first)).collect()
        } else {
            // Behind a row that is NULL there may be elements that belong to no row.
            let kept = (0..count).filter(|row| !is_null(*row)).flat_map(range);
            let kept = UInt32Array::from_iter_values(kept.map(|element| element as u32));
            let take = |column: &&ArrayRef| Ok(compute::take(column, &kept, None)?);
            columns.iter().map(take).collect::<Result<_>>()?
        };
        let rows = lengths.iter().enumerate();
        let rows = rows.flat_map(|(row, length)| std::iter::repeat_n(row as u32, *length));
        Ok(Elements { rows: UInt32Array::from_iter_values(rows), columns, offsets: offsets_of(&lengths)? })
    }

    /// The elements in another order, in which those of a row stay side by side.
    pub(super) fn reordered(self, order: &UInt32Array) -> Result<Elements> {
        let take = |column: &ArrayRef| Ok(compute::take(column, order, None)?);
        let columns = self.columns.iter().map(take).collect::<Result<_>>()?;
        Ok(Elements { columns, ..self })
    }

    /// Where the elements of a row are.
    pub(super) fn range(&self, row: usize) -> Range<usize> {
        self.offsets[row] as usize..self.offsets[row + 1] as usize
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Where each row's elements begin and end.
    pub(super) fn offsets(&self) -> &OffsetBuffer<i32> {
        &self.offsets
    }
}

/// The elements that each row of a result has.
pub(super) struct Selection {
    chosen: Vec<u32>,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

impl Selection {
    /// For a result of about so many elements in all.
    pub(super) fn with_capacity(rows: usize, elements: usize) -> Selection {
        Selection {
            chosen: Vec::with_capacity(elements),
            lengths: Vec::with_capacity(rows),
            valid: Vec::with_capacity(rows),
        }
    }

    /// Ends a row that has these elements.
    pub(super) fn push(&mut self, elements: impl IntoIterator<Item = usize>) {
        let before = self.chosen.len();
        self.chosen.extend(elements.into_iter().map(|element| element as u32));
        self.lengths.push(self.chosen.len() - before);
        self.valid.push(true);
    }

    /// Ends a row that is NULL.
    pub(super) fn push_null(&mut self) {
        self.lengths.push(0);
        self.valid.push(false);
    }

    /// ARRAYs of those of `values` that were chosen.
    pub(super) fn lists(self, values: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
        let DataType::List(item) = data_type else { return exec_err!("an ARRAY is made, not {data_type}") };
        let values =
            of_type(compute::take(values, &UInt32Array::from(self.chosen), None)?, item.data_type())?;
        let offsets = offsets_of(&self.lengths)?;
        Ok(Arc::new(ListArray::try_new(item.clone(), offsets, values, nulls_of(self.valid))?))
    }

    /// MAPs of those entries that were chosen, of which no two of a row may have the same key, and no key
    /// may be NULL.
    pub(super) fn maps(self, keys: &ArrayRef, values: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
        let DataType::Map(entries, ordered) = data_type else {
            return exec_err!("a MAP is made, not {data_type}");
        };
        let DataType::Struct(fields) = entries.data_type() else { return exec_err!("a MAP has entries") };
        let chosen = UInt32Array::from(self.chosen);
        let columns = vec![
            of_type(compute::take(keys, &chosen, None)?, fields[0].data_type())?,
            of_type(compute::take(values, &chosen, None)?, fields[1].data_type())?,
        ];
        let columns = StructArray::try_new(fields.clone(), columns, None)?;
        let (offsets, nulls) = (offsets_of(&self.lengths)?, nulls_of(self.valid));
        Ok(Arc::new(MapArray::try_new(entries.clone(), offsets, columns, nulls, *ordered)?))
    }
}

/// Where rows of such lengths begin and end.
///
/// # Errors
/// There are more elements than a column can hold; parts of the batch may be smaller.
pub(super) fn offsets_of(lengths: &[usize]) -> Result<OffsetBuffer<i32>> {
    let elements: usize = lengths.iter().sum();
    if i32::try_from(elements).is_err() {
        return exec_err!("{elements} elements are more than a column can hold");
    }
    Ok(OffsetBuffer::from_lengths(lengths.iter().copied()))
}

/// The rows that are NULL, if there are any.
pub(super) fn nulls_of(valid: Vec<bool>) -> Option<NullBuffer> {
    Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0)
}

/// The values at some indices; none where there is no index.
pub(super) fn taken(values: &ArrayRef, indices: &dyn Array) -> Result<ArrayRef> {
    // Arrow looks the index of a NULL up too, which there must be a value for.
    if values.is_empty() {
        return Ok(new_null_array(values.data_type(), indices.len()));
    }
    Ok(compute::take(values, indices, None)?)
}

/// Values in the Arrow form that a result has: the inner names of nested values may differ.
pub(super) fn of_type(values: ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    Ok(if values.data_type() == data_type { values } else { compute::cast(&values, data_type)? })
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int32Array, ListArray};
    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn elements_behind_rows_that_are_null_belong_to_no_row() {
        let values: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3, 4, 5]));
        let item = Arc::new(Field::new("item", DataType::Int32, true));
        let offsets = OffsetBuffer::new(vec![0, 2, 4, 5].into());
        let nulls = NullBuffer::from(vec![true, false, true]);
        let list = ListArray::try_new(item, offsets, values, Some(nulls)).expect("lists");
        for (list, rows, elements) in
            [(list.clone(), vec![0, 0, 2], vec![1, 2, 5]), (list.slice(1, 2), vec![1], vec![5])]
        {
            let list: ArrayRef = Arc::new(list);
            let found = Elements::of(&list).expect("elements");
            assert_eq!(found.rows, UInt32Array::from(rows));
            assert_eq!(found.columns[0].as_ref(), &Int32Array::from(elements) as &dyn Array);
            assert_eq!(found.range(list.len() - 1).len(), 1);
        }
    }
}
