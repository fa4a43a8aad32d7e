//! PARTITION BY: another key for the same records.
//!
//! Adds the key's computed columns behind the others. What the sink then writes as the key decides
//! where records land, so there is nothing to exchange here. A record whose key cannot be computed
//! keeps a NULL there and is reported. Of a record without a value only key columns mean anything: an
//! expression over its value is NULL for it, as ksqlDB has it.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};

use crate::batch::ChangeBatch;
use crate::error::Result;
use crate::expressions::CompiledExpression;
use crate::operators::{Context, Dropped, Input, Operator, Report};

/// Adds key columns.
pub struct PartitionBy {
    added: Vec<(Field, CompiledExpression)>,
}

impl PartitionBy {
    /// Of the key's columns; those that are plain columns of the input are there already.
    #[must_use]
    pub fn new(columns: Vec<(String, CompiledExpression, Option<usize>)>) -> PartitionBy {
        let added = columns
            .into_iter()
            .filter(|(_, _, same)| same.is_none())
            .map(|(name, expression, _)| (Field::new(name, expression.data_type().clone(), true), expression))
            .collect();
        PartitionBy { added }
    }
}

impl Operator for PartitionBy {
    fn name(&self) -> &'static str {
        "PartitionBy"
    }

    fn process(
        &mut self,
        _input: Input,
        batch: ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        if self.added.is_empty() {
            out.push(batch);
            return Ok(());
        }
        let mut failures = Vec::new();
        let mut fields = batch.columns.schema().fields().to_vec();
        let mut arrays = batch.columns.columns().to_vec();
        for (field, expression) in &self.added {
            arrays.push(expression.evaluate(&batch.columns, &mut failures)?);
            fields.push(Arc::new(field.clone()));
        }
        for failure in failures {
            let time_ms = batch.times_ms[failure.row];
            let reason = format!("{} (the key is NULL)", failure.reason);
            context.reports.push(Report::of_row(Dropped::Rejected, time_ms, reason));
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.rows()));
        let columns = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?;
        out.push(batch.with_columns(columns));
        Ok(())
    }
}
