//! WHERE and HAVING.
//!
//! Streams: a row passes or not; a record without a value has nothing to test and does not pass.
//! Tables: what counts is whether the row a key had and the row it has pass. A row that stops passing
//! becomes a delete, one that begins to pass an insert, and a key whose rows never passed is not
//! heard of.

use arrow::array::{BooleanArray, UInt32Array};

use crate::batch::{ChangeBatch, Kinds, RowKind};
use crate::error::Result;
use crate::expressions::CompiledExpression;
use crate::operators::{Context, Dropped, Input, Operator, Report};

/// Passes the rows for which a predicate is true.
pub struct Filter {
    predicate: CompiledExpression,
}

impl Filter {
    /// Of a predicate over the input's columns.
    #[must_use]
    pub fn new(predicate: CompiledExpression) -> Filter {
        Filter { predicate }
    }
}

impl Operator for Filter {
    fn name(&self) -> &'static str {
        "Filter"
    }

    fn process(
        &mut self,
        _input: Input,
        batch: ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let mut failures = Vec::new();
        let passes = self.predicate.evaluate_predicate(&batch.columns, &mut failures)?;
        let mut failed = 0;
        for failure in failures {
            if batch.kinds.get(failure.row) != RowKind::UpdateBefore {
                failed += failure.rows;
            }
            let time_ms = batch.times_ms[failure.row];
            context.reports.push(Report::of_row(Dropped::Rejected, time_ms, failure.reason));
        }
        let kept = match &batch.kinds {
            Kinds::AllInsert => batch.filter(&passes)?,
            Kinds::Each(_) => filter_changes(&batch, &passes)?,
        };
        // A failure may leave something of a change, the removal of the row before, or all of it where
        // another part of the predicate decides.
        let dropped = batch.changes() - kept.changes();
        context.ledger.count_dropped(dropped, failed);
        if kept.rows() > 0 {
            out.push(kept);
        }
        Ok(())
    }
}

/// Filters rows of which some replace or remove others. The time of a delete that a replacement
/// caused is the replacement's: it is what happened.
fn filter_changes(batch: &ChangeBatch, passes: &BooleanArray) -> Result<ChangeBatch> {
    let mut rows: Vec<u32> = Vec::with_capacity(batch.rows());
    let mut kinds = Vec::with_capacity(batch.rows());
    let mut times = Vec::with_capacity(batch.rows());
    let mut keep = |row: usize, kind: RowKind, time: i64| {
        rows.push(row as u32);
        kinds.push(kind);
        times.push(time);
    };
    let mut row = 0;
    while row < batch.rows() {
        let kind = batch.kinds.get(row);
        let after = row + 1;
        let pair = kind == RowKind::UpdateBefore
            && after < batch.rows()
            && batch.kinds.get(after) == RowKind::UpdateAfter;
        if pair {
            let time = batch.times_ms[after];
            match (passes.value(row), passes.value(after)) {
                (true, true) => {
                    keep(row, RowKind::UpdateBefore, time);
                    keep(after, RowKind::UpdateAfter, time);
                }
                (true, false) => keep(row, RowKind::Delete, time),
                (false, true) => keep(after, RowKind::Insert, time),
                (false, false) => {}
            }
            row += 2;
        } else {
            if kind != RowKind::NullValue && passes.value(row) {
                keep(row, kind, batch.times_ms[row]);
            }
            row += 1;
        }
    }
    let mut kept = batch.take(&UInt32Array::from(rows))?;
    kept.times_ms = times.into();
    kept.kinds = Kinds::from_rows(&kinds);
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::common::DFSchema;
    use datafusion::logical_expr::{ident, lit};
    use tidemill_sql::analyzer::reserved;

    use super::*;
    use crate::functions;
    use crate::operators::driver::Driver;

    #[test]
    fn rows_whose_predicate_fails_are_rejected_however_many() {
        let schema = Arc::new(Schema::new(vec![Field::new("V", DataType::Int64, true)]));
        let divide = functions::lookup(reserved::DIVIDE).expect("whole numbers are divided");
        // 10 / (V % 4) > 4 OR V = 0
        let fails = divide.call(vec![lit(10_i64), ident("V") % lit(4_i64)]).gt(lit(4_i64));
        let predicate = fails.or(ident("V").eq(lit(0_i64)));
        let columns = DFSchema::try_from(schema.as_ref().clone()).expect("a legal schema");
        let compiled = CompiledExpression::new(&predicate, &columns).expect("a legal predicate");
        let mut driver = Driver::new(move |_| Ok(Box::new(Filter::new(compiled.clone()))));
        // Of each four rows the first fails, also where its other condition holds; two pass, and the last does not.
        let values = Int64Array::from_iter_values(0..4_000);
        let columns = RecordBatch::try_new(schema, vec![Arc::new(values)]).expect("columns fit the schema");
        let batch = ChangeBatch::inserts(columns, vec![0; 4_000].into());
        driver.push(Input::Left, batch).expect("filters");
        let passed: usize = driver.out.iter().map(ChangeBatch::rows).sum();
        assert_eq!(passed, 2_000);
        assert_eq!((driver.ledger.rejected, driver.ledger.filtered), (1_000, 1_000));
        assert!(driver.reports.len() < 1_000, "reasons are bounded, counts are not");
    }
}
