//! PARTITION BY: another key for the same records.
//!
//! Adds the key's computed columns behind the others. What the sink then writes as the key decides
//! where records land, so there is nothing to exchange here. A record whose key cannot be computed
//! keeps a NULL there and is reported. Of a record without a value only key columns mean anything: what
//! is computed from anything else is NULL for it, as ksqlDB has it.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions, Scalar, new_null_array};
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{Field, Schema};

use crate::batch::{ChangeBatch, Kinds, RowKind};
use crate::error::Result;
use crate::expressions::CompiledExpression;
use crate::operators::{Context, Input, Operator};

/// Adds key columns.
pub struct PartitionBy {
    added: Vec<(Field, CompiledExpression)>,
    /// Columns of the input that a record without a value has nothing for.
    kept_of_value: Vec<usize>,
    /// The same of those added.
    added_of_value: Vec<usize>,
}

/// A column of the key.
#[derive(Clone)]
pub struct KeyColumn {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub expression: CompiledExpression,
    /// The input's column, where it is just that.
    pub same: Option<usize>,
    /// Whether it is computed from more than the key that the records had.
    pub needs_value: bool,
}

impl PartitionBy {
    /// Of the key's columns; those that are plain columns of the input are there already.
    #[must_use]
    pub fn new(columns: Vec<KeyColumn>) -> PartitionBy {
        let mut made =
            PartitionBy { added: Vec::new(), kept_of_value: Vec::new(), added_of_value: Vec::new() };
        for KeyColumn { name, expression, same, needs_value } in columns {
            match same {
                Some(index) if needs_value => made.kept_of_value.push(index),
                Some(_) => {}
                None => {
                    if needs_value {
                        made.added_of_value.push(made.added.len());
                    }
                    made.added.push((Field::new(name, expression.data_type().clone(), true), expression));
                }
            }
        }
        made
    }

    /// Of each row whether all of its key can be computed; `None` where that of every row can.
    fn computable(&self, batch: &ChangeBatch) -> Option<BooleanArray> {
        match &batch.kinds {
            Kinds::Each(_) if self.kept_of_value.len() + self.added_of_value.len() > 0 => {
                let rows = (0..batch.rows()).map(|row| Some(batch.kinds.get(row) != RowKind::NullValue));
                Some(rows.collect::<BooleanArray>()).filter(|rows| rows.false_count() > 0)
            }
            _ => None,
        }
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
        let batch = ChangeBatch { keyed: None, ..batch };
        let computable = self.computable(&batch);
        if self.added.is_empty() && computable.is_none() {
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
        if let Some(computable) = &computable {
            // What is left of such a record is its key alone, so nobody else needs the columns.
            let added = self.added_of_value.iter().map(|index| batch.columns.num_columns() + index);
            for index in self.kept_of_value.iter().copied().chain(added) {
                let nulls = Scalar::new(new_null_array(arrays[index].data_type(), 1));
                arrays[index] = zip(computable, &arrays[index].as_ref(), &nulls)?;
            }
            failures.retain(|failure| computable.value(failure.row));
        }
        context.report_nulls(&batch, failures, "key");
        let options = RecordBatchOptions::new().with_row_count(Some(batch.rows()));
        let columns = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)?;
        out.push(batch.with_columns(columns));
        Ok(())
    }
}
