//! Table functions: every element of a row's lists becomes a row.
//!
//! The lists are computed once for the whole batch. The first row of a record gets the first elements of all
//! lists, the second row the second ones, and so on up to the longest list; what is missing in shorter
//! ones is NULL. All of them have the record's other columns, its event time and its headers. A record
//! without an element, or without a value, gives no row and is counted as filtered.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute;
use arrow::datatypes::{DataType, Field, FieldRef, Schema};

use crate::batch::{ChangeBatch, RowKind};
use crate::error::{Error, Result};
use crate::expressions::CompiledExpression;
use crate::operators::{Context, Input, Operator};

/// Rows of one batch that goes on: a few records may have many elements.
const BATCH_ROWS_MAX: usize = 1 << 16;

/// Makes rows of elements.
pub struct Explode {
    lists: Vec<(FieldRef, CompiledExpression)>,
}

impl Explode {
    /// Of the expressions of lists, with the names of their elements' columns.
    ///
    /// # Errors
    /// `Internal` for an expression that gives no list.
    pub fn new(lists: Vec<(String, CompiledExpression)>) -> Result<Explode> {
        let lists = lists
            .into_iter()
            .map(|(name, expression)| match expression.data_type() {
                DataType::List(item) => {
                    Ok((Arc::new(Field::new(name, item.data_type().clone(), true)), expression))
                }
                other => Err(Error::internal(format!("'{expression}' gives {other}, and no list"))),
            })
            .collect::<Result<_>>()?;
        Ok(Explode { lists })
    }
}

impl Operator for Explode {
    fn name(&self) -> &'static str {
        "Explode"
    }

    fn process(
        &mut self,
        _input: Input,
        batch: ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let mut failures = Vec::new();
        let lists = self.lists.iter().map(|(_, list)| list.evaluate(&batch.columns, &mut failures));
        let lists = lists.collect::<Result<Vec<ArrayRef>>>()?;
        let failed = context.report_nulls(&batch, failures, "list");
        let lists: Vec<&ListArray> = lists.iter().map(|list| list.as_list::<i32>()).collect();
        let (mut rows, mut positions): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        let mut dropped = 0;
        for row in 0..batch.rows() {
            let has_value = batch.kinds.get(row) != RowKind::NullValue;
            let longest = lists.iter().map(|list| length(list, row)).max().filter(|_| has_value).unwrap_or(0);
            dropped += u64::from(longest == 0);
            rows.extend(std::iter::repeat_n(row as u32, longest as usize));
            positions.extend(0..longest);
        }
        // A list that could not be computed may leave elements of another one.
        context.ledger.count_dropped(dropped, failed);
        for (rows, positions) in rows.chunks(BATCH_ROWS_MAX).zip(positions.chunks(BATCH_ROWS_MAX)) {
            out.push(self.exploded(&batch, &lists, rows, positions)?);
        }
        Ok(())
    }
}

impl Explode {
    /// Rows of records, each with the elements at one position.
    fn exploded(
        &self,
        batch: &ChangeBatch,
        lists: &[&ListArray],
        rows: &[u32],
        positions: &[u32],
    ) -> Result<ChangeBatch> {
        let repeated = batch.take(&UInt32Array::from(rows.to_vec()))?;
        let mut fields = repeated.columns.schema().fields().to_vec();
        let mut columns = repeated.columns.columns().to_vec();
        for ((field, _), list) in self.lists.iter().zip(lists) {
            fields.push(field.clone());
            let elements = rows.iter().zip(positions).map(|(row, position)| {
                let start = list.value_offsets()[*row as usize] as u32;
                (*position < length(list, *row as usize)).then(|| start + position)
            });
            let elements: UInt32Array = elements.collect();
            // Arrow looks the index of a NULL up too, which there must be a value for.
            columns.push(if list.values().is_empty() {
                new_null_array(field.data_type(), rows.len())
            } else {
                compute::take(list.values(), &elements, None)?
            });
        }
        let columns = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        Ok(repeated.with_columns(columns))
    }
}

/// How many elements a list has; one that is NULL has none.
fn length(list: &ListArray, row: usize) -> u32 {
    if list.is_null(row) { 0 } else { list.value_length(row).unsigned_abs() }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::SchemaRef;
    use datafusion::common::DFSchema;
    use datafusion::logical_expr::{Expr, ident, lit};
    use tidemill_sql::analyzer::reserved;

    use super::*;
    use crate::functions;
    use crate::operators::driver::{Driver, batch};

    fn call(name: &str, arguments: Vec<Expr>) -> Expr {
        functions::lookup(name).expect("a function").call(arguments)
    }

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("K", DataType::Utf8, true),
            Field::new("N", DataType::Int32, true),
        ]))
    }

    fn driver(lists: Vec<Expr>) -> Driver {
        let columns = DFSchema::try_from(schema().as_ref().clone()).expect("a legal schema");
        let compile = |(index, list): (usize, &Expr)| {
            (format!("E{index}"), CompiledExpression::new(list, &columns).expect("a legal expression"))
        };
        let lists: Vec<_> = lists.iter().enumerate().map(compile).collect();
        Driver::new(move |_| Ok(Box::new(Explode::new(lists.clone())?)))
    }

    #[test]
    fn shorter_lists_are_filled_with_null_and_rows_keep_their_time() {
        let up_to = call("generate_series", vec![lit(1), ident("N")]);
        let pair = call(reserved::ARRAY, vec![ident("K"), lit("x")]);
        let mut driver = driver(vec![up_to, pair]);
        driver.push(Input::Left, batch(&schema(), "+I 5 a 3\n+N 6 b 1\n+I 7 c 1")).expect("explodes");
        assert_eq!(
            driver.take_rows(),
            ["+I 5 a 3 1 a", "+I 5 a 3 2 x", "+I 5 a 3 3 _", "+I 7 c 1 1 c", "+I 7 c 1 _ x"]
        );
        assert_eq!(driver.ledger.filtered, 1);
    }

    #[test]
    fn a_row_whose_list_cannot_be_computed_is_rejected() {
        let steps = call("generate_series", vec![lit(1), lit(3), ident("N")]);
        let mut driver = driver(vec![steps]);
        driver.push(Input::Left, batch(&schema(), "+I 5 a 0\n+I 6 b 2\n+I 7 c _")).expect("explodes");
        assert_eq!(driver.take_rows(), ["+I 6 b 2 1", "+I 6 b 2 3"]);
        assert_eq!((driver.ledger.rejected, driver.ledger.filtered, driver.reports.len()), (2, 0, 2));
    }

    #[test]
    fn many_elements_go_on_in_several_batches() {
        let numbers = i32::try_from(BATCH_ROWS_MAX).expect("small") + 1;
        let mut driver = driver(vec![call("generate_series", vec![lit(1), lit(numbers)])]);
        driver.push(Input::Left, batch(&schema(), "+I 5 a 0")).expect("explodes");
        let rows: Vec<usize> = driver.out.iter().map(ChangeBatch::rows).collect();
        assert_eq!(rows, [BATCH_ROWS_MAX, 1]);
    }
}
