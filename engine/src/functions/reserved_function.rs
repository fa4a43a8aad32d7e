//! The functions that plans call for operators, casts and constructors.
//!
//! Their contract is `tidemill_sql::analyzer::reserved`: the planner has made the arguments fit.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::call::evaluate_columns;

/// Type of the result for the types of the arguments and the values of those that are literals.
type ResultType = fn(&[DataType], &[Option<&ScalarValue>]) -> DfResult<DataType>;

/// The values of the result for the values of the arguments, all with as many rows.
type Evaluate = fn(&[ArrayRef], &DataType) -> DfResult<ArrayRef>;

/// A function that plans call.
#[derive(Clone)]
pub(super) struct ReservedFunction {
    name: &'static str,
    result_type: ResultType,
    evaluate: Evaluate,
    signature: Signature,
}

impl ReservedFunction {
    pub(super) fn new(name: &'static str, result_type: ResultType, evaluate: Evaluate) -> ReservedFunction {
        let signature = Signature::user_defined(Volatility::Immutable);
        ReservedFunction { name, result_type, evaluate, signature }
    }
}

impl std::fmt::Debug for ReservedFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

// Functions are told apart by their names.
impl PartialEq for ReservedFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for ReservedFunction {}

impl Hash for ReservedFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for ReservedFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> DfResult<DataType> {
        let constants = vec![None; arguments.len()];
        (self.result_type)(arguments, &constants)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DfResult<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let data_type = (self.result_type)(&types, args.scalar_arguments)?;
        Ok(Arc::new(Field::new(self.name, data_type, true)))
    }

    fn coerce_types(&self, arguments: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(arguments.to_vec())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        evaluate_columns(self.name, args, true, |columns, _, result_type| {
            (self.evaluate)(columns, result_type)
        })
    }
}
