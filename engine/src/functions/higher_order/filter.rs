//! FILTER: the elements for which a lambda is true.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};

use crate::expressions::failures;
use crate::functions::elements::{Elements, Selection};
use crate::functions::lambda::BoundLambda;

pub(super) fn filter(
    columns: &[ArrayRef],
    lambdas: &[BoundLambda<'_>],
    data_type: &DataType,
) -> Result<ArrayRef> {
    let ([collection], [lambda]) = (columns, lambdas) else {
        return exec_err!("a collection is filtered by one lambda");
    };
    let elements = Elements::of(collection)?;
    let given = lambda.evaluate(&elements.rows, elements.columns.clone())?;
    let Some(passes) = given.values.as_boolean_opt() else {
        return exec_err!("a lambda that filters gives BOOLEAN");
    };
    let mut selection = Selection::with_capacity(collection.len(), elements.len());
    for row in 0..collection.len() {
        let all = elements.range(row);
        if collection.is_null(row) || given.has_failed_in(all.clone()) {
            selection.push_null();
        } else if all.clone().any(|element| passes.is_null(element)) {
            failures::note(|| "whether an element stays is NULL".to_owned());
            selection.push_null();
        } else if let [_, values] = elements.columns.as_slice()
            && all.clone().any(|entry| passes.value(entry) && values.is_null(entry))
        {
            // As ksqlDB, which cannot collect such entries.
            failures::note(|| "the value of an entry that stays is NULL".to_owned());
            selection.push_null();
        } else {
            selection.push(all.filter(|element| passes.value(*element)));
        }
    }
    match elements.columns.as_slice() {
        [values] => selection.lists(values, data_type),
        [keys, values] => selection.maps(keys, values, data_type),
        _ => exec_err!("only ARRAYs and MAPs are filtered"),
    }
}
