//! Scalar functions, over Arrow arrays.
//!
//! A function is declared once, as an [`EngineFunction`]: what it is called, what it gives for which
//! arguments, and how. The registry lists the functions; names that begin with `tidemill_` are those
//! that plans call for operators, casts and constructors (`tidemill_sql::analyzer::reserved` has their
//! contract), and no statement can name them.

mod cast;
mod cast_text;
mod decimal;
mod integer;
mod like;
mod nested;

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result as DfResult, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use tidemill_sql::analyzer::reserved;

/// Type of the result for the types of the arguments and the values of those that are literals.
type ResultType = fn(&[DataType], &[Option<&ScalarValue>]) -> DfResult<DataType>;

/// The values of the result for the values of the arguments, all with as many rows.
type Evaluate = fn(&[ArrayRef], &DataType) -> DfResult<ArrayRef>;

/// A scalar function.
#[derive(Clone)]
struct EngineFunction {
    name: &'static str,
    /// One line for people; empty for reserved functions.
    description: &'static str,
    result_type: ResultType,
    evaluate: Evaluate,
    signature: Signature,
}

impl EngineFunction {
    fn reserved(name: &'static str, result_type: ResultType, evaluate: Evaluate) -> EngineFunction {
        let signature = Signature::user_defined(Volatility::Immutable);
        EngineFunction { name, description: "", result_type, evaluate, signature }
    }
}

impl std::fmt::Debug for EngineFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

// Functions are told apart by their names.
impl PartialEq for EngineFunction {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for EngineFunction {}

impl Hash for EngineFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for EngineFunction {
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
        Ok(Arc::new(arrow::datatypes::Field::new(self.name, data_type, true)))
    }

    fn coerce_types(&self, arguments: &[DataType]) -> DfResult<Vec<DataType>> {
        Ok(arguments.to_vec())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        // Literals alone are evaluated once, for one row.
        let constant = args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let columns = args
            .args
            .into_iter()
            .map(|argument| argument.into_array(rows))
            .collect::<DfResult<Vec<ArrayRef>>>()?;
        let result = (self.evaluate)(&columns, args.return_field.data_type())?;
        if constant && result.len() == 1 {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        if !constant && result.len() != rows {
            return exec_err!("'{}' gave {} values for {rows} rows", self.name, result.len());
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// All functions.
static FUNCTIONS: LazyLock<Vec<(EngineFunction, Arc<ScalarUDF>)>> = LazyLock::new(|| {
    let declared = [
        EngineFunction::reserved(reserved::DIVIDE, integer::result_type, integer::divide),
        EngineFunction::reserved(reserved::MODULO, integer::result_type, integer::modulo),
        EngineFunction::reserved(reserved::DECIMAL_ADD, decimal::add_type, decimal::add),
        EngineFunction::reserved(reserved::DECIMAL_SUBTRACT, decimal::add_type, decimal::subtract),
        EngineFunction::reserved(reserved::DECIMAL_MULTIPLY, decimal::multiply_type, decimal::multiply),
        EngineFunction::reserved(reserved::DECIMAL_DIVIDE, decimal::divide_type, decimal::divide),
        EngineFunction::reserved(reserved::DECIMAL_MODULO, decimal::modulo_type, decimal::modulo),
        EngineFunction::reserved(reserved::CAST, cast::result_type, cast::cast),
        EngineFunction::reserved(reserved::EQUAL, nested::boolean_type, nested::equal),
        EngineFunction::reserved(reserved::NOT_DISTINCT, nested::boolean_type, nested::not_distinct),
        EngineFunction::reserved(reserved::LIKE, nested::boolean_type, like::like),
        EngineFunction::reserved(reserved::SUBSCRIPT, nested::subscript_type, nested::subscript),
        EngineFunction::reserved(reserved::FIELD, nested::field_type, nested::field),
        EngineFunction::reserved(reserved::ARRAY, nested::array_type, nested::array),
        EngineFunction::reserved(reserved::MAP, nested::map_type, nested::map),
        EngineFunction::reserved(reserved::STRUCT, nested::struct_type, nested::construct),
    ];
    declared
        .into_iter()
        .map(|function| {
            let udf = Arc::new(ScalarUDF::new_from_impl(function.clone()));
            (function, udf)
        })
        .collect()
});

/// A function by name, in any case.
#[must_use]
pub fn lookup(name: &str) -> Option<Arc<ScalarUDF>> {
    FUNCTIONS
        .iter()
        .find(|(function, _)| function.name.eq_ignore_ascii_case(name))
        .map(|(_, udf)| udf.clone())
}

/// Whether statements may name a function.
fn visible(function: &EngineFunction) -> bool {
    !reserved::is_reserved(function.name)
}

/// Names of the functions statements may name.
#[must_use]
pub fn names() -> Vec<String> {
    FUNCTIONS
        .iter()
        .filter(|(function, _)| visible(function))
        .map(|(function, _)| function.name.to_owned())
        .collect()
}

/// The functions statements may name.
#[must_use]
pub fn all() -> Vec<Arc<ScalarUDF>> {
    FUNCTIONS.iter().filter(|(function, _)| visible(function)).map(|(_, udf)| udf.clone()).collect()
}

/// Names and descriptions of the functions statements may name.
#[must_use]
pub fn described() -> Vec<(String, String)> {
    let described = |(function, _): &(EngineFunction, Arc<ScalarUDF>)| {
        visible(function).then(|| (function.name.to_owned(), function.description.to_owned()))
    };
    FUNCTIONS.iter().filter_map(described).collect()
}
