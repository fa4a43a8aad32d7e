//! Expressions of continuous queries: compiled once per query, evaluated over whole batches.
//!
//! Arrow's kernels fail a batch as a whole. Here a failure is one row's affair: a batch that fails is
//! halved until the rows that fail stand alone; they become NULL and are reported, the others keep
//! their values. Batches without failures, nearly all, pay nothing for it. Functions give NULL where they fail,
//! and note it ([`failures`]); where the expression around them may hide that ([`hidden_failures`]), the rows of
//! the batch are set apart in the same way. What AND and OR do not ask for does not fail ([`short_circuit`]).

mod double_comparison;
pub mod failures;
mod hidden_failures;
mod short_circuit;
mod sql_text;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, new_null_array};
use arrow::compute;
use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use self::double_comparison::with_own_comparisons;
use self::failures::REASONS_MAX;
use self::hidden_failures::Handling;
use self::short_circuit::with_short_circuits;
pub(crate) use self::sql_text::sql_text;
use crate::error::{Error, Result};

/// A row for which an expression had no value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Index of the row in the batch; where only the batch is known, of its first row.
    pub row: usize,
    /// How many rows it stands for: the last one listed of a batch stands for all that are not.
    pub rows: u64,
    /// The expression and what went wrong.
    pub reason: String,
    /// What went wrong alone.
    pub cause: String,
    /// Whether the expression may have caught it, and have a value.
    pub may_be_caught: bool,
}

/// An expression, ready to be evaluated over batches of one schema.
#[derive(Clone, Debug)]
pub struct CompiledExpression {
    physical: Arc<dyn PhysicalExpr>,
    data_type: DataType,
    on_failure: Handling,
    text: String,
}

impl CompiledExpression {
    /// Compiles an expression over a schema.
    ///
    /// # Errors
    /// `Invalid` for a column or type the planner should have refused.
    pub fn new(expression: &Expr, schema: &DFSchema) -> Result<CompiledExpression> {
        let properties = ExecutionProps::new();
        let evaluated = with_own_comparisons(expression, schema)?;
        let physical =
            create_physical_expr(&evaluated, schema, &properties, &PhysicalPlanningContext::default())?;
        let physical = with_short_circuits(physical, schema.as_arrow())?;
        let data_type = physical.data_type(schema.as_arrow())?;
        let on_failure = Handling::of(expression);
        Ok(CompiledExpression { physical, data_type, on_failure, text: sql_text(expression) })
    }

    /// Type of the values.
    #[must_use]
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// One value a row. Rows without a value are NULL and listed in `failures`, in order.
    ///
    /// # Errors
    /// `Internal` where a kernel gives another number of values than rows.
    pub fn evaluate(&self, batch: &RecordBatch, failures: &mut Vec<Failure>) -> Result<ArrayRef> {
        let mut parts = Vec::new();
        let known = failures.len();
        self.evaluate_range(batch, 0, &mut parts, failures)?;
        if failures.len() - known > REASONS_MAX {
            let unlisted: u64 = failures.drain(known + REASONS_MAX..).map(|failure| failure.rows).sum();
            failures[known + REASONS_MAX - 1].rows += unlisted;
        }
        match parts.as_slice() {
            [only] => Ok(only.clone()),
            [] => Ok(arrow::array::new_empty_array(&self.data_type)),
            several => {
                let several: Vec<&dyn Array> = several.iter().map(AsRef::as_ref).collect();
                Ok(compute::concat(&several)?)
            }
        }
    }

    fn evaluate_range(
        &self,
        batch: &RecordBatch,
        first_row: usize,
        parts: &mut Vec<ArrayRef>,
        failed: &mut Vec<Failure>,
    ) -> Result<()> {
        let rows = batch.num_rows();
        let (evaluated, noted) =
            failures::collect(|| self.physical.evaluate(batch).and_then(|value| value.into_array(rows)));
        let is_hidden = |values: &ArrayRef| self.on_failure.may_hide && values.null_count() < rows;
        let must_split = noted.count > 0 && evaluated.as_ref().is_ok_and(is_hidden);
        match evaluated {
            Ok(array) if array.len() == rows && !must_split => {
                // Functions know that a row failed and why, but not which: a CASE shows them some rows only.
                let may_be_caught = self.on_failure.may_catch && (array.null_count() as u64) < noted.count;
                let listed = noted.reasons.len();
                failed.extend(noted.reasons.into_iter().enumerate().map(|(index, reason)| {
                    let unlisted = if index + 1 == listed { noted.count - listed as u64 } else { 0 };
                    Failure { may_be_caught, ..self.failure(first_row, 1 + unlisted, reason) }
                }));
                parts.push(array);
            }
            Ok(array) if array.len() == rows && rows == 1 => {
                let cause = noted.reasons.into_iter().next().unwrap_or_default();
                failed.push(self.failure(first_row, 1, cause));
                parts.push(new_null_array(&self.data_type, 1));
            }
            Ok(array) if array.len() == rows => self.evaluate_halves(batch, first_row, parts, failed)?,
            Ok(array) => {
                return Err(Error::internal(format!(
                    "'{}' gave {} values for {rows} rows",
                    self.text,
                    array.len()
                )));
            }
            Err(error) if rows == 1 => {
                failed.push(self.failure(first_row, 1, error.strip_backtrace()));
                parts.push(new_null_array(&self.data_type, 1));
            }
            Err(_) => self.evaluate_halves(batch, first_row, parts, failed)?,
        }
        Ok(())
    }

    fn evaluate_halves(
        &self,
        batch: &RecordBatch,
        first_row: usize,
        parts: &mut Vec<ArrayRef>,
        failed: &mut Vec<Failure>,
    ) -> Result<()> {
        let (rows, half) = (batch.num_rows(), batch.num_rows() / 2);
        self.evaluate_range(&batch.slice(0, half), first_row, parts, failed)?;
        self.evaluate_range(&batch.slice(half, rows - half), first_row + half, parts, failed)
    }

    fn failure(&self, row: usize, rows: u64, cause: String) -> Failure {
        Failure { row, rows, reason: format!("{}: {cause}", self.text), cause, may_be_caught: false }
    }

    /// The expression as a predicate; NULL and failures are false.
    ///
    /// # Errors
    /// As [`CompiledExpression::evaluate`].
    pub fn evaluate_predicate(
        &self,
        batch: &RecordBatch,
        failures: &mut Vec<Failure>,
    ) -> Result<BooleanArray> {
        let values = self.evaluate(batch, failures)?;
        let values = values
            .as_any()
            .downcast_ref::<BooleanArray>()
            .ok_or_else(|| Error::internal(format!("'{}' is no predicate", self.text)))?;
        Ok(if values.null_count() > 0 { compute::prep_null_mask_filter(values) } else { values.clone() })
    }
}

impl std::fmt::Display for CompiledExpression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
