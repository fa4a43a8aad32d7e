//! TRANSFORM: a lambda applied to every element.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use crate::expressions::failures;
use crate::functions::elements::{Elements, Selection, nulls_of, of_type};
use crate::functions::lambda::BoundLambda;
use crate::functions::nested::comparable_rows;

pub(super) fn array(
    columns: &[ArrayRef],
    lambdas: &[BoundLambda<'_>],
    data_type: &DataType,
) -> Result<ArrayRef> {
    let ([array], [lambda], DataType::List(item)) = (columns, lambdas, data_type) else {
        return exec_err!("an ARRAY is transformed by one lambda");
    };
    let elements = Elements::of(array)?;
    let given = lambda.evaluate(&elements.rows, elements.columns.clone())?;
    let valid = (0..array.len()).map(|row| array.is_valid(row) && !given.has_failed_in(elements.range(row)));
    let nulls = nulls_of(valid.collect());
    let values = of_type(given.values, item.data_type())?;
    Ok(Arc::new(ListArray::try_new(item.clone(), elements.offsets().clone(), values, nulls)?))
}

pub(super) fn map(
    columns: &[ArrayRef],
    lambdas: &[BoundLambda<'_>],
    data_type: &DataType,
) -> Result<ArrayRef> {
    let ([map], [to_key, to_value]) = (columns, lambdas) else {
        return exec_err!("a MAP is transformed by two lambdas");
    };
    let elements = Elements::of(map)?;
    let keys = to_key.evaluate(&elements.rows, elements.columns.clone())?;
    let values = to_value.evaluate(&elements.rows, elements.columns.clone())?;
    let compared = comparable_rows(&[&keys.values])?.remove(0);
    let mut selection = Selection::with_capacity(map.len(), elements.len());
    let mut sorted: Vec<usize> = Vec::new();
    for row in 0..map.len() {
        let entries = elements.range(row);
        if map.is_null(row) || keys.has_failed_in(entries.clone()) || values.has_failed_in(entries.clone()) {
            selection.push_null();
            continue;
        }
        let has_null = |array: &ArrayRef| entries.clone().any(|entry| array.is_null(entry));
        sorted.clear();
        sorted.extend(entries.clone());
        sorted.sort_unstable_by(|a, b| compared.row(*a).cmp(&compared.row(*b)));
        let refused = if has_null(&keys.values) {
            Some("a key of the MAP would be NULL")
        } else if has_null(&values.values) {
            Some("a value of the MAP would be NULL")
        } else if sorted.windows(2).any(|pair| compared.row(pair[0]) == compared.row(pair[1])) {
            Some("two entries of the MAP would have the same key")
        } else {
            None
        };
        match refused {
            Some(reason) => {
                failures::note(|| reason.to_owned());
                selection.push_null();
            }
            None => selection.push(entries),
        }
    }
    selection.maps(&keys.values, &values.values, data_type)
}
