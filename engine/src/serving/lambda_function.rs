//! A call with lambdas as a function of the values that are passed to it: what DataFusion calls in the place
//! of `TRANSFORM(list, x => x + n)`, with `list` and `n`.
//!
//! The call is planned by the rules of continuous queries as soon as the types of these values are known. An
//! element for which a lambda fails is treated as it is there; a row for which the call fails is NULL.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::{DFSchema, Result as DfResult};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::sql::sqlparser::ast;
use parking_lot::Mutex;
use tidemill_sql::SqlError;
use tidemill_sql::lookup::UserParameter;
use tidemill_sql::planner::plan_expression;
use tidemill_sql::type_system::SqlType;

use crate::error::Result;
use crate::expressions::CompiledExpression;
use crate::lookup::EngineLookup;
use crate::serving::row_scan::external;

/// A call, ready to be planned.
pub(super) struct LambdaFunction {
    called: String,
    call: ast::Expr,
    /// What stands in the call for the values.
    parameters: Vec<String>,
    lookup: Arc<EngineLookup>,
    signature: Signature,
    /// The call as it was planned last. The types of its values rarely change.
    planned: Mutex<Option<Planned>>,
}

#[derive(Clone)]
struct Planned {
    types: Vec<DataType>,
    expression: Arc<CompiledExpression>,
    schema: Arc<Schema>,
}

impl LambdaFunction {
    /// A call in which parameters stand for the values, called by a name that is its own.
    pub(super) fn new(
        called: String,
        call: ast::Function,
        parameters: Vec<String>,
        lookup: Arc<EngineLookup>,
    ) -> LambdaFunction {
        let signature = Signature::user_defined(Volatility::Immutable);
        let call = ast::Expr::Function(call);
        LambdaFunction { called, call, parameters, lookup, signature, planned: Mutex::new(None) }
    }

    /// The name by which it is called.
    pub(super) fn called(&self) -> &str {
        &self.called
    }

    /// Whether it is this call, with so many values.
    pub(super) fn is_call(&self, call: &ast::Function, values: usize) -> bool {
        self.parameters.len() == values && self.call.to_string() == call.to_string()
    }

    fn plan(&self, types: &[DataType]) -> Result<Planned> {
        let mut planned = self.planned.lock();
        if let Some(planned) = planned.as_ref().filter(|planned| planned.types == types) {
            return Ok(planned.clone());
        }
        let parameters = self
            .parameters
            .iter()
            .zip(types)
            .map(|(name, data_type)| {
                Ok(UserParameter { name: name.clone(), data_type: SqlType::from_arrow(data_type)? })
            })
            .collect::<std::result::Result<Vec<UserParameter>, SqlError>>()?;
        let (expression, _) = plan_expression(&self.call, &parameters, self.lookup.as_ref())?;
        let fields = self.parameters.iter().zip(types);
        let fields = fields.map(|(name, data_type)| Field::new(name, data_type.clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
        let known = DFSchema::try_from(schema.as_ref().clone())?;
        let expression = Arc::new(CompiledExpression::new(&expression, &known)?);
        let fresh = Planned { types: types.to_vec(), expression, schema };
        *planned = Some(fresh.clone());
        Ok(fresh)
    }

    fn evaluate(&self, columns: Vec<ArrayRef>, rows: usize) -> Result<ArrayRef> {
        let types: Vec<DataType> = columns.iter().map(|column| column.data_type().clone()).collect();
        let planned = self.plan(&types)?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(planned.schema.clone(), columns, &options)?;
        planned.expression.evaluate(&batch, &mut Vec::new())
    }
}

impl fmt::Debug for LambdaFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.call)
    }
}

impl PartialEq for LambdaFunction {
    fn eq(&self, other: &Self) -> bool {
        // Within a query a name is given once.
        self.called == other.called && self.call == other.call && Arc::ptr_eq(&self.lookup, &other.lookup)
    }
}

impl Eq for LambdaFunction {}

impl Hash for LambdaFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.called.hash(state);
    }
}

impl ScalarUDFImpl for LambdaFunction {
    fn name(&self) -> &str {
        &self.called
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        self.plan(types).map(|planned| planned.expression.data_type().clone()).map_err(external)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> DfResult<FieldRef> {
        let types: Vec<DataType> =
            arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, true)))
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let rows = arguments.number_rows;
        let columns = arguments.args.into_iter().map(|argument| argument.into_array(rows));
        let columns = columns.collect::<DfResult<Vec<ArrayRef>>>()?;
        self.evaluate(columns, rows).map(ColumnarValue::Array).map_err(external)
    }
}
