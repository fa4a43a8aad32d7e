//! ARRAYs as sets: of equal elements the first one stands for all.

use std::ops::Range;

use ahash::{HashSet, HashSetExt};
use arrow::array::{Array, ArrayRef};
use arrow::compute;
use arrow::datatypes::DataType;
use arrow::row::{Row, Rows};
use datafusion::common::{Result, exec_err};

use crate::functions::elements::{Elements, Selection};
use crate::functions::nested::comparable_rows;

pub(super) fn concat(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let [left, right] = columns else { return exec_err!("two ARRAYs are concatenated") };
    let sides = Sides::of(left, right)?;
    let mut selection = Selection::with_capacity(left.len(), sides.values.len());
    for row in 0..left.len() {
        if left.is_null(row) && right.is_null(row) {
            selection.push_null();
        } else {
            let (left, right) = sides.ranges(row);
            selection.push(left.chain(right));
        }
    }
    selection.lists(&sides.values, data_type)
}

pub(super) fn distinct(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let [array] = columns else { return exec_err!("the elements of one ARRAY are taken once") };
    let elements = Elements::of(array)?;
    let values = &elements.columns[0];
    let compared = comparable_rows(&[values])?.remove(0);
    let mut seen = HashSet::new();
    let mut selection = Selection::with_capacity(array.len(), elements.len());
    for row in 0..array.len() {
        if array.is_null(row) {
            selection.push_null();
            continue;
        }
        seen.clear();
        selection.push(elements.range(row).filter(|element| seen.insert(compared.row(*element))));
    }
    selection.lists(values, data_type)
}

pub(super) fn union(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    of_both(columns, data_type, |compared, (left, right), seen| {
        left.chain(right).filter(|element| seen.insert(compared.row(*element))).collect()
    })
}

pub(super) fn except(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    of_both(columns, data_type, |compared, (left, right), seen| {
        seen.extend(right.map(|element| compared.row(element)));
        left.filter(|element| seen.insert(compared.row(*element))).collect()
    })
}

pub(super) fn intersect(columns: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    of_both(columns, data_type, |compared, (left, right), seen| {
        seen.extend(right.map(|element| compared.row(element)));
        left.filter(|element| seen.remove(&compared.row(*element))).collect()
    })
}

/// The elements of two ARRAYs, those of the first column before those of the second.
struct Sides {
    left: Elements,
    right: Elements,
    values: ArrayRef,
}

impl Sides {
    fn of(left: &ArrayRef, right: &ArrayRef) -> Result<Sides> {
        let (left, right) = (Elements::of(left)?, Elements::of(right)?);
        let values = compute::concat(&[left.columns[0].as_ref(), right.columns[0].as_ref()])?;
        Ok(Sides { left, right, values })
    }

    fn ranges(&self, row: usize) -> (Range<usize>, Range<usize>) {
        let (right, before) = (self.right.range(row), self.left.len());
        (self.left.range(row), right.start + before..right.end + before)
    }
}

/// What is made of the elements of both sides of each row, NULL where one side is. The set is empty for
/// each row.
fn of_both(
    columns: &[ArrayRef],
    data_type: &DataType,
    choose: impl for<'a> Fn(&'a Rows, (Range<usize>, Range<usize>), &mut HashSet<Row<'a>>) -> Vec<usize>,
) -> Result<ArrayRef> {
    let [left, right] = columns else { return exec_err!("two ARRAYs are taken as sets") };
    let sides = Sides::of(left, right)?;
    let compared = comparable_rows(&[&sides.values])?.remove(0);
    let mut seen = HashSet::new();
    let mut selection = Selection::with_capacity(left.len(), sides.values.len());
    for row in 0..left.len() {
        if left.is_null(row) || right.is_null(row) {
            selection.push_null();
            continue;
        }
        seen.clear();
        selection.push(choose(&compared, sides.ranges(row), &mut seen));
    }
    selection.lists(&sides.values, data_type)
}
