//! A dependent subquery as a function: run once for each combination of outer values.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, new_empty_array};
use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::async_udf::AsyncScalarUDFImpl;
use datafusion::logical_expr::{
    ColumnarValue, LogicalPlan, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::physical_plan::collect;
use datafusion::scalar::ScalarValue;

use super::functions::constant;
use super::planning::{add_function, plan};
use super::rewrite::{Subquery, SubqueryKind, outer_name};

/// A subquery of a query of some depth.
pub(super) struct SubqueryFunction {
    name: String,
    depth: usize,
    subquery: Subquery,
    /// What the query around is planned with: it knows the values of the queries further out.
    state: Arc<SessionState>,
    signature: Signature,
}

impl SubqueryFunction {
    pub(super) fn new(
        name: String,
        depth: usize,
        subquery: Subquery,
        state: Arc<SessionState>,
    ) -> SubqueryFunction {
        // Volatile, so that nobody tries to compute it while planning: it can only be waited for.
        let signature =
            Signature::one_of(vec![TypeSignature::VariadicAny, TypeSignature::Nullary], Volatility::Volatile);
        SubqueryFunction { name, depth, subquery, state, signature }
    }

    /// The plan of the subquery with its outer values, and what to run it with.
    fn plan(&self, outer: &[ScalarValue]) -> Result<(SessionState, LogicalPlan)> {
        let mut state = self.state.as_ref().clone();
        for (index, value) in outer.iter().enumerate() {
            add_function(&mut state, constant(outer_name(self.depth, index), value.clone()))?;
        }
        let plan = plan(&mut state, self.subquery.query.as_ref().clone(), self.depth + 1)?;
        Ok((state, plan))
    }

    async fn evaluate(&self, arguments: &[ScalarValue], result: &DataType) -> Result<ScalarValue> {
        let outer =
            arguments.get(arguments.len().saturating_sub(self.subquery.outer_values)..).unwrap_or_default();
        let (state, plan) = self.plan(outer)?;
        let physical = state.create_physical_plan(&plan).await?;
        let batches = collect(physical, state.task_ctx()).await?;
        let mut values = Vec::new();
        for column in batches.iter().filter_map(|batch| batch.columns().first()) {
            for row in 0..column.len() {
                values.push(ScalarValue::try_from_array(column, row)?);
            }
        }
        let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
        match self.subquery.kind {
            SubqueryKind::Exists => Ok(ScalarValue::Boolean(Some(rows > 0))),
            SubqueryKind::Contains => {
                let looked_for =
                    arguments.first().ok_or_else(|| exec_datafusion_err!("a value is missing"))?;
                let found = values.iter().any(|value| {
                    looked_for.cast_to(&value.data_type()).is_ok_and(|looked_for| looked_for == *value)
                });
                Ok(ScalarValue::Boolean(Some(found)))
            }
            SubqueryKind::Array => {
                let element = element_type(result);
                Ok(ScalarValue::List(ScalarValue::new_list_nullable(&values, &element)))
            }
            SubqueryKind::Scalar => match values.as_slice() {
                [] => ScalarValue::try_new_null(result),
                [value] => Ok(value.clone()),
                _ => exec_err!("more than one row returned by a subquery used as an expression"),
            },
        }
    }
}

fn element_type(list: &DataType) -> DataType {
    match list {
        DataType::List(field) => field.data_type().clone(),
        other => other.clone(),
    }
}

impl fmt::Debug for SubqueryFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubqueryFunction").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PartialEq for SubqueryFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.subquery == other.subquery && Arc::ptr_eq(&self.state, &other.state)
    }
}

impl Eq for SubqueryFunction {}

impl Hash for SubqueryFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.subquery.hash(state);
    }
}

impl ScalarUDFImpl for SubqueryFunction {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, argument_types: &[DataType]) -> Result<DataType> {
        if matches!(self.subquery.kind, SubqueryKind::Exists | SubqueryKind::Contains) {
            return Ok(DataType::Boolean);
        }
        let outer = argument_types
            .iter()
            .rev()
            .take(self.subquery.outer_values)
            .rev()
            .map(ScalarValue::try_new_null)
            .collect::<Result<Vec<_>>>()?;
        let (_, plan) = self.plan(&outer)?;
        let Some(field) = plan.schema().fields().first() else {
            return exec_err!("subquery must return a column");
        };
        let value = field.data_type().clone();
        Ok(if self.subquery.kind == SubqueryKind::Array { DataType::new_list(value, true) } else { value })
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        exec_err!("a subquery can only be waited for")
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for SubqueryFunction {
    async fn invoke_async_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let result = arguments.return_field.data_type().clone();
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let mut known: HashMap<Vec<ScalarValue>, ScalarValue> = HashMap::new();
        let mut values = Vec::with_capacity(arguments.number_rows);
        for row in 0..arguments.number_rows {
            let key = arrays
                .iter()
                .map(|array| ScalarValue::try_from_array(array, if array.len() == 1 { 0 } else { row }))
                .collect::<Result<Vec<_>>>()?;
            let value = match known.get(&key) {
                Some(value) => value.clone(),
                None => {
                    let value = self.evaluate(&key, &result).await?;
                    known.insert(key, value.clone());
                    value
                }
            };
            values.push(value);
        }
        let array: ArrayRef =
            if values.is_empty() { new_empty_array(&result) } else { ScalarValue::iter_to_array(values)? };
        Ok(ColumnarValue::Array(array))
    }
}
