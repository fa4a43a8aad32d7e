//! SELECT list: new columns for the same rows.
//!
//! A value that cannot be computed is NULL and reported; the row goes on. Of a record without a value
//! only the key's columns mean anything; the others are evaluated over nulls and stay unused.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema, SchemaRef};

use crate::batch::ChangeBatch;
use crate::error::Result;
use crate::expressions::CompiledExpression;
use crate::operators::{Context, Input, Operator};

/// Computes columns.
pub struct Project {
    expressions: Vec<Column>,
    schema: SchemaRef,
}

/// One column of a projection.
enum Column {
    /// The input's column at an index, passed on as it is.
    Same(usize),
    /// A computed one.
    Computed(CompiledExpression),
}

impl Project {
    /// Of named expressions; `same` tells for an expression that is a plain column which one.
    #[must_use]
    pub fn new(columns: Vec<(String, CompiledExpression, Option<usize>)>) -> Project {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, expression, _)| Field::new(name, expression.data_type().clone(), true))
            .collect();
        let expressions = columns
            .into_iter()
            .map(|(_, expression, same)| same.map_or(Column::Computed(expression), Column::Same))
            .collect();
        Project { expressions, schema: Arc::new(Schema::new(fields)) }
    }

    /// The columns it gives.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Operator for Project {
    fn name(&self) -> &'static str {
        "Project"
    }

    fn process(
        &mut self,
        _input: Input,
        batch: ChangeBatch,
        context: &mut Context<'_>,
        out: &mut Vec<ChangeBatch>,
    ) -> Result<()> {
        let mut failures = Vec::new();
        let arrays: Vec<ArrayRef> = self
            .expressions
            .iter()
            .map(|column| match column {
                Column::Same(index) => Ok(batch.columns.column(*index).clone()),
                Column::Computed(expression) => expression.evaluate(&batch.columns, &mut failures),
            })
            .collect::<Result<_>>()?;
        context.report_nulls(&batch, failures, "column");
        let options = RecordBatchOptions::new().with_row_count(Some(batch.rows()));
        let columns = RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?;
        out.push(batch.with_columns(columns));
        Ok(())
    }
}
